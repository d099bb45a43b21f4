"""The bytes of an HDF5 file under the file's own addresses; nothing that lies past its end is allocated."""

from __future__ import annotations

import io
from typing import BinaryIO

_AGAIN, _SLACK = 4, 1 << 20


class Content:
    """What one look into a file may read: a few times its size in all, so that nothing in it leads on for ever."""

    def __init__(self, file: BinaryIO, base: int, widths: tuple[int, int]) -> None:
        """base: where address 0 is, behind a user's block. widths: bytes of an address and of a length."""
        self.widths = widths
        self._file, self._base = file, base
        self._size = file.seek(0, io.SEEK_END)
        self._left = _AGAIN * self._size + _SLACK

    def read(self, address: int, size: int) -> Fields:
        """ValueError where the file does not hold them."""
        begin = self._base + address
        if size < 0 or begin + size > self._size:
            raise ValueError(f"{size} bytes at {begin} of a file of {self._size}")
        self._left -= size
        if self._left < 0:
            raise ValueError("the same bytes in many places")
        self._file.seek(begin)
        return Fields(self._file.read(size), self.widths)

    def is_address(self, number: int) -> bool:
        """Not the one that stands for none."""
        return number != (1 << 8 * self.widths[0]) - 1


class Fields:
    """The fields of a structure, one after the other. ValueError past its end."""

    def __init__(self, data: bytes, widths: tuple[int, int]) -> None:
        self._data, self._at, self._widths = data, 0, widths

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise ValueError(f"a field of {size} bytes where {self.left} are left")
        self._at += size
        return self._data[self._at - size : self._at]

    def part(self, size: int) -> Fields:
        return Fields(self.take(size), self._widths)

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def address(self) -> int:
        return self.number(self._widths[0])

    def length(self) -> int:
        return self.number(self._widths[1])

    def expect(self, mark: bytes) -> None:
        """A signature, with the version behind it where there is but one."""
        found = self.take(len(mark))
        if found != mark:
            raise ValueError(f"{found!r} where a structure begins with {mark!r}")


def padded(size: int) -> int:
    return -(-size // 8) * 8
