"""Where HDF5 keeps text of any length: global heaps, of which some make its library loop for ever.

A heap is a row of pieces, each of which says where the next one begins (HDF5 File Format Specification, III.E). The
library goes on from a piece that says to be its own successor, or an earlier one's, without an end and deaf to signals
(seen with HDF5 2.0), so that this is looked for before it reads text.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from qkdflow.refusal import refusal

_BEGIN = b"GCOL\x01\0\0\0"  # signature, version, reserved: by chance in no file of numbers


def check_heaps(source: Path | bytes, width: int, where: str) -> None:
    """DataError where the pieces of a heap do not come to its end. width: bytes of a length in this file."""
    if isinstance(source, bytes):
        _check(source, width, where)
        return
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        _check(content, width, where)


def _check(content: bytes | mmap.mmap, width: int, where: str) -> None:
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
