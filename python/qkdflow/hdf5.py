"""HDF5 without trust: no links that leave the file, no data kept elsewhere, no size that the file does not hold.

h5py alone would follow an external link to any file, allocate whatever a dataset claims before it reads, and loop for
ever over some heaps of text.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from qkdflow.errors import DataError
from qkdflow.heaps import check_heaps
from qkdflow.limits import DEFLATES_TO, MOST_VALUES, SLACK, values_of
from qkdflow.refusal import BROKEN, refusal

_FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, fletcher32, lzf: built into h5py
_DEEPEST, _MOST = 32, 100_000  # groups in groups, objects


class Hdf5:
    """One open file. Names are paths with slashes."""

    def __init__(self, file: h5py.File, where: str, source: Path | bytes) -> None:
        self.where = where
        self._file = file
        self._source: Path | bytes | None = source  # None once its heaps are known to be whole
        self._values = 0  # read so far

    def has(self, path: str) -> bool:
        return self._find(path) is not None

    def attribute(self, name: str, path: str = "") -> Any:
        """The attribute or None; bytes and lists of bytes as text. Long lists are kept in parts, as Keras does."""
        group = self._find(path)
        if group is None:
            return None
        if self._source is not None:
            check_heaps(self._source, self._file.id.get_create_plist().get_sizes()[1], self.where)
            self._source = None
        if name in group.attrs:
            return _text(group.attrs[name])
        parts, n = [], 0
        while f"{name}{n}" in group.attrs:
            parts += list(_text(group.attrs[f"{name}{n}"]))
            n += 1
        return parts if n else None

    def names(self, path: str = "") -> list[str]:
        """Groups and datasets directly below."""
        group = self._find(path)
        return [] if not isinstance(group, h5py.Group) else [n for n in group if self._child(group, n) is not None]

    def datasets(self, path: str) -> dict[str, NDArray[Any]]:
        """All arrays below a group, by their path from it."""
        found: dict[str, NDArray[Any]] = {}
        group = self._find(path)
        if isinstance(group, h5py.Group):
            self._walk(group, "", 0, found)
        return found

    def dataset(self, path: str) -> NDArray[Any]:
        """One array. DataError where there is a group, or nothing, of that name."""
        return self._read(self.unread(path))

    def unread(self, path: str) -> h5py.Dataset:
        """The same, checked, its numbers still in the file."""
        found = self._find(path)
        if not isinstance(found, h5py.Dataset):
            raise refusal(self.where, f"a dataset {path!r} is required", type(found).__name__)
        return self._checked(found)

    def _walk(self, group: h5py.Group, prefix: str, depth: int, found: dict[str, NDArray[Any]]) -> None:
        if depth > _DEEPEST or len(found) > _MOST:
            raise refusal(self.where, f"at most {_DEEPEST} groups in groups and {_MOST} datasets are read")
        for name in group:
            child = self._child(group, name)
            if isinstance(child, h5py.Group):
                self._walk(child, f"{prefix}{name}/", depth + 1, found)
            elif isinstance(child, h5py.Dataset):
                found[prefix + name] = self._read(self._checked(child))

    def _read(self, data: h5py.Dataset) -> NDArray[Any]:
        self._values += values_of(data.shape, data.dtype.itemsize)
        if self._values > MOST_VALUES:
            required = f"at most {MOST_VALUES:,} values of a file are read into memory"
            raise refusal(f"{self.where}: {data.name}", required, f"{self._values:,}")
        return np.asarray(data[()])

    def _find(self, path: str) -> Any:
        here: Any = self._file
        for part in filter(None, path.split("/")):
            here = self._child(here, part) if isinstance(here, h5py.Group) and part in here else None
            if here is None:
                return None
        return here

    def _child(self, group: h5py.Group, name: str) -> Any:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            place = f"{group.name.rstrip('/')}/{name}"
            raise refusal(self.where, f"{place} must be in this file itself: links to elsewhere are not followed")
        return group[name]

    def _checked(self, data: h5py.Dataset) -> h5py.Dataset:
        where = f"{self.where}: {data.name}"
        if data.dtype.kind not in "fiub":
            raise refusal(where, "numbers are required; text, objects and pickles are not read", str(data.dtype))
        if data.is_virtual or data.external:
            raise refusal(where, "the numbers must be in this file itself, not in others")
        plist = data.id.get_create_plist()
        filters = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
        if filters - _FILTERS:
            raise refusal(where, "compression must be deflate or lzf", f"HDF5 filter {sorted(filters - _FILTERS)}")
        claimed = int(np.prod([int(n) for n in data.shape], dtype=object)) * data.dtype.itemsize
        held, there = data.id.get_storage_size(), self._file.id.get_filesize()
        if held > there:  # the library would allocate a block before it looks for it
            raise refusal(where, f"the file must hold what its blocks claim, {held} bytes", f"{there}")
        if claimed > SLACK and claimed > held * (DEFLATES_TO if filters else 1):
            raise refusal(where, f"the file must hold what the dataset claims, {claimed} bytes", f"{held}")
        return data


@contextmanager
def open_hdf5(source: Path | bytes, where: str) -> Iterator[Hdf5]:
    """An HDF5 file, of a path or of bytes. DataError where it is absent, damaged or refused."""
    try:
        with h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source, "r") as file:
            yield Hdf5(file, where, source)
    except DataError:
        raise
    except (OSError, RuntimeError, MemoryError, *BROKEN) as error:
        raise refusal(where, "a whole HDF5 file is required", str(error)) from error


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.ndarray):
        return [_text(v) for v in value.tolist()]
    return value
