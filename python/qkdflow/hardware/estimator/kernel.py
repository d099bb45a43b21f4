"""What a dense layer's integers cost before any tool sees them: zeros, signed digits, constants that need a DSP.

Notation: a signed digit is a non-zero digit of the canonical signed-digit form (no two neighbours are non-zero), the
fewest additions and subtractions of shifted inputs that make a product; digits(w) = popcount(w XOR 3w).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow.errors import ConfigError

FABRIC_WIDTH = 4  # bits of a constant up to which the older tool multiplies in LUTs whatever its digits


@dataclass(frozen=True)
class Kernel:
    """Counts of an integer matrix (n_in, n_out); made by `Kernel.of`, or from a table's columns.

    two_digit, many_digit: weights of two, of more signed digits; distinct_many, distinct_two: distinct signed weights
    of more than two, of two digits, counted within each input row and summed; narrow: those of distinct_many that
    are positive and fit into `FABRIC_WIDTH` bits.
    """

    n_in: int
    n_out: int
    zeros: int
    two_digit: int
    many_digit: int
    distinct_many: int
    distinct_two: int = 0
    narrow: int = 0

    @property
    def size(self) -> int:
        """Weights, zeros among them."""
        return self.n_in * self.n_out

    @property
    def nonzero(self) -> int:
        """Weights that are not zero."""
        return self.size - self.zeros

    @property
    def per_output(self) -> float:
        """Non-zero weights of an average output."""
        return self.nonzero / self.n_out

    @classmethod
    def of(cls, weights: ArrayLike) -> Kernel:
        """The counts of `weights`, integers (n_in, n_out). ConfigError for any other array."""
        w = integer_matrix(weights)
        digits = signed_digits(w)
        ordered = np.sort(w, axis=1)
        first = np.ones(ordered.shape, dtype=bool)
        first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        constants = ordered[first]
        n = signed_digits(constants)
        many = constants[n > 2]
        return cls(
            n_in=w.shape[0],
            n_out=w.shape[1],
            zeros=int(np.count_nonzero(digits == 0)),
            two_digit=int(np.count_nonzero(digits == 2)),
            many_digit=int(np.count_nonzero(digits > 2)),
            distinct_many=many.size,
            distinct_two=int(np.count_nonzero(n == 2)),
            narrow=int(np.count_nonzero((many > 0) & (many < 1 << FABRIC_WIDTH))),
        )


def integer_matrix(weights: ArrayLike) -> NDArray[np.int64]:
    array: NDArray[Any] = np.asarray(weights)
    if array.ndim != 2 or array.size == 0:
        raise ConfigError(f"[estimate] weights must be a matrix (n_in, n_out); got shape {array.shape}")
    if array.dtype.kind not in "iu":
        raise ConfigError(f"[estimate] weights must be integer codes; got dtype {array.dtype}. Encode them first")
    return np.ascontiguousarray(array, dtype=np.int64)


def signed_digits(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Non-zero digits of each code's canonical signed-digit form, same shape."""
    magnitude = np.abs(codes).astype(np.uint64)
    bits = magnitude ^ (3 * magnitude)
    ones: NDArray[np.int64] = np.unpackbits(bits.view(np.uint8).reshape(*bits.shape, 8), axis=-1).sum(
        axis=-1, dtype=np.int64
    )
    return ones


def signed_width(codes: NDArray[np.int64]) -> int:
    """Bits of the narrowest two's complement type that holds all codes."""
    low, high = int(codes.min()), int(codes.max())
    return max(max(high, 0).bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1
