"""Attributes of one text in HDF5 files, read here and not by the HDF5 library.

The library allocates what an attribute says that its text is long, up to 4 GiB, before it looks into the heap
(H5T__conv_vlen), and goes round for ever in some heaps (HDF5 2.0, h5py 3.16). Here an attribute is what the bytes of
its object's header, or of that header's heap, say (HDF5 File Format Specification 3.0, IV). Attributes in a file's
table of shared messages are refused: neither Keras nor h5py puts any there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qkdflow.hdf5_bytes import Content, Fields, padded
from qkdflow.hdf5_headers import ATTRIBUTE, ATTRIBUTE_INFO, DATATYPE, SHARED, messages
from qkdflow.heaps import FractalHeap, records, text_in_heap

_STRING, _VARIABLE = 3, 9  # classes of a datatype
_RECORD = 17  # bytes of one of the B-tree of an object's attributes by name
_ELSEWHERE = "an attribute in the file's table of shared messages, into which neither Keras nor h5py puts any"


@dataclass(frozen=True)
class Attribute:
    """One attribute's parts as they lie in the file."""

    datatype: Fields
    dataspace: Fields
    data: Fields


def find_attributes(content: Content, address: int, names: Sequence[str]) -> dict[str, Attribute]:
    """Those of these names that the object whose header is at `address` has."""
    wanted = {name.encode(): name for name in names}
    found: dict[str, Attribute] = {}
    is_elsewhere = False
    for flags, message in _attributes(content, address):
        if flags & SHARED:
            is_elsewhere = True
            continue
        version, shared = message.number(1), message.number(1)
        if version not in (1, 2, 3):
            raise ValueError(f"an attribute of version {version}")
        sizes = [message.number(2) for _ in range(3)]
        if version == 3:
            message.take(1)  # the name's letters
        name, datatype, dataspace = (message.part(padded(size) if version == 1 else size) for size in sizes)
        key = name.take(name.left).partition(b"\0")[0]
        if key not in wanted:
            continue
        if wanted[key] in found:
            raise ValueError("two attributes of one name")
        if version > 1 and shared & 2:
            raise ValueError(_ELSEWHERE)
        datatype = _committed(content, datatype) if version > 1 and shared & 1 else datatype
        found[wanted[key]] = Attribute(datatype, dataspace, message)
    if is_elsewhere and not found:
        raise ValueError(_ELSEWHERE)
    return found


def text_of(content: Content, attribute: Attribute) -> str:
    """ValueError where it is not one text in UTF-8."""
    kind = attribute.datatype.number(1) & 15
    flags, size = attribute.datatype.number(3), attribute.datatype.number(4)
    if kind not in (_STRING, _VARIABLE) or (kind == _VARIABLE and flags & 15 != 1):
        raise ValueError(f"an attribute of class {kind}, not text")
    if _values(attribute.dataspace) != 1:
        raise ValueError("an attribute of no or many values, not of one text")
    if kind == _STRING:
        text = attribute.data.take(size)
        ended = text.partition(b"\0")[0], text.rstrip(b"\0"), text.rstrip(b" ")
        return ended[min(flags & 15, 2)].decode()
    size, heap, index = attribute.data.number(4), attribute.data.address(), attribute.data.number(4)
    if size == 0:
        return ""
    return text_in_heap(content, heap, index, size).partition(b"\0")[0].decode()


def _attributes(content: Content, address: int) -> Iterator[tuple[int, Fields]]:
    """Flags and body of each attribute of an object, in its header or in a heap."""
    info = None
    for kind, flags, message in messages(content, address):
        if kind == ATTRIBUTE:
            yield flags, message
        elif kind == ATTRIBUTE_INFO:
            info = message
    if info is None:
        return
    info.expect(b"\0")
    info.take(2 * (info.number(1) & 1))  # the highest creation order
    address, tree = info.address(), info.address()
    if not content.is_address(address):
        return
    heap = FractalHeap(content, address)
    for record in records(content, tree, _RECORD):
        name, flags = record.take(8), record.number(1)
        yield flags, Fields(b"", content.widths) if flags & SHARED else heap.object(name)


def _committed(content: Content, shared: Fields) -> Fields:
    """A datatype that is an object of the file."""
    version, kind = shared.number(1), shared.number(1)
    if version not in (2, 3) or (version == 3 and kind != 2):
        raise ValueError(_ELSEWHERE)
    for found, flags, message in messages(content, shared.address()):
        if found == DATATYPE and not flags & SHARED:
            return message
    raise ValueError("a datatype that is an object, but none of type")


def _values(dataspace: Fields) -> int:
    """How many a dataspace has."""
    version, rank = dataspace.number(1), dataspace.number(1)
    if version not in (1, 2):
        raise ValueError(f"a dataspace of version {version}")
    dataspace.take(1)
    if dataspace.number(1) == 2 and version == 2:  # none, not even one
        return 0
    dataspace.take(4 * (version == 1))
    count = 1
    for _ in range(rank):
        count *= dataspace.length()
    return count
