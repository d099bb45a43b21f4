"""Two objectives, both to be minimised. Nothing of the optimiser was chosen on these,
but for the network, whose front is in the main set too."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from qkdflow.contest.problem import Problem, Values
from qkdflow.contest.trained import NETWORK_COST
from qkdflow.tune import HyperParameters


# Kursawe, "A variant of evolution strategies for vector optimization" (PPSN 1990).
def _kursawe_space(hp: HyperParameters) -> None:
    for i in range(3):
        hp.Float(f"x{i}", -5, 5)


def _kursawe_first(values: Values) -> float:
    x = np.array([float(values[f"x{i}"]) for i in range(3)])
    return float((-10 * np.exp(-0.2 * np.hypot(x[:-1], x[1:]))).sum())


def _kursawe_second(values: Values) -> float:
    x = np.array([float(values[f"x{i}"]) for i in range(3)])
    return float((np.abs(x) ** 0.8 + 5 * np.sin(x**3)).sum())


# ZDT3 of Zitzler, Deb and Thiele, "Comparison of multiobjective evolutionary algorithms" (2000): five pieces of front.
def _zdt3_space(hp: HyperParameters) -> None:
    for i in range(6):
        hp.Float(f"x{i}", 0, 1)


def _zdt3_first(values: Values) -> float:
    return float(values["x0"])


def _zdt3_second(values: Values) -> float:
    first = float(values["x0"])
    g = 1 + 9 * sum(float(values[f"x{i}"]) for i in range(1, 6)) / 5
    return g * (1 - math.sqrt(first / g) - first / g * math.sin(10 * math.pi * first))


KURSAWE = Problem("kursawe", _kursawe_space, _kursawe_first, None, _kursawe_second, (-14.0, 1.0), known_cost=False)
ZDT3 = Problem("zdt3", _zdt3_space, _zdt3_first, None, _zdt3_second, (1.1, 5.0), known_cost=False)
# The same front with its cost measured, as the peers take it.
NETWORK_MEASURED = replace(NETWORK_COST, name="network_digits_measured", known_cost=False)
