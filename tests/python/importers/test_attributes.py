"""Text of HDF5 attributes: whatever h5py can write is read as h5py reads it."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qkdflow.errors import DataError
from qkdflow.hdf5 import Hdf5, open_hdf5
from shared_models import SHARED, needs_shared

TYPES = "committed text", "committed fixed text"


def same_as_h5py(source: Path | bytes, every: int = 1) -> int:
    """How many attributes of one text there are; each is as h5py reads it, and what is not one is refused.

    every: looks at one of so many.
    """
    count = 0
    raw = BytesIO(source) if isinstance(source, bytes) else source
    with open_hdf5(source, "it.h5") as ours, h5py.File(raw, "r") as file:
        groups = ["/"]
        file.visit(groups.append)
        for group in groups:
            assert ours.text("not there", group) is None
            assert not ours.has_attribute("not there", group)
            for name in list(file[group].attrs)[::every]:
                count += is_same(ours, name, group, file[group].attrs)
    return count


def is_same(ours: Hdf5, name: str, group: str, theirs: h5py.AttributeManager) -> bool:
    """Whether the attribute is one text."""
    attribute = theirs.get_id(name)
    values = attribute.get_space().get_simple_extent_npoints()
    if isinstance(attribute.get_type(), h5py.h5t.TypeStringID) and values == 1:
        value = np.asarray(theirs[name]).item()
        assert ours.text(name, group) == (value.decode() if isinstance(value, bytes) else value)
        return True
    with pytest.raises(DataError, match="an attribute of one whole text is required"):
        ours.text(name, group)
    return False


OPTIONS: list[dict[str, Any]] = [
    {"libver": ("earliest", "v108")},
    {"libver": ("earliest", "latest")},
    {"libver": ("v108", "v108")},
    {"libver": ("v110", "latest")},
    {"libver": "latest"},
    {"libver": "latest", "track_order": True},
    {"track_order": True},
    {"userblock_size": 512},
    {"userblock_size": 2048, "libver": "latest"},
]


def drawn(rng: random.Random) -> bytes:
    """A file whose attributes were written, written over and deleted again and again."""
    memory = BytesIO()
    options = rng.choice(OPTIONS)
    names = [f"{'größe' if i % 5 == 0 else 'name'}{i}" for i in range(rng.choice((2, 6, 12, 40)))]
    with h5py.File(memory, "w", **options) as file:
        file[TYPES[0]], file[TYPES[1]] = h5py.string_dtype(), h5py.string_dtype("utf-8", 9)
        groups = [file, file.create_group("a"), file.create_group("b/c", track_order=rng.random() < 0.5)]
        for _ in range(rng.choice((3, 30, 90))):
            attributes, name = rng.choice(groups).attrs, rng.choice(names)
            if rng.random() < 0.2:
                attributes.pop(name, None)
            else:
                written(rng, file, attributes, name)
    return memory.getvalue()


def written(rng: random.Random, file: h5py.File, attributes: h5py.AttributeManager, name: str) -> None:
    text = rng.choice(("x", "€", "ab ")) * rng.choice((0, 1, 7, 8, 100, 100, 1000, 5000, 30_000))
    kind = rng.randrange(9)
    with suppress(OSError):  # more than 64 KiB, where the version has no heap of attributes
        if kind < 4:
            attributes[name] = text if kind < 3 else text.encode()
        elif kind == 4:
            attributes.create(name, text.encode(), dtype=h5py.string_dtype("utf-8", len(text.encode()) + 3))
        elif kind == 5:
            attributes[name] = np.array([b"fc", b"fc2", text[:40].encode()])
        elif kind == 6:
            attributes.create(name, "committed", dtype=file[rng.choice(TYPES)])
        elif kind == 7:
            attributes[name] = rng.choice((1, 1.5, np.arange(5), [text, text], h5py.Empty(h5py.string_dtype())))
        else:
            attributes.create(name, [text], dtype=h5py.string_dtype(), shape=(1,))


@pytest.mark.parametrize("seed", range(5))
def test_drawn_files_are_read_as_h5py_reads_them(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - hides nothing
    assert sum(same_as_h5py(drawn(rng)) for _ in range(40)) > 250


def fixed(padding: int) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(9)
        kind.set_strpad(padding)
        attribute = h5py.h5a.create(file.id, b"padded", kind, h5py.h5s.create(h5py.h5s.SCALAR))
        attribute.write(np.array(b"a b", "S9"))

    return change


def of_many_in_the_header(file: h5py.File) -> None:
    created = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    created.set_attr_phase_change(20, 10)
    many(15)(h5py.Group(h5py.h5g.create(file.id, b"group", gcpl=created)))


def large(file: h5py.File) -> None:
    for i in range(3):
        file.attrs[f"large{i}"] = np.bytes_(b"%d" % i * 100_000)


def many(n: int) -> Callable[[h5py.Group], None]:
    def change(file: h5py.Group) -> None:
        for i in range(n):
            file.attrs[f"text{i}"] = f"{i}" * (i % 97)

    return change


def many_of_a_page(file: h5py.File) -> None:
    for i in range(300):  # 1 MB: blocks of blocks in the heap of attributes
        file.attrs[f"text{i}"] = np.bytes_(b"%d" % i * 1000)


@pytest.mark.parametrize(
    ("change", "every", "count"),
    [
        (fixed(h5py.h5t.STR_NULLTERM), 1, 1),
        (fixed(h5py.h5t.STR_NULLPAD), 1, 1),
        (fixed(h5py.h5t.STR_SPACEPAD), 1, 1),
        (of_many_in_the_header, 1, 15),
        (large, 1, 3),
        (many(600), 60, 10),  # a B-tree of three levels
        (many_of_a_page, 30, 10),
    ],
    ids=["ended by 0", "padded by 0", "padded by spaces", "in the header", "large", "many", "many of a page"],
)
def test_unusual_attributes_are_read(
    change: Callable[[h5py.File], None], every: int, count: int, tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "it.h5", "w", libver="latest") as file:
        change(file)
    assert same_as_h5py(tmp_path / "it.h5", every) == count


def test_a_file_of_short_addresses_is_read(tmp_path: Path) -> None:
    created = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    created.set_sizes(4, 2)
    with h5py.File(h5py.h5f.create(bytes(tmp_path / "it.h5"), fcpl=created)) as file:
        many(7)(file)
    assert same_as_h5py(tmp_path / "it.h5") == 7


@needs_shared
def test_files_that_others_wrote_are_read() -> None:
    files = sorted((SHARED / "models").glob("*.h5"))
    assert len(files) > 5
    assert all(same_as_h5py(file) > 2 for file in files)
