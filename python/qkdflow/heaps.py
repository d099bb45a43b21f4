"""Where HDF5 keeps text of any length: global heaps, and attributes that say how long their text there is.

A heap is a row of pieces, each of which says where the next one begins (HDF5 File Format Specification, III.E). The
library goes on from a piece that says to be its own successor, or an earlier one's, without an end and deaf to signals
(seen with HDF5 2.0), and allocates what an attribute says to be long, up to 4 GiB, before it looks into the heap. Both
are looked for before it reads text.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qkdflow.refusal import refusal

# Of an attribute's message, by its version (IV.A.2.m): bytes before its name, and what its parts are padded to.
_LAYOUTS = {1: (8, 8), 2: (8, 1), 3: (9, 1)}
_VARIABLE = 9  # class of a datatype whose values lie in a heap
_BEGIN = b"GCOL\x01\0\0\0"  # signature, version, reserved: by chance in no file of numbers


def check_heaps(source: Path | bytes, width: int, where: str) -> None:
    """DataError where the pieces of a heap do not come to its end. width: bytes of a length in this file."""
    with _content(source) as content:
        _check_pieces(content, width, where)


def check_lengths(source: Path | bytes, name: str, widths: tuple[int, int], where: str) -> None:
    """DataError where the texts of an attribute of this name say to be longer than the file that holds them.

    Wherever the library finds the attribute, in an object's header or a heap of many, its message has this name in it:
    each place is looked at that can be one. widths: bytes of an address and of a length in this file.
    """
    found = values = 0
    with _content(source) as content:
        for texts, claimed in _claims(content, name.encode() + b"\0", widths):
            found, values = found + 1, values + texts
            if claimed > len(content) or values > len(content):  # messages in one another would take for ever too
                raise refusal(where, f"the file must hold what its {name} claims, {claimed} bytes", f"{len(content)}")
    if not found:
        raise refusal(where, f"its {name} must be an attribute as the HDF5 specification lays it out")


@contextmanager
def _content(source: Path | bytes) -> Iterator[bytes | mmap.mmap]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def _claims(content: bytes | mmap.mmap, name: bytes, widths: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """(texts, bytes of them all) of every message of an attribute of this name whose values lie in a heap."""
    at = content.find(name)
    while at >= 0:
        for version, (before, padded_to) in _LAYOUTS.items():
            begin = at - before
            if begin < 0 or content[begin] != version:
                continue
            sizes = [_number(content, begin + i, 2) for i in (2, 4, 6)]  # of name, datatype and dataspace
            parts = [-(-size // padded_to) * padded_to for size in sizes]
            datatype, space, data = (at + sum(parts[:i]) for i in (1, 2, 3))
            if sizes[0] >= len(name) and _number(content, datatype, 1) & 15 == _VARIABLE:
                step = 4 + widths[0] + 4  # length, address of the heap, number of the piece
                texts = range(data, min(len(content), data + step * _values(content, space, widths[1])), step)
                yield len(texts), _number(content, datatype + 12, 4) * sum(_number(content, i, 4) for i in texts)
        at = content.find(name, at + 1)


def _values(content: bytes | mmap.mmap, space: int, width: int) -> int:
    """How many values a dataspace holds (IV.A.2.b)."""
    version, rank, _, kind = (_number(content, space + i, 1) for i in range(4))
    if version == 2 and kind == 2:  # nothing, not even one value
        return 0
    first = space + (8 if version == 1 else 4)
    return math.prod(_number(content, first + i * width, width) for i in range(rank))


def _check_pieces(content: bytes | mmap.mmap, width: int, where: str) -> None:
    head = 8 + _padded(width)  # of a heap, and of each of its pieces
    left = len(content) // head  # pieces that there is room for; heaps in one another would take for ever too
    heap = content.find(_BEGIN)
    while heap >= 0:
        end = min(len(content), heap + _number(content, heap + 8, width))
        at = heap + head
        while at + head <= end:
            size = _number(content, at + 8, width)
            is_free = _number(content, at, 2) == 0
            step = (size if is_free else head + _padded(size)) % 2**64  # as the library counts
            left -= 1
            if left < 0 or not 0 < step < 2**63:
                raise refusal(where, f"text that ends is required; it does not in the heap at byte {heap}, piece {at}")
            at += step
        heap = content.find(_BEGIN, heap + 1)


def _padded(size: int) -> int:
    return -(-size // 8) * 8


def _number(content: bytes | mmap.mmap, at: int, width: int) -> int:
    return int.from_bytes(content[at : at + width], "little")
