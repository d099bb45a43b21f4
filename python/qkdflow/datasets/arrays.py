"""Data sets from named arrays: an NPZ, a folder of NPY files, or an HDF5 file, with Keras's names. No pickle.

x and y (cut 70/15/15), or x_train and y_train with x_test and y_test and, where there is one, x_valid and y_valid;
val and validation are understood too. x is (n, *shape), y (n,) whole numbers or text, or one-hot rows (n, classes).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.datasets.csv import classes
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.parts import PART_NAMES, Labelled, make_dataset
from qkdflow.datasets.split import I64
from qkdflow.errors import DataError
from qkdflow.files import read_npy, read_npz

Arrays = Mapping[str, NDArray[Any]]


def load_npz(path: str | os.PathLike[str], *, key: Key, name: str | None = None) -> Dataset:
    """The data set in an NPZ file. DataError names file, array and row."""
    path = Path(path)
    return _from_arrays(path, read_npz(path), key, name or path.stem)


def load_npy(folder: str | os.PathLike[str], *, key: Key, name: str | None = None) -> Dataset:
    """The data set in a folder of NPY files: x_train.npy, y_train.npy, ... DataError names file, array, row."""
    folder = Path(folder)
    there = [p.stem for p in folder.glob("*.npy")]
    arrays = {stem: read_npy(folder / f"{stem}.npy") for stem in _known(there)}
    return _from_arrays(folder, arrays, key, name or folder.name, there)


def load_hdf5(path: str | os.PathLike[str], *, key: Key, name: str | None = None) -> Dataset:
    """The data set in an HDF5 file, its arrays at the top. DataError names file, dataset and row."""
    from qkdflow.hdf5 import open_hdf5  # brings h5py: 0.1 s that other files do not need

    path = Path(path)
    with open_hdf5(path, str(path)) as file:
        names = file.names()
        arrays = {n: file.dataset(n) for n in _known(names)}
    return _from_arrays(path, arrays, key, name or path.stem, names)


def _known(names: Iterable[str]) -> list[str]:
    return [n for n in sorted(names) if _part(n) is not None]


def _part(name: str) -> tuple[str, str] | None:
    """(x or y, part) of an array's name."""
    kind, _, part = name.lower().partition("_")
    if kind not in ("x", "y") or (part and part not in PART_NAMES):
        return None
    return kind, PART_NAMES[part or "train"]


def _from_arrays(path: Path, arrays: Arrays, key: Key, name: str, there: Iterable[str] = ()) -> Dataset:
    """there: names that were found and not read."""
    found: dict[str, dict[str, str]] = {"x": {}, "y": {}}
    for array in arrays:
        place = _part(array)
        if place is None:
            continue
        kind, part = place
        if part in found[kind]:
            raise DataError(f"[{path}] one array a part is required; got {found[kind][part]} and {array}")
        found[kind][part] = array
    if "train" not in found["x"]:
        raise DataError(
            f"[{path}] arrays x and y, or x_train and y_train, are required; got {_listed(there or arrays)}"
        )
    unpaired = found["x"].keys() ^ found["y"].keys()
    if unpaired:
        raise DataError(f"[{path}] an x and a y for each part are required; got {_listed(arrays)}")
    columns = {part: _column(path, found["y"][part], arrays) for part in found["x"]}
    labels, class_names = classes([text for part in columns for text in columns[part]])
    if len(class_names) < 2:
        raise DataError(f"[{path}: {found['y']['train']}] at least 2 classes are required; got only '{class_names[0]}'")
    parts: dict[str, Labelled] = {}
    begin = 0
    for part, array in found["x"].items():
        count = len(columns[part])
        y: I64 = labels[begin : begin + count]
        parts[part] = Labelled(arrays[array], y, f"{path}: {array}")
        begin += count
    return make_dataset(name, str(path), parts, class_names, key)


def _column(path: Path, name: str, arrays: Arrays) -> list[str]:
    """The label of each row as text."""
    y = arrays[name]
    where = f"{path}: {name}"
    if y.size == 0:
        raise DataError(f"[{where}] labels are required; got shape {y.shape}")
    if y.ndim == 2 and y.shape[1] == 1:  # as Keras's own CIFAR-10 has them
        y = y[:, 0]
    if y.ndim == 2:
        one_hot = ((y == 0) | (y == 1)).all(axis=1) & (y.sum(axis=1) == 1) if y.dtype.kind in "fiub" else None
        if one_hot is None or not one_hot.all():
            row = 0 if one_hot is None else int((~one_hot).argmax())
            raise DataError(f"[{where}, row {row}] labels (n,) or one-hot rows are required; got shape {y.shape}")
        y = y.argmax(axis=1)
    if y.ndim != 1:
        raise DataError(f"[{where}] labels (n,) or one-hot rows (n, classes) are required; got shape {y.shape}")
    if y.dtype.kind == "f":
        whole = np.isfinite(y) & (y == np.rint(y)) & (np.abs(y) < 2.0**63)  # beyond it there is no such int64
        if not whole.all():
            row = int((~whole).argmax())
            raise DataError(f"[{where}, row {row}] a whole number is required as label; got {y[row]}")
        y = y.astype(np.int64)
    if y.dtype.kind not in "iubUS":
        raise DataError(f"[{where}] whole numbers or text are required as labels; got {y.dtype}")
    if y.dtype.kind == "b":
        y = y.astype(np.int64)
    if y.dtype.kind == "S":
        try:
            y = np.char.decode(y, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"[{where}] text labels must be UTF-8; got {error.object!r}") from error
    return [str(v) for v in y.tolist()]


def _listed(arrays: Iterable[str]) -> str:
    names = sorted(arrays)
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "none"
