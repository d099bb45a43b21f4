"""HDF5 without trust: no links that leave the file, no data kept elsewhere, no size that the file does not hold.

h5py alone would follow an external link to any file, allocate whatever a dataset or a text claims before it reads, and
loop for ever over some heaps of text: attributes are read without it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from qkdflow.attributes import Attribute, find_attributes, text_of
from qkdflow.errors import DataError
from qkdflow.hdf5_bytes import Content
from qkdflow.hdf5_headers import Superblock, check_header, read_superblock
from qkdflow.limits import DEFLATES_TO, MOST_VALUES, SLACK, values_of
from qkdflow.refusal import BROKEN, refusal

_FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, fletcher32, lzf: built into h5py
_DEEPEST, _MOST = 32, 100_000  # groups in groups, objects
_SHOWN = 16  # names in an error


class Hdf5:
    """One open file. Names are paths with slashes."""

    def __init__(self, file: h5py.File, where: str, raw: BinaryIO, superblock: Superblock) -> None:
        self.where = where
        self._file, self._raw, self._superblock = file, raw, superblock
        self._headers = superblock.content(raw)  # for one look at each
        self._looked_at: set[int] = set()
        self._values = 0  # read so far

    def has(self, path: str) -> bool:
        return self._find(path) is not None

    def has_attribute(self, name: str, path: str = "") -> bool:
        """Whole, or in parts, as Keras keeps long lists."""
        with self._attributes((name, f"{name}0"), path) as (_, found):
            return bool(found)

    def text(self, name: str, path: str = "") -> str | None:
        """The attribute, which must be one text; None where there is none."""
        with self._attributes((name,), path) as (content, found):
            return text_of(content, found[name]) if found else None

    @contextmanager
    def _attributes(self, names: Sequence[str], path: str) -> Iterator[tuple[Content, dict[str, Attribute]]]:
        here, content = self._find(path), self._superblock.content(self._raw)
        try:
            yield content, {} if here is None else find_attributes(content, _address(here), names)
        except BROKEN as error:
            where = f"{self.where}: {names[0]}"
            raise refusal(where, "an attribute of one whole text is required", str(error)) from error

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
            got = "nothing of that name" if found is None else "a group"
            raise refusal(self.where, f"a dataset {path!r} is required", f"{got}; {self._contents()}")
        return self._checked(found)

    def _contents(self) -> str:
        """The first datasets by name, for an error; what is refused is left out."""
        names: list[str] = []
        waiting = [("", self._file)]
        for _ in range(_SHOWN):  # groups
            if not waiting:
                break
            prefix, group = waiting.pop(0)
            for name in islice(group, _SHOWN):
                with suppress(DataError):
                    child = self._child(group, name)
                    if isinstance(child, h5py.Dataset):
                        names.append(prefix + name)
                    elif isinstance(child, h5py.Group):
                        waiting.append((f"{prefix}{name}/", child))
        more = ", ..." if len(names) > _SHOWN else ""
        return f"the file has {', '.join(names[:_SHOWN]) or 'none'}{more}"

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
        address = group.id.links.get_info(name.encode("utf-8", "surrogateescape")).u
        if address not in self._looked_at:
            check_header(self._headers, address)
            self._looked_at.add(address)
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
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as raw:
            superblock = read_superblock(raw)
            with h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source, "r") as file:
                yield Hdf5(file, where, raw, superblock)
    except DataError:
        raise
    except (OSError, RuntimeError, MemoryError, *BROKEN) as error:
        raise refusal(where, "a whole HDF5 file is required", str(error)) from error


def _address(here: Any) -> int:
    """Of an object's header. h5o.get_info would walk the object's trees for it, and some of them for ever."""
    low, high = h5py.h5g.get_objinfo(here.id).objno  # halves where C's long is of 32 bits
    return int(low) + (int(high) << 32)
