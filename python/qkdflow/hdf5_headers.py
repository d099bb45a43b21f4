"""The superblock and the objects' headers of an HDF5 file.

Its library allocates what they say that blocks are long before it looks whether the file has them (H5C__load_entry of
HDF5 2.0), so that they are walked here before it does. HDF5 File Format Specification 3.0: II.A, III.D, IV.A.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from qkdflow.hdf5_bytes import Content, Fields

DATATYPE, ATTRIBUTE, ATTRIBUTE_INFO = 0x03, 0x0C, 0x15  # types of messages
SHARED = 2  # flag of a message whose body is elsewhere
_CONTINUATION, _SYMBOL_TABLE, _CACHE_IMAGE = 0x10, 0x11, 0x18
_MOST = 1 << 17  # messages of a header


@dataclass(frozen=True)
class Superblock:
    """base: where address 0 is; behind a user's block. widths: bytes of an address and of a length."""

    base: int
    widths: tuple[int, int]

    def content(self, file: BinaryIO) -> Content:
        return Content(file, self.base, self.widths)


def read_superblock(file: BinaryIO) -> Superblock:
    """ValueError where there is none, or where it or the root's header claims what is not in the file."""
    raw, base = Content(file, 0, (8, 8)), 0
    while raw.read(base, 9).take(8) != b"\x89HDF\r\n\x1a\n":
        base = 2 * base or 512
    version = raw.read(base + 8, 1).number(1)
    at = base + (13 if version < 2 else 9)
    sizes = raw.read(at, 2)
    widths = sizes.number(1), sizes.number(1)
    before = {0: 24, 1: 28, 2: 12, 3: 12}[version]  # bytes ahead of the addresses
    content = Content(file, base, widths)
    fields = content.read(before, 6 * widths[0])
    fields.address()  # the superblock's own, when it was written
    if version > 1:
        extension, _, root = (fields.address() for _ in range(3))
        if content.is_address(extension):
            check_header(content, extension)
    else:
        _, _, driver, _, root = (fields.address() for _ in range(5))
        if content.is_address(driver):  # of files in several parts: its block says how long it is
            content.read(driver + 16, content.read(driver + 4, 4).number(4))
    check_header(content, root)
    return Superblock(base, widths)


def check_header(content: Content, address: int) -> None:
    """ValueError where a block of an object's header, or the heap of its links' names, is not in the file."""
    for kind, flags, message in messages(content, address):
        if kind == _CACHE_IMAGE:  # in place of any part of the file
            raise ValueError("an image of the library's cache, which is not read")
        if kind == _SYMBOL_TABLE and not flags & SHARED:
            message.address()
            heap = content.read(message.address(), 8 + 2 * content.widths[1] + content.widths[0])
            heap.expect(b"HEAP\0")
            heap.take(3)
            size = heap.length()
            heap.length()
            content.read(heap.address(), size)


def messages(content: Content, address: int) -> Iterator[tuple[int, int, Fields]]:
    """Type, flags and body of each message of an object's header, of version 1 or 2, through all its blocks."""
    head = content.read(address, 12)
    mark = head.take(4)
    is_new = mark == b"OHDR"
    if is_new:
        head.expect(b"\2")
        flags = head.number(1)
        at = address + 6 + 16 * (flags >> 5 & 1) + 4 * (flags >> 4 & 1)  # behind times and numbers of attributes
        width = 1 << (flags & 3)
        blocks = [content.read(at + width, content.read(at, width).number(width))]
        ahead = 4 + 2 * (flags >> 2 & 1)  # of a message's body; with its creation order
    else:
        if mark[:2] != b"\1\0":
            raise ValueError(f"{mark!r} where an object's header begins")
        head.take(4)  # how often it is linked
        blocks = [content.read(address + 16, head.number(4))]
        ahead = 8
    left = _MOST
    for block in blocks:  # which grows
        while block.left >= ahead:
            fields = block.part(ahead)
            kind = fields.number(1 if is_new else 2)
            size, flags = fields.number(2), fields.number(1)
            message = block.part(size)
            if kind == _CONTINUATION:
                at, size = message.address(), message.length()
                if is_new:  # between a signature and a checksum
                    content.read(at, 4).expect(b"OCHK")
                    blocks.append(content.read(at + 4, size - 8))
                else:
                    blocks.append(content.read(at, size))
            left -= 1
            if left < 0:
                raise ValueError(f"a header of more than {_MOST} messages")
            yield kind, flags, message
