"""Arrays that come from outside, checked once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow.errors import DataError
from qkdflow.models.weights import FloatArray


def inputs(x: ArrayLike, name: str, shape: tuple[int, ...]) -> FloatArray:
    array = np.ascontiguousarray(x, dtype=np.float32)
    if array.shape[1:] != shape or array.ndim == 0:
        raise DataError(f"[{name}] must be (samples, {', '.join(map(str, shape))}); got {array.shape}")
    if len(array) == 0:
        raise DataError(f"[{name}] holds no sample")
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.argwhere(~finite)[0][0])
        raise DataError(f"[{name}] must be finite numbers; got NaN or infinity in row {row}")
    return array


def finite(logits: ArrayLike, name: str) -> FloatArray:
    """A teacher's logits; one whose weights hold NaN teaches NaN."""
    array = np.ascontiguousarray(logits, dtype=np.float32)
    if not np.isfinite(array).all():
        raise DataError(f"[{name}] logits must be finite; got NaN or infinity. `qkdflow inspect` names a file's NaNs")
    return array


def labels(y: ArrayLike, name: str, samples: int, classes: int) -> NDArray[np.int32]:
    """Labels 0 .. classes-1, int32 (samples,), of labels or one-hot rows."""
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == classes > 1:
        array = array.argmax(axis=1)
    array = array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
    if array.shape != (samples,):
        raise DataError(
            f"[{name}] must hold {samples} labels, or rows of {classes}, one a row of x; got {np.asarray(y).shape}"
        )
    whole = array.dtype.kind in "biu" or bool(np.all(array == np.rint(array)))
    if not whole or array.min() < 0 or array.max() >= classes:
        raise DataError(f"[{name}] labels must be 0 to {classes - 1} for a network of {classes} outputs; got others")
    return np.ascontiguousarray(array, dtype=np.int32)
