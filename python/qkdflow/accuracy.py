"""What an accuracy measured on n samples says, and what it does not."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Z = 1.959964  # the normal quantile of a two-sided 95 % interval


def wilson(accuracy: float, samples: int) -> tuple[float, float]:
    """The 95 % interval (low, high) in [0, 1] of a success rate measured on `samples` (Wilson, 1927)."""
    n, z2 = samples, _Z * _Z
    centre = (accuracy + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(accuracy * (1 - accuracy) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def margin(first: float, second: float, samples: int) -> float:
    """Half the 95 % interval of first - second; cautious, as it ignores that they share their samples."""
    return _Z * math.sqrt((first * (1 - first) + second * (1 - second)) / samples)


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Samples by true class (rows) and predicted class (columns), of classes (n,) in 0 .. classes-1."""
    pairs = np.asarray(labels, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
