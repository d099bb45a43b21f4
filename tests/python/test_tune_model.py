"""The model behind the suggestions: its posterior against scikit-learn, its regret against chance."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from qkdflow import Key, _core
from qkdflow.tune import HyperParameters, Study, learn

Values = dict[str, float]


def test_the_posterior_agrees_with_scikit_learn() -> None:
    process = pytest.importorskip("sklearn.gaussian_process", reason="scikit-learn is not installed")
    kernels = process.kernels
    n, features = 40, 3
    x = Key(1).uniform(n * features).reshape(n, features)
    at = Key(2).uniform(15 * features).reshape(15, features)
    y = np.sin(5 * x[:, 0]) + x[:, 1] ** 2 - x[:, 2]
    lengths, signal, noise = np.array([0.3, 0.8, 2.0]), 1.7, 1e-2
    theta = np.log([*lengths, signal, noise])
    mean, variance = _core.gp_posterior(x, y, [False] * 3, theta, at)

    # Its mean is zero: with our constant mean c, the outputs y - c give the posterior shifted by c.
    covariance = signal * kernels.Matern(lengths, nu=2.5)(x) + (noise + 1e-6) * np.eye(n)
    one = np.ones(n)
    c = one @ np.linalg.solve(covariance, y) / (one @ np.linalg.solve(covariance, one) + 1)
    kernel = kernels.ConstantKernel(signal) * kernels.Matern(lengths, nu=2.5)
    reference = process.GaussianProcessRegressor(kernel, alpha=noise + 1e-6, optimizer=None).fit(x, y - c)
    its_mean, its_deviation = reference.predict(at, return_std=True)
    np.testing.assert_allclose(mean, its_mean + c, rtol=0, atol=1e-8)
    np.testing.assert_allclose(variance, its_deviation**2, rtol=0, atol=1e-8)


def test_the_map_objective_falls_along_its_gradient() -> None:
    x = Key(1).uniform(60).reshape(20, 3)
    y = np.sin(5 * x[:, 0])
    theta = np.array([0.0, 0.0, 0.0, 0.0, -3.0])
    value, gradient = _core.gp_map(x, y, [False, False, True], theta)
    lower, _ = _core.gp_map(x, y, [False, False, True], theta - 1e-4 * gradient)
    assert lower - value == pytest.approx(-1e-4 * gradient @ gradient, rel=0.05)


def test_log_h_is_the_logarithm_of_expected_improvement() -> None:
    for z in (-3.0, 0.0, 2.0):
        phi = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        below = 0.5 * math.erfc(-z / math.sqrt(2))
        assert _core.log_h(z)[0] == pytest.approx(math.log(phi + z * below), rel=1e-10)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="same n"):
        _core.gp_map(np.zeros((3, 2)), np.zeros(4), [False, False], np.zeros(4))
    with pytest.raises(ValueError, match="theta P \\+ 2"):
        _core.gp_map(np.zeros((3, 2)), np.zeros(3), [False, False], np.zeros(3))


def branin(values: Values) -> float:
    x, y = values["x"], values["y"]
    bowl = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.397887


def branin_space(hp: HyperParameters) -> None:
    hp.Float("x", -5, 10)
    hp.Float("y", 0, 15)


def hartmann6(values: Values) -> float:
    a = np.array(
        [
            [10, 3, 17, 3.5, 1.7, 8],
            [0.05, 10, 17, 0.1, 8, 14],
            [3, 3.5, 1.7, 10, 17, 8],
            [17, 8, 0.05, 10, 0.1, 14],
        ]
    )
    p = 1e-4 * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    )
    x = np.array([values[f"x{i}"] for i in range(6)])
    return 3.32237 - float(np.array([1, 1.2, 3, 3.2]) @ np.exp(-(a * (x - p) ** 2).sum(axis=1)))


def hartmann6_space(hp: HyperParameters) -> None:
    for i in range(6):
        hp.Float(f"x{i}", 0, 1)


def random_regret(space: Callable[[HyperParameters], None], f: Callable[[Values], float], trials: int) -> float:
    """The mean over 100 seeds of the best of uniform draws."""
    parameters = learn(space).parameters
    best = []
    for seed in range(100):
        draws = Key(seed).uniform(trials * len(parameters)).reshape(trials, -1)
        best.append(min(f({p.name: p.value_at(u) for p, u in zip(parameters, row, strict=True)}) for row in draws))
    return float(np.mean(best))


@pytest.mark.parametrize(
    ("space", "f", "trials", "share"),
    [(branin_space, branin, 40, 0.02), (hartmann6_space, hartmann6, 40, 0.25)],
)
def test_regret_is_a_fraction_of_that_of_chance(
    space: Callable[[HyperParameters], None], f: Callable[[Values], float], trials: int, share: float
) -> None:
    regrets = []
    for seed in range(10):
        best = Study(space, direction="min", seed=seed).optimize(lambda t: f(t.values), trials)
        assert best is not None
        assert best.value is not None
        regrets.append(best.value)
    assert np.mean(regrets) < share * random_regret(space, f, trials)
