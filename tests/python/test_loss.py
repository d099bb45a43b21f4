"""Losses: values against plain NumPy in float64, gradients against finite differences of it."""

from __future__ import annotations

import numpy as np
import pytest
from qkdflow import Key, _core

N, CLASSES = 17, 4
LOGITS = (3 * Key(1).normal(N * CLASSES).reshape(N, CLASSES)).astype(np.float32)
TEACHER = (3 * Key(2).normal(N * CLASSES).reshape(N, CLASSES)).astype(np.float32)
LABELS = (Key(3).uniform(N) * CLASSES).astype(np.int32)


def log_softmax(x: np.ndarray) -> np.ndarray:
    top = x.max(axis=1, keepdims=True)
    return x - top - np.log(np.exp(x - top).sum(axis=1, keepdims=True))


def definition(s: np.ndarray, alpha: float, temperature: float) -> float:
    """alpha * CE + (1 - alpha) * T^2 * KL(softmax(t / T) || softmax(s / T)), mean over the samples."""
    ce = -log_softmax(s)[np.arange(N), LABELS].mean()
    t = log_softmax(TEACHER.astype(np.float64) / temperature)
    kl = (np.exp(t) * (t - log_softmax(s / temperature))).sum(axis=1).mean()
    return float(alpha * ce + (1 - alpha) * temperature**2 * kl)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 4.0, 10.0])
def test_distillation(alpha: float, temperature: float) -> None:
    value, gradient = _core.loss(LOGITS, LABELS, TEACHER, alpha, temperature)
    s = LOGITS.astype(np.float64)
    assert value == pytest.approx(definition(s, alpha, temperature), rel=1e-5)
    h = 1e-5
    for i, j in [(0, 0), (3, 2), (16, 3)]:
        up, down = s.copy(), s.copy()
        up[i, j] += h
        down[i, j] -= h
        slope = (definition(up, alpha, temperature) - definition(down, alpha, temperature)) / (2 * h)
        assert gradient[i, j] == pytest.approx(slope, abs=2e-6)


def test_cross_entropy_alone_is_distillation_with_alpha_one() -> None:
    value, gradient = _core.loss(LOGITS, LABELS)
    other, same = _core.loss(LOGITS, LABELS, TEACHER, 1.0, 3.0)
    assert value == pytest.approx(other)
    np.testing.assert_allclose(gradient, same, atol=1e-7)


def test_the_student_that_equals_its_teacher_has_nothing_to_learn() -> None:
    value, gradient = _core.loss(TEACHER, LABELS, TEACHER, 0.0, 4.0)
    assert value == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
