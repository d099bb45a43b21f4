"""A data set as a value: raw detector counts, labels, three parts, and the fixed-point type of the input."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import FixedPoint, Key
from qkdflow.datasets.card import dataset_card
from qkdflow.datasets.split import I64, Indices, fewer, folds, split
from qkdflow.errors import DataError
from qkdflow.files import read_json, read_npz, write_json, write_npz
from qkdflow.refusal import BROKEN

FORMAT = 1  # of the saved form
F32 = NDArray[np.float32]


class Part(NamedTuple):
    """The rows of one part: x float32 (m, *shape) raw counts, y int64 (m,) labels."""

    x: F32
    y: I64


@dataclass(frozen=True, eq=False)
class Dataset:
    """Raw detector counts with labels, cut into train, valid and test.

    x float32 (n, *shape), y int64 (n,) in 0 .. classes-1, `input_type` the type of the raw input, `indices`
    the rows of each part. Arrays are read-only. DataError where they do not fit together, where a value is
    not finite, where two parts share a row, or where a part lacks a class.
    """

    name: str
    x: F32 = field(repr=False)
    y: I64 = field(repr=False)
    class_names: tuple[str, ...]
    input_type: FixedPoint
    indices: Indices = field(repr=False)

    @classmethod
    def make(cls, name: str, x: F32, y: I64, class_names: tuple[str, ...], input_type: FixedPoint, key: Key) -> Dataset:
        """A data set of x (n, *shape) and y (n,) cut 70/15/15 by `key`, stratified (see `split`)."""
        return cls(name, x, y, class_names, input_type, split(y, class_names, key))

    def __post_init__(self) -> None:
        if fault := _fault(self):
            raise DataError(f"[dataset {self.name}] {fault}")
        object.__setattr__(self, "x", _read_only(_without_minus_zero(self.x)))
        object.__setattr__(self, "y", _read_only(self.y))
        object.__setattr__(self, "indices", Indices(*map(_read_only, self.indices)))

    @property
    def samples(self) -> int:
        """How many there are, in all three parts."""
        return len(self.x)

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.class_names)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.x.shape[1:]

    @cached_property
    def train(self) -> Part:
        return self._part(self.indices.train)

    @cached_property
    def valid(self) -> Part:
        return self._part(self.indices.valid)

    @cached_property
    def test(self) -> Part:
        return self._part(self.indices.test)

    @property
    def constant_features(self) -> int:
        """How many values of a sample never change in the training part: nothing can be learned from them."""
        return int((self.train.x == self.train.x[0]).all(axis=0).sum())

    def _part(self, rows: I64) -> Part:
        return Part(_read_only(self.x[rows]), _read_only(self.y[rows]))

    def folds(self, k: int, key: Key) -> list[Dataset]:
        """k data sets over the same rows whose test parts are k stratified folds (see `split.folds`)."""
        cuts = folds(self.y, self.class_names, k, key)
        return [replace(self, name=f"{self.name} fold {i + 1} of {k}", indices=cut) for i, cut in enumerate(cuts)]

    def limited(self, train_rows: int, key: Key) -> Dataset:
        """The same with at most so many rows to train on, the others dropped (see `split.fewer`)."""
        cut = fewer(self.indices, self.y, train_rows, key)
        rows = np.sort(np.concatenate(cut))  # the others are dropped: a run keeps what it uses
        places = Indices(*(np.searchsorted(rows, part) for part in cut))
        return replace(self, x=self.x[rows], y=self.y[rows], indices=places)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes dataset.npz and then dataset.json; the same data set gives the same bytes."""
        folder = Path(folder)
        arrays = {"x": _packed(self.x), "y": _packed(self.y), **self.indices._asdict()}
        write_npz(folder / "dataset.npz", arrays)
        about: dict[str, Any] = {
            "format": FORMAT,
            "name": self.name,
            "samples": self.samples,
            "shape": self.shape,
            "class_names": self.class_names,
            "input_type": self.input_type.to_dict(),
        }
        write_json(folder / "dataset.json", about)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Dataset:
        """What `save` wrote. DataError, naming the file, where missing, damaged or of another format."""
        path = Path(folder) / "dataset.json"
        about, arrays = read_json(path), read_npz(Path(folder) / "dataset.npz")
        try:
            if about["format"] != FORMAT:
                raise DataError(f"[load {path}] format {FORMAT} is required; got {about['format']}")
            indices = Indices(*(arrays[part].astype(np.int64) for part in Indices._fields))
            loaded = cls(
                str(about["name"]),
                arrays["x"].astype(np.float32),
                arrays["y"].astype(np.int64),
                tuple(map(str, about["class_names"])),
                FixedPoint.from_dict(about["input_type"]),
                indices,
            )
            told = [about["samples"], *about["shape"]]
        except DataError:
            raise
        except BROKEN as error:
            raise DataError(f"[load {path}] a saved data set is required; got {error!r}") from error
        if [loaded.samples, *loaded.shape] != told:
            raise DataError(f"[load {path}] dataset.npz must belong to it; got an x of {loaded.x.shape}")
        return loaded

    def _repr_html_(self) -> str:
        return dataset_card(self)


def _fault(d: Dataset) -> str:
    """What is required of a data set and what `d` has instead; empty where all is well."""
    x, y, rows = d.x, d.y, np.concatenate(d.indices)
    if x.dtype != np.float32 or x.ndim < 2 or x[:1].size == 0:
        return f"x must be float32 (n, *shape), n and shape above 0; got {x.dtype} {x.shape}"
    if y.dtype != np.int64 or y.shape != x.shape[:1]:
        return f"y must be int64 ({len(x)},); got {y.dtype} {y.shape}"
    if not np.isfinite(x).all():
        return "values must be finite; got NaN or an infinity in x"
    if d.classes < 2 or len(set(d.class_names)) != d.classes:
        return f"at least 2 classes with different names are required; got {d.class_names}"
    if y.min() < 0 or y.max() >= d.classes:
        return f"labels must be 0 to {d.classes - 1}; got {y.min()} to {y.max()}"
    if rows.dtype != np.int64 or rows.size == 0 or rows.min() < 0 or rows.max() >= len(x):
        return f"indices must be int64 rows 0 to {len(x) - 1}; got {rows.dtype} {rows[:3]}..."
    if np.bincount(rows).max() > 1:
        return f"parts must not share a row; got row {np.bincount(rows).argmax()} twice"
    for part, mine in zip(Indices._fields, d.indices, strict=True):
        counts = np.bincount(y[mine], minlength=d.classes)
        if not counts.all():
            return f"every class must appear in the {part} part; got no '{d.class_names[int(counts.argmin())]}'"
    return ""


def _without_minus_zero(x: F32) -> F32:
    # Saved counts are integers, which have one zero: with one zero here too, loading gives the same bits.
    return x + np.float32(0) if np.signbit(x[x == 0]).any() else x  # no copy where none is needed: folds share x


def _read_only(array: Any) -> Any:
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _packed(array: NDArray[Any]) -> NDArray[Any]:
    """`array` in the smallest integer type that holds it exactly, or unchanged: counts are small integers."""
    low, high = array.min(), array.max()
    if max(-low, high) < 2**31:
        small = np.promote_types(np.min_scalar_type(int(low)), np.min_scalar_type(int(high)))
        packed = array.astype(small)
        if packed.dtype.itemsize < array.dtype.itemsize and bool((packed == array).all()):
            return packed
    return array
