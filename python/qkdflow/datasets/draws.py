"""What simulators draw: every quantity from a key of its own, so that more samples begin with the same ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key

F64 = NDArray[np.float64]
Range = tuple[float, float]


def uniform(key: Key, name: str, n: int) -> F64:
    """(n,) in [0, 1)."""
    return np.asarray(key.fold(name).uniform(n))


def normal(key: Key, name: str, n: int, samples: int) -> F64:
    """(n, samples) of mean 0 and deviation 1."""
    return np.asarray(key.fold(name).normal(n * samples)).reshape(n, samples)


def between(key: Key, name: str, n: int, bounds: Range) -> F64:
    """(n,) uniform between the bounds."""
    return bounds[0] + (bounds[1] - bounds[0]) * uniform(key, name, n)


def choose(key: Key, name: str, second: NDArray[np.bool_], first_range: Range, second_range: Range) -> F64:
    """(n,) between the bounds of the first or, where `second` (n,) holds, of the second kind."""
    n = len(second)
    return np.where(second, between(key, name, n, second_range), between(key, name, n, first_range))
