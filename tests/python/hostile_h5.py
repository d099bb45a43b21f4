"""HDF5 files made to harm."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np

sys.path.append(str(Path(__file__).parent / "importers"))
import h5_files


def h5(change: Callable[[h5py.File], object]) -> bytes:
    memory = BytesIO()
    with h5py.File(memory, "w") as file:
        change(file)
        file["y"] = np.arange(9)
    return memory.getvalue()


def huge_h5(file: h5py.File) -> None:
    file.create_dataset("x", (10**6, 10**6), np.float32, chunks=(100, 100), compression="gzip")


def virtual_h5(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((9, 2), np.float32)
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=(9, 2))
    file.create_virtual_dataset("x", layout)


def external_h5(file: h5py.File) -> None:
    file.create_dataset("x", (9, 2), np.float32, external=[("/etc/hostname", 0, 72)])


def reaching_h5() -> bytes:
    """One packed block, which its index says to be of 2 GiB."""
    whole = h5(lambda file: file.create_dataset("x", data=np.ones((9, 2)), chunks=(9, 2), compression="gzip"))
    with h5py.File(BytesIO(whole)) as file:
        entry = file["x"].id.get_chunk_info(0).size.to_bytes(4, "little") + bytes(28)  # no mask, the first place
    assert whole.count(entry) == 1
    return whole.replace(entry, (1 << 31).to_bytes(4, "little") + bytes(28))


def linked_h5(file: h5py.File) -> None:
    file["x"] = h5py.ExternalLink("/etc/hostname", "/x")


def small_h5() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return h5_files.small(Path(folder) / "n.h5").read_bytes()


def looping_h5(size: int, mark: bytes) -> bytes:
    """A .h5 of Keras, one of whose pieces of text says to be of a size that leads the HDF5 library back to itself."""
    whole = bytearray(small_h5())
    heap = whole.index(b"GCOL")
    at = heap + 16
    while whole[at : at + 2] != mark:  # number, references, nothing, size of a piece; 0 is the free space
        at += 16 + -(-int.from_bytes(whole[at + 8 : at + 16], "little") // 8) * 8
    whole[at + 8 : at + 16] = size.to_bytes(8, "little")
    return bytes(whole)


GOES_ON = b"\x10\0\x10\0\0\0\0\0"  # where a message begins that says where a header's next block is
HEAP = b"HEAP\0\0\0\0"  # where one of links' names begins
CLAIM = 0xF000_0000  # bytes, nearly 4 GiB
LONG = CLAIM.to_bytes(8, "little")


def with_attributes(n: int) -> bytes:
    """A .h5 of Keras whose structure is the last attribute of many, in a block of the header at the file's end.

    And with as many attributes of its weights, and groups whose names have moved away from where they began.
    """
    memory = BytesIO(small_h5())
    with h5py.File(memory, "r+") as file:
        text = file.attrs.pop("model_config")
        for i in range(n):
            file.attrs[f"a{i}"] = i
            file["model_weights"].attrs[f"a{i}"] = i
            file.create_group(f"a group {i}")
        file.attrs["model_config"] = text
    whole = memory.getvalue()
    assert (whole.rindex(b"model_config\0") > len(small_h5())) == (n > 9)
    return whole


def claiming_h5(whole: bytes) -> bytes:
    """A .h5 of Keras whose structure says to be of nearly 4 GiB."""
    with h5py.File(BytesIO(whole)) as file:
        length = len(file.attrs["model_config"]).to_bytes(4, "little")
    at = whole.index(length, whole.rindex(b"model_config\0"))
    return whole[:at] + CLAIM.to_bytes(4, "little") + whole[at + 4 :]


def with_block(mark: bytes, at: int, claim: bytes, group: str = "/") -> bytes:
    """A .h5 of Keras with a claim at a place behind the mark, in or behind a group's header, of what names a block."""
    whole = with_attributes(99)
    with h5py.File(BytesIO(whole)) as file:
        at += whole.index(mark, h5py.h5g.get_objinfo(file[group].id).objno[0])
    return whole[:at] + claim + whole[at + len(claim) :]


def going_back() -> bytes:
    """A .h5 of Keras whose header's next block is the message itself that names it."""
    at = with_attributes(99).index(GOES_ON)
    return with_block(GOES_ON, 8, at.to_bytes(8, "little") + (24).to_bytes(8, "little"))


def with_short_block() -> bytes:
    """An HDF5 whose header's next block is shorter than the marks around it."""
    memory = BytesIO()
    with h5py.File(memory, "w", libver="latest") as file:
        for i in range(7):
            file.attrs[f"a{i}"] = "a text"
    whole = memory.getvalue()
    named = whole.index(whole.index(b"OCHK").to_bytes(8, "little")) + 8
    return whole[:named] + (4).to_bytes(8, "little") + whole[named + 8 :]


def of_several_files() -> bytes:
    """A .h5 of Keras with a block for the driver of files in several parts."""
    whole = small_h5()
    block = b"\0\0\0\0" + CLAIM.to_bytes(4, "little") + b"NCSAxxxx"
    return whole[:48] + len(whole).to_bytes(8, "little") + whole[56:] + block


def with_cache_image() -> bytes:
    """An HDF5 whose superblock's extension names an image of the library's cache, of nearly 4 GiB."""
    memory = BytesIO()
    with h5py.File(memory, "w", libver="latest", fs_strategy="page") as file:
        file["x"] = file["y"] = np.ones(9)
    whole = memory.getvalue()
    at = int.from_bytes(whole[20:28], "little")  # of the extension's header
    message = whole.index(b"\x17", at + 6)  # about the file's space
    image = b"\x18\x11\0\0" + bytes(9) + LONG
    return whole[:message] + image + whole[message + len(image) :]


def shared_h5() -> bytes:
    """A .h5 of Keras whose structure's attribute says to lie in a table of shared messages."""
    whole = claiming_h5(small_h5())
    at = whole.index(b"model_config\0") - 12  # the message's flags, before an attribute of version 1
    assert whole[at - 4 : at - 2] == b"\x0c\0"
    return whole[:at] + b"\2" + whole[at + 1 :]
