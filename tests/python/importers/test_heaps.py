"""Text of HDF5 attributes: read as h5py reads it, in every layout, and refused where it claims more than its file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from qkdflow.errors import DataError
from qkdflow.hdf5 import open_hdf5
from qkdflow.heaps import check_lengths
from shared_models import SHARED, needs_shared

FORMATS = {
    "earliest": {"libver": ("earliest", "v108")},  # an attribute's message of version 1
    "v108": {"libver": ("v108", "v108")},  # of version 3
    "latest": {"libver": ("latest", "latest")},
    "behind a user's block": {"userblock_size": 512},
}
TEXT = "weights of a network " * 9


def written(n: int, **options: Any) -> bytes:
    """n attributes of text of any length: more than 8 lie in a heap of messages where the format has one."""
    memory = BytesIO()
    with h5py.File(memory, "w", **options) as file:
        for i in range(n):
            file.attrs[f"text{i}"] = f"{TEXT}{i}"
        file.attrs["none"] = h5py.Empty(h5py.string_dtype())
        file.create_group("group").attrs["names"] = ["a" * 20, "", TEXT]
        file["group"].attrs["text0"] = b"as long as it is, and of a fixed length"
    return memory.getvalue()


def same_as_h5py(source: Path | bytes) -> int:
    """How many attributes of text Hdf5 reads; each as h5py does."""
    read = 0
    raw = BytesIO(source) if isinstance(source, bytes) else source
    with open_hdf5(source, "it.h5") as ours, h5py.File(raw, "r") as file:
        groups = ["/"]
        file.visit(groups.append)
        for group in groups:
            for name, value in file[group].attrs.items():
                if isinstance(file[group].attrs.get_id(name).get_type(), h5py.h5t.TypeStringID):
                    assert ours.attribute(name, group) == unpacked(value)
                    read += 1
    return read


def unpacked(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [unpacked(v) for v in value.tolist()]
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize("n", [1, 20])
@pytest.mark.parametrize("name", FORMATS)
def test_text_is_read_whatever_the_layout(name: str, n: int, tmp_path: Path) -> None:
    content = written(n, **FORMATS[name])
    assert same_as_h5py(content) == n + 3
    (tmp_path / "a.h5").write_bytes(content)
    assert same_as_h5py(tmp_path / "a.h5") == n + 3


@needs_shared
def test_text_of_files_that_others_wrote_is_read() -> None:
    files = sorted((SHARED / "models").glob("*.h5"))
    assert len(files) > 5
    assert all(same_as_h5py(file) > 5 for file in files)


@pytest.mark.parametrize("n", [1, 20])
@pytest.mark.parametrize("name", FORMATS)
def test_text_longer_than_its_file_is_refused(name: str, n: int) -> None:
    content = written(n, **FORMATS[name])
    length = len(f"{TEXT}0").to_bytes(4, "little")
    at = content.index(length, content.index(b"text0\0"))  # behind the name: the message's data
    longer = content[:at] + (0xF0000000).to_bytes(4, "little") + content[at + 4 :]
    check_lengths(content, "text0", (8, 8), "it.h5")
    with pytest.raises(DataError, match=r"it\.h5. the file must hold what its text0 claims, 4026531840 bytes; got"):
        check_lengths(longer, "text0", (8, 8), "it.h5")  # h5py itself sees that a checksum is wrong, where there is one


def test_texts_that_are_one_text_again_and_again_are_refused() -> None:
    memory = BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs["names"] = ["x" * 1000] + ["y"] * 99
    content = memory.getvalue()
    at = content.index((1000).to_bytes(4, "little"), content.index(b"names\0"))
    repeated = content[:at] + content[at : at + 16] * 100 + content[at + 1600 :]
    with h5py.File(BytesIO(repeated)) as file:
        assert list(file.attrs["names"]) == ["x" * 1000] * 100
    with open_hdf5(repeated, "it.h5") as file, pytest.raises(DataError, match="names claims, 100000 bytes"):
        file.attribute("names")


def test_an_attribute_of_numbers_or_of_a_shared_type_is_refused() -> None:
    memory = BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs["number"] = 3
        file["type"] = h5py.string_dtype()
        file.attrs.create("text", "a", dtype=file["type"])
    with open_hdf5(memory.getvalue(), "it.h5") as file:
        for name in ("number", "text"):
            with pytest.raises(DataError, match=rf"it\.h5: {name}\] text of a type of its own is required"):
                file.attribute(name)
