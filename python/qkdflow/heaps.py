"""Where HDF5 keeps what has no place of its own: global heaps of text, fractal heaps of attributes when there are many.

HDF5 File Format Specification 3.0: III.E (global heap), III.G (fractal heap), III.A.2 (B-trees of version 2). What is
damaged ends in a ValueError.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from qkdflow.hdf5_bytes import Content, Fields, padded

_NUMBERS = 1 << 16  # that objects of a global heap can have
_DEEPEST, _MOST = 16, 1 << 17  # levels of a B-tree, its records


def text_in_heap(content: Content, address: int, index: int, size: int) -> bytes:
    """`size` bytes of the object of this number in the global heap at `address`."""
    head = 8 + padded(content.widths[1])  # of a heap, and of each of its objects
    start = content.read(address, head)
    start.expect(b"GCOL\1\0\0\0")
    objects = content.read(address, start.length())
    objects.take(head)
    for _ in range(_NUMBERS):
        fields = objects.part(head)
        number = fields.number(2)
        fields.take(6)
        held = fields.length()
        if number == index:
            if size > held:
                raise ValueError(f"a text that claims {size} bytes in an object of {held}")
            return objects.take(size)
        objects.take(padded(held))
    raise ValueError(f"a text in object {index} of a heap that has none of this number")


class FractalHeap:
    """Objects by their ID. They lie in blocks, in rows of a table; from the third on each row's are twice as large."""

    def __init__(self, content: Content, address: int) -> None:
        self._content = content
        self._size, length = content.widths
        fields = content.read(address, 22 + 3 * self._size + 12 * length)
        fields.expect(b"FRHP\0")
        fields.take(2)  # bytes of an ID
        if fields.number(2):
            raise ValueError("attributes behind filters, where no library puts them")
        fields.take(1)
        most = fields.number(4)  # bytes of an object in a block
        fields.take(length)
        self._tree = fields.address()  # of larger objects
        fields.take(length + self._size + 8 * length)
        self._width = fields.number(2)
        self._first, self._largest = fields.length(), fields.length()  # bytes of a block: in the first row, of any
        self._offset_width = -(-fields.number(2) // 8)
        self._length_width = min(_bytes_of(self._largest - 1), _bytes_of(most))
        fields.take(2)
        self._root, self._rows = fields.address(), fields.number(2)

    def object(self, name: bytes) -> Fields:
        """name: its ID in the heap."""
        fields = Fields(name, self._content.widths)
        kind = fields.number(1) >> 4
        if kind == 0:
            place = self._place(fields.number(self._offset_width))
            return self._content.read(place, fields.number(self._length_width))
        if kind != 1:
            raise ValueError(f"an object of kind {kind} in a heap of attributes")
        return self._content.read(*self._large[fields.number(fields.left)])

    @cached_property
    def _large(self) -> dict[int, tuple[int, int]]:
        """Address and size by number of the objects that are in no block."""
        found = {}
        size, length = self._content.widths
        for record in records(self._content, self._tree, size + 2 * length):
            place = record.address(), record.length()
            found[record.length()] = place
        return found

    def _place(self, offset: int) -> int:
        """The address of what lies at an offset from the heap's begin."""
        block, rows = self._root, self._rows
        row_bytes = self._first * self._width  # of the first row, and of the second
        entries = 5 + self._size + self._offset_width  # where they begin in a block of blocks
        while rows > 0:  # fewer in each block further in
            row = (offset // row_bytes).bit_length()
            if row >= rows:
                raise ValueError(f"an object in row {row} of a heap of {rows}")
            block_bytes = self._first << max(row - 1, 0)
            offset -= (row_bytes << row) // 2 if row else 0  # the rows before take as much as this one
            entry = row * self._width + offset // block_bytes
            offset %= block_bytes
            block = self._content.read(block + entries + entry * self._size, self._size).address()
            is_direct = block_bytes <= self._largest
            rows = 0 if is_direct else block_bytes.bit_length() - row_bytes.bit_length() + 1
        return block + offset


def records(content: Content, address: int, size: int) -> Iterator[Fields]:
    """The records, of `size` bytes each, of a B-tree; in no order."""
    head = content.read(address, 18 + content.widths[0])
    head.expect(b"BTHD\0")
    head.take(1)
    node, given, depth = head.number(4), head.number(2), head.number(2)
    if given != size or depth > _DEEPEST:
        raise ValueError(f"a tree of {depth} levels of records of {given} bytes, where {size} are laid down")
    head.take(2)
    nodes = [(head.address(), head.number(2), depth)]
    # A pointer to a node holds how many records it has and, but for leaves, with all nodes below it.
    most = below = (node - 10) // size
    count_width, below_widths = _bytes_of(most), [0]
    for _ in range(depth):
        pointer = content.widths[0] + count_width + below_widths[-1]
        most = (node - 10 - pointer) // (size + pointer)
        below = (most + 1) * below + most
        below_widths.append(_bytes_of(below))
    left = _MOST
    while nodes:
        at, count, level = nodes.pop()
        left -= count + 1
        if left < 0:
            raise ValueError(f"a tree of more than {_MOST} records")
        pointer = content.widths[0] + count_width + below_widths[level - 1] if level else 0
        fields = content.read(at, 6 + count * size + (count + 1) * pointer)
        fields.expect(b"BTIN\0" if level else b"BTLF\0")
        fields.take(1)
        for _ in range(count):
            yield fields.part(size)
        for _ in range(count + 1 if level else 0):
            entry = fields.part(pointer)
            nodes.append((entry.address(), entry.number(count_width), level - 1))


def _bytes_of(number: int) -> int:
    """That numbers up to this one take."""
    return max(1, -(-number.bit_length() // 8))
