"""Data sets from whole arrays: parts that a file comes with are kept, missing ones are cut from its train part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import FixedPoint, Key
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.input_type import EXACT, adc_type, input_type
from qkdflow.datasets.split import I64, keep_parts
from qkdflow.errors import DataError
from qkdflow.limits import MOST_VALUES

# What the parts are called in folders and arrays. t10k is MNIST's.
PART_NAMES = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
    "t10k": "test",
}


class Labelled(NamedTuple):
    """One part as read: x (n, *shape) any numbers, y int64 (n,) labels in 0 .. classes-1, where it was read."""

    x: NDArray[np.generic]
    y: I64
    where: str


def make_dataset(
    name: str,
    where: str,
    parts: Mapping[str, Labelled],
    class_names: tuple[str, ...],
    key: Key,
    kind: FixedPoint | None = None,
) -> Dataset:
    """The data set of checked parts; a train part alone is cut 70/15/15, stratified.

    `kind` is the input's type where the numbers do not tell: bytes are those of an 8-bit converter. DataError where
    the parts do not fit together, hold NaN or numbers beyond 2^24, or where a class is missing or too small.
    """
    if "train" not in parts:
        raise DataError(f"[{where}] a train part is required; got {', '.join(parts) or 'none'}")
    for part in parts.values():
        if part.x.ndim < 2 or part.x.size == 0:
            required = "samples of shape (n, *shape), none of them 0, are required"
            raise DataError(f"[{part.where}] {required}; got {part.x.shape}")
    shape = parts["train"].x.shape[1:]
    check_size(where, (sum(len(p.x) for p in parts.values()), *shape))
    for part in parts.values():
        _check(part, shape, len(class_names))
    if kind is None and all(p.x.dtype == np.uint8 for p in parts.values()):
        kind = adc_type(8)
    x = np.empty((sum(len(p.x) for p in parts.values()), *shape), np.float32)
    rows: dict[str, I64] = {}
    begin = 0
    for part_name, part in parts.items():
        end = begin + len(part.x)
        x[begin:end] = part.x
        rows[part_name] = np.arange(begin, end)
        begin = end
    y = np.concatenate([p.y for p in parts.values()]).astype(np.int64)
    try:
        kind = kind or input_type(x)
        if len(parts) == 1:
            return Dataset.make(name, x, y, class_names, kind, key)
        return Dataset(name, x, y, class_names, kind, keep_parts(y, class_names, rows, key))
    except DataError as error:
        raise DataError(f"[{where}] {error}") from error


def check_size(where: str, shape: Sequence[int]) -> None:
    """DataError where an array of this shape is more than a data set may hold; before it is allocated."""
    values = int(np.prod([int(n) for n in shape], dtype=object))
    if values > MOST_VALUES:
        raise DataError(f"[{where}] at most {MOST_VALUES:,} values are required; got {tuple(shape)}. Keep fewer rows")


def _check(part: Labelled, shape: tuple[int, ...], classes: int) -> None:
    x, y, where = part
    if x.dtype.kind not in "fiub":
        raise DataError(f"[{where}] numbers are required; got {x.dtype}")
    if x.shape[1:] != shape:
        raise DataError(f"[{where}] samples of one shape are required, {shape} in the train part; got {x.shape[1:]}")
    if y.shape != x.shape[:1]:
        raise DataError(f"[{where}] one label a sample is required: ({len(x)},); got {y.shape}")
    if y.size and (y.min() < 0 or y.max() >= classes):
        raise DataError(f"[{where}] labels must be 0 to {classes - 1}; got {y.min()} to {y.max()}")
    wrong = first_bad(x)
    if wrong is not None:
        row, value = wrong
        raise DataError(f"[{where}, row {row}] a finite number within +-2^24 is required; got {value}")


def first_bad(x: NDArray[np.generic]) -> tuple[int, object] | None:
    """The first row of x (n, *shape) that holds NaN, an infinity or a number beyond +-2^24, and that number."""
    if x.dtype.kind == "b" or (x.dtype.itemsize < 3 and x.dtype.kind in "iu"):
        return None
    for begin in range(0, len(x), 4096):  # in pieces: no second copy of the whole
        piece = np.asarray(x[begin : begin + 4096], np.float64).reshape(len(x[begin : begin + 4096]), -1)
        bad = ~(np.abs(piece) <= EXACT)
        if bad.any():
            row = int(bad.any(axis=1).argmax())
            return begin + row, float(piece[row][bad[row]][0])
    return None
