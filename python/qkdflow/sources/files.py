"""Arrays in files: .npy mapped into memory, and HDF5."""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow.errors import DataError
from qkdflow.files import BROKEN_NPY
from qkdflow.sources.base import Rows, Source


class ArrayFile(Source):
    """An array in a file, (n, *sample_shape), of which rows are taken: np.memmap or h5py.Dataset."""

    def __init__(self, array: Any, where: str, labels: ArrayLike | None = None) -> None:
        if not array.shape or array.dtype.kind not in "biuf":
            raise DataError(f"[{where}] numbers (samples, ...) are required; got {array.dtype} {tuple(array.shape)}")
        self._array = array
        self.sample_shape = tuple(array.shape[1:])
        self.labels = None if labels is None else np.asarray(labels)
        if self.labels is not None and len(self.labels) != len(array):
            raise DataError(f"[{where}] one label a sample is required; got {len(self.labels)} for {len(array)}")

    def __len__(self) -> int:
        return int(self._array.shape[0])

    def read(self, rows: Rows) -> NDArray[Any]:
        return np.asarray(self._array[rows])


def from_npy(x: str | Path, y: str | Path | ArrayLike | None = None) -> Source:
    """The samples of a .npy file (n, *sample_shape), mapped into memory; y is a .npy of labels, or labels (n,).

    Raises DataError, naming the file, where it is none or holds Python objects.
    """
    labels = _npy(Path(y)) if isinstance(y, (str, Path)) else y
    return ArrayFile(_npy(Path(x)), str(x), labels)


def from_hdf5(path: str | Path, x: str = "x", y: str | None = "y") -> Source:
    """The dataset `x` of an HDF5 file, (n, *sample_shape), and the labels `y` (n,), or none where y is None."""
    from qkdflow.hdf5 import open_hdf5  # brings h5py: 0.1 s that others do not need

    opened = ExitStack()  # open as long as the source is there
    file = opened.enter_context(open_hdf5(Path(path), str(path)))
    labels = None if y is None else file.dataset(y)
    source = ArrayFile(file.unread(x), f"{path}: {x}", labels)
    weakref.finalize(source, opened.close)
    return source


def wrapped(x: Any) -> Source | None:
    """A Source, or what reads an np.memmap or h5py.Dataset; None for what is in memory."""
    if isinstance(x, Source):
        return x
    if isinstance(x, np.memmap) and getattr(x, "filename", None) is not None:
        return ArrayFile(x, str(x.filename))
    if type(x).__module__.partition(".")[0] == "h5py":
        return ArrayFile(x, f"{x.file.filename}: {x.name}")
    return None


def _npy(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")  # refuses pickles, and an .npz
    except (OSError, *BROKEN_NPY) as error:
        raise DataError(f"[{path}] a .npy file of numbers is required: {error}") from error
    return array
