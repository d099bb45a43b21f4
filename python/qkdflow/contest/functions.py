"""Functions in closed form, their optima known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qkdflow.contest.problem import Problem, Values
from qkdflow.tune import HyperParameters


def _floats(values: Values, *names: str) -> list[float]:
    return [float(values[name]) for name in names]


def _branin(values: Values) -> float:
    x, y = _floats(values, "x", "y")
    bowl = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def _branin_space(hp: HyperParameters) -> None:
    hp.Float("x", -5, 10)
    hp.Float("y", 0, 15)


HARTMANN_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def _hartmann6(values: Values) -> float:
    x = np.array(_floats(values, *(f"x{i}" for i in range(6))))
    return -float(np.array([1, 1.2, 3, 3.2]) @ np.exp(-(HARTMANN_A * (x - HARTMANN_P) ** 2).sum(axis=1)))


def _hartmann6_space(hp: HyperParameters) -> None:
    for i in range(6):
        hp.Float(f"x{i}", 0, 1)


ACKLEY_CENTRE = (2, -3, 1, 1.37, -2.41, 0.53)  # where the optimum was moved to


def _ackley_mix6(values: Values) -> float:
    z = np.array(_floats(values, *(f"x{i}" for i in range(6)))) - ACKLEY_CENTRE
    wave = np.exp(np.cos(2 * np.pi * z).mean())
    return float(20 - 20 * np.exp(-0.2 * np.sqrt((z * z).mean())) + np.e - wave)


def _ackley_mix6_space(hp: HyperParameters) -> None:
    for i in range(3):
        hp.Int(f"x{i}", -5, 5)
    for i in range(3, 6):
        hp.Float(f"x{i}", -5, 5)


# Func3C of Ru et al., "Bayesian optimisation over multiple continuous and categorical inputs" (ICML 2020): sums of
# Rosenbrock's, the six-hump camel's and Beale's functions that three categories choose.
def _rosenbrock(x: float, y: float) -> float:
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def _camel(x: float, y: float) -> float:
    return (4 - 2.1 * x * x + x**4 / 3) * x * x + x * y + (4 * y * y - 4) * y * y


def _beale(x: float, y: float) -> float:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y * y) ** 2 + (2.625 - x + x * y**3) ** 2


def _func3c(values: Values) -> float:
    x, y = (2 * v for v in _floats(values, "x", "y"))
    rosenbrock, camel, beale = _rosenbrock(x, y), _camel(x, y), _beale(x, y)
    first = {"rosenbrock": rosenbrock, "camel": camel, "beale": beale}[str(values["h1"])]
    second = {"rosenbrock": rosenbrock, "camel": camel, "beale": beale}.get(str(values["h2"]), 0.0)
    third = {"camel": 5 * camel, "rosenbrock": 2 * rosenbrock, "beale": 2 * beale}.get(str(values["h3"]), 3 * beale)
    return math.log1p(first + second + third + 10)


def _func3c_space(hp: HyperParameters) -> None:
    hp.Choice("h1", ["rosenbrock", "camel", "beale"])
    hp.Choice("h2", ["rosenbrock", "camel", "beale", "none", "nothing"])
    hp.Choice("h3", ["camel", "rosenbrock", "beale", "other"])
    hp.Float("x", -1, 1)
    hp.Float("y", -1, 1)


def _levy_mix(values: Values) -> float:
    x = np.array(_floats(values, "x0", "x1", "x2", "x3"))
    w = 1 + (x - 1) / 4
    inner = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)).sum()
    edges = np.sin(np.pi * w[0]) ** 2 + (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
    return float(edges + inner) + {"a": 2.0, "b": 0.0, "c": 1.0, "d": 4.0}[str(values["kind"])]


def _levy_mix_space(hp: HyperParameters) -> None:
    hp.Int("x0", -10, 10)
    hp.Int("x1", -10, 10)
    hp.Float("x2", -10, 10)
    hp.Float("x3", -10, 10)
    hp.Choice("kind", ["a", "b", "c", "d"])


def _michalewicz5(values: Values) -> float:
    x = np.array(_floats(values, *(f"x{i}" for i in range(5))))
    return -float((np.sin(x) * np.sin(np.arange(1, 6) * x**2 / np.pi) ** 20).sum())


def _michalewicz5_space(hp: HyperParameters) -> Any:
    return [hp.Float(f"x{i}", 0, math.pi) for i in range(5)]


BRANIN = Problem("branin", _branin_space, _branin, 0.397887)
HARTMANN6 = Problem("hartmann6", _hartmann6_space, _hartmann6, -3.32237)
ACKLEY_MIX6 = Problem("ackley_mix6", _ackley_mix6_space, _ackley_mix6, 0.0)
# The camel alone, six times (h1, five of h3), has its minimum -1.0316 at (0.0898, -0.7126), h2 without a part or camel.
FUNC3C = Problem("func3c", _func3c_space, _func3c, math.log1p(10 - 7 * 1.031628453))
LEVY_MIX = Problem("levy_mix", _levy_mix_space, _levy_mix, 0.0)
MICHALEWICZ5 = Problem("michalewicz5", _michalewicz5_space, _michalewicz5, -4.687658)
