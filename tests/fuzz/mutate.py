"""Damages files as a key says: the same key and seeds give the same bytes, in any order and any process.

Bytes of every format are flipped, cut, spliced and overwritten. Those with a structure (JSON, XML, lines, zip, HDF5,
protobuf, NPY) are also taken apart and put together wrong, so that the damage gets past the first check.
"""

from __future__ import annotations

import copy
import io
import json
import random
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree

import h5py
import numpy as np

Files = dict[str, bytes]  # a reader's input, by name
Random = random.Random
Damage = Callable[[Random, bytes], bytes]

_COUNTS = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 10**12, 2**63 - 1)
_NUMBERS = (
    *("0", "-1", "1", "2", "-0", "64", "999", "1e999", "-1e999", "nan", "inf", "1e-320", "2147483648", "1000000000000"),
    *("9223372036854775808", "18446744073709551616", "9" * 400, "9" * 5000, "0x10", "1_0", "1.5", "--1", "\u0663"),
)
_TOKENS = (
    *(
        b"",
        b"\0",
        b"\n",
        b"\r",
        b"\t",
        b"\x1b[2J",
        b"\xff",
        b"\xc3",
        b"\xe2\x80\xae",
        b"\xef\xbb\xbf",
        b'"',
        b"'",
        b"\\",
    ),
    *(b"{", b"}", b"[", b"]", b"<", b">", b"&", b"|", b",", b":", b"=", b"#", b"null", b"true", b"NaN", b"Infinity"),
    *(b"../..", b"/etc/passwd", b"__class__", b"%s%n", b"[" * 2000, b"a" * 4096, b"\xf0\x9f\x98\x80", b"\\ud800"),
)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def damaged(seeds: list[Files], key: str) -> Files:
    """One of the seeds with one of its files (rarely more) damaged, once or a few times."""
    rng = Random(key)
    files = dict(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        name = rng.choice(sorted(files))
        kinds = _KINDS.get(PurePath(name).suffix, ())
        damage = rng.choice(kinds) if kinds and rng.random() < 0.7 else _bytes
        others = [seed[name] for seed in seeds if name in seed]
        files[name] = _splice(rng, files[name], rng.choice(others)) if rng.random() < 0.03 else damage(rng, files[name])
        if len(files) > 1 and rng.random() < 0.01:
            del files[name]
            return files
    return files


def _bytes(rng: Random, data: bytes) -> bytes:
    if not data:
        return rng.choice(_TOKENS)
    at, to = rng.randrange(len(data)), rng.randrange(len(data) + 1)
    low, high = min(at, to), max(at, to)
    kind = rng.randrange(8)
    if kind == 0:  # bits, near one another as headers are
        found = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8))):
            found[min(len(data) - 1, at + rng.randrange(16))] ^= 1 << rng.randrange(8)
        return bytes(found)
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:low] + data[min(high, low + rng.choice((1, 4, 64, 4096))) :]
    if kind == 3:
        return data[:at] + rng.choice(_TOKENS) + data[at:]
    if kind == 4:  # a count or an offset
        form = rng.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
        number = struct.pack(form, rng.choice(_COUNTS) % (1 << 8 * struct.calcsize(form)))
        at = rng.randrange(min(len(data), 64)) if rng.random() < 0.5 else at
        return data[:at] + number + data[at + len(number) :]
    if kind == 5:
        return _number(rng, data)
    if kind == 6:
        return data[:high] + data[low : min(high, low + 4096)] + data[high:]
    return data[:at] + bytes(rng.randrange(256) for _ in range(rng.choice((1, 4, 16)))) + data[at + 1 :]


def _splice(rng: Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _number(rng: Random, data: bytes) -> bytes:
    """Another number where one is written in digits."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return data + rng.choice(_NUMBERS).encode()
    one = rng.choice(found)
    return data[: one.start()] + rng.choice(_NUMBERS).encode() + data[one.end() :]


def _lines(rng: Random, data: bytes) -> bytes:
    """Lines and their cells: gone, twice, in another order, with another number or token."""
    lines = data.split(b"\n")
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(to, lines[at])
    elif kind == 2:
        lines[at], lines[to] = lines[to], lines[at]
    elif kind == 3:
        lines[at] = _number(rng, lines[at])
    elif kind == 4:
        cells = lines[at].split(b",")
        cells[rng.randrange(len(cells))] = rng.choice(_TOKENS)
        lines[at] = b",".join(cells)
    else:
        lines[at] = _bytes(rng, lines[at])
    return b"\n".join(lines)


def _strange(rng: Random, other: Any) -> Any:
    """A value where another was expected."""
    values = (
        *(
            None,
            True,
            False,
            0,
            -1,
            1,
            3,
            2**31,
            2**53,
            2**63,
            10**12,
            10**30,
            1.5,
            -0.0,
            1e308,
            1e-320,
            "",
            "a",
            "x" * 5000,
        ),
        *("\0", "\n", "\x1b[31m", "\ud800", "../../x", "relu", "5", [], {}, [[]], [None], [1, 2], {"a": 1}, [0] * 4000),
        *(["x", ["y"]], {"": {}}, [other], {"x": other}),
    )
    return rng.choice(values)


def _tree(rng: Random, value: Any) -> Any:
    """A JSON value with one node, deep inside, changed."""
    root = [copy.deepcopy(value)]
    places: list[tuple[Any, Any]] = []
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                stack.append(node[key])
    node, key = rng.choice(places)
    other, there = rng.choice(places)
    kind = rng.randrange(5)
    if kind == 0 and node is not root:
        del node[key]
    elif kind == 1 and node is not root:
        if isinstance(node, dict):
            node[rng.choice(("x", "", "name", "class_name", "\n"))] = node[key]
        else:
            node.insert(key, copy.deepcopy(node[key]))
    elif kind == 2:
        node[key] = copy.deepcopy(other[there])
    elif kind == 3 and isinstance(node[key], (int, float)) and not isinstance(node[key], bool):
        number = node[key]
        node[key] = rng.choice((number + 1, number - 1, -number, number * 1000, float(number), str(number), [number]))
    else:
        node[key] = _strange(rng, node[key])
    return root[0]


def _json(rng: Random, data: bytes) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # damaged before
        return _bytes(rng, data)
    if rng.random() < 0.01:
        return b'{"a":' * 20_000 + data + b"}" * 20_000
    return json.dumps(_tree(rng, value)).encode()


def _json_lines(rng: Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at] = _json(rng, lines[at])
    return b"\n".join(lines)


def _xml(rng: Random, data: bytes) -> bytes:
    """An element's text, attribute or name changed; an element gone, twice or inside itself."""
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - ours, without entities
    except (ElementTree.ParseError, LookupError, ValueError):  # damaged before, or an encoding that is none
        return _bytes(rng, data)
    nodes = list(root.iter())
    node = rng.choice(nodes)
    strange = rng.choice((*_NUMBERS, "", "a", "\u202e", "x" * 5000))
    kind = rng.randrange(6)
    if kind == 0:
        node.text = strange
    elif kind == 1 and node.attrib:
        node.set(rng.choice(sorted(node.attrib)), strange)
    elif kind == 2 and node.attrib:
        del node.attrib[rng.choice(sorted(node.attrib))]
    elif kind == 3:
        node.tag = rng.choice(nodes).tag
    elif kind == 4 and len(node):
        node.remove(rng.choice(list(node)))
    else:
        node.append(copy.deepcopy(rng.choice(nodes)))
    return ElementTree.tostring(root)


def _npy(rng: Random, data: bytes) -> bytes:
    """An NPY whose header says something else, at its true length."""
    if len(data) < 12 or data[:6] != b"\x93NUMPY":
        return _bytes(rng, data)
    length = struct.unpack("<H", data[8:10])[0]
    header, body = data[10 : 10 + length], data[10 + length :]
    types = (b"|O", b"<f8", b">f2", b"|S0", b"<U9", b"|b1", b"<M8[s]", b"<c16", b"|V0", b"[('a','<f4')]", b"3<f4")
    if rng.random() < 0.4:
        header = re.sub(rb"'descr': '[^']*'", b"'descr': '" + rng.choice(types) + b"'", header)
    else:
        header = rng.choice((_number, _bytes))(rng, header)
    return data[:8] + struct.pack("<H", len(header) % 65536) + header + body


def _zip(rng: Random, data: bytes) -> bytes:
    """A member damaged, renamed, twice, gone or packed another way."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:  # damaged before, in any of zipfile's ways
        return _bytes(rng, data)
    at = rng.randrange(len(members)) if members else 0
    kind = rng.randrange(8)
    if not members or kind == 0:
        members.append(rng.choice((("x.npy", b""), ("../x.npy", b"x"), ("/x", b""), ("a" * 300, b"\0"))))
    elif kind == 1:
        del members[at]
    elif kind == 2:
        members[at] = (rng.choice(("x", "../y.npy", "\n", "x.pkl", "c:\\x", "")), members[at][1])
    else:
        name, content = members[at]
        members[at] = (name, _of_name(rng, name)(rng, content))
    packed = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, method)
    return packed.getvalue()


def _h5(rng: Random, data: bytes) -> bytes:
    """An attribute or a dataset changed in content, type or shape; JSON inside attributes taken apart too."""
    memory = io.BytesIO(data)
    try:
        with h5py.File(memory, "r+") as file:
            found: list[Any] = [file]
            file.visititems(lambda _, item: found.append(item))
            attributed = [item for item in found if len(item.attrs)]
            arrays = [item for item in found if isinstance(item, h5py.Dataset)]
            if attributed and (not arrays or rng.random() < 0.6):
                _change_attribute(rng, rng.choice(attributed))
            elif arrays:
                array = rng.choice(arrays)
                name = array.name
                del file[name]
                _put(rng, file, name, array.shape)
    except Exception:  # damaged before, in any of HDF5's ways
        return _bytes(rng, data)
    return memory.getvalue()


def _change_attribute(rng: Random, item: Any) -> None:
    name = rng.choice(sorted(item.attrs))
    value = item.attrs[name]
    if isinstance(value, str) and value.startswith("{") and rng.random() < 0.9:
        item.attrs[name] = json.dumps(_tree(rng, json.loads(value)))
    elif rng.random() < 0.3:
        del item.attrs[name]
    else:
        item.attrs[name] = rng.choice(
            ("", "x", b"\xff", 3, np.zeros(3), np.zeros((2, 2), "S3"), np.array([b"fc", b"fc"]), 1.5)
        )


def _put(rng: Random, file: Any, name: str, shape: tuple[int, ...]) -> None:
    kind = rng.randrange(7)
    if kind == 0:
        file.create_dataset(name, (10**6, 10**6), np.float32, chunks=(100, 100), compression="gzip")
    elif kind == 1:
        file.create_dataset(name, shape, rng.choice(("f2", "f8", "i1", "u8", "c8", "S3", "b1")))
    elif kind == 2:
        file[name] = np.full(shape, rng.choice((np.nan, np.inf, 1e38, 1e-45, -1.0)), np.float32)
    elif kind == 3:
        file[name] = np.zeros(rng.choice(((), (0,), (1, 1, 1, 1, 1), (*shape, 2), shape[:-1], shape[::-1])), np.float32)
    elif kind == 4:
        file[name] = h5py.SoftLink(rng.choice(("/", name, "/model_weights")))
    elif kind == 5:
        file.create_group(name)
    else:
        file[name] = h5py.Empty("f4")


def _protobuf(rng: Random, data: bytes) -> bytes:
    """An ONNX message with one field, anywhere, changed, gone or twice."""
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception:  # damaged before
        return _bytes(rng, data)
    messages: list[Any] = [model]
    for message in messages:  # grows: breadth first
        for field, value in message.ListFields():
            if field.type == field.TYPE_MESSAGE:
                messages += list(value) if _is_repeated(field) else [value]
    message = rng.choice(messages)
    fields = message.ListFields()
    if not fields:
        return _bytes(rng, data)
    field, value = rng.choice(fields)
    kind = rng.randrange(4)
    if kind == 0:
        message.ClearField(field.name)
    elif field.type == field.TYPE_MESSAGE:
        if _is_repeated(field):
            if kind == 1:
                del value[rng.randrange(len(value))]
            else:
                value.add().CopyFrom(rng.choice(list(value)))
    else:
        new = _scalar(rng, field)
        if not _is_repeated(field):
            setattr(message, field.name, new)
        elif kind == 1:
            value.append(new)
        else:
            value[rng.randrange(len(value))] = new
    return bytes(model.SerializeToString())


def _is_repeated(field: Any) -> bool:
    return bool(field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED)


def _scalar(rng: Random, field: Any) -> Any:
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return rng.choice((0.0, -1.0, 1.5, float("nan"), float("inf"), 1e38, 1e-45))
    if field.cpp_type == field.CPPTYPE_ENUM:
        return rng.choice([v.number for v in field.enum_type.values])
    if field.cpp_type == field.CPPTYPE_STRING:
        text = rng.choice(
            ("", "x", "x" * 3000, "Relu", "Conv", "Gemm", "Reshape", "Quant", "c0", "c1", "\n", "\x1b[2J")
        )
        return text.encode() if field.type == field.TYPE_BYTES else text
    if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32):
        return rng.choice((0, 1, 2, 7, 8, 9, 16, 99, 2**31 - 1))
    return rng.choice((0, 1, -1, 2, 3, 4, 7, 64, 2**31 - 1, 2**31, 10**12, 2**63 - 1, -(2**63)))


_KINDS: dict[str, tuple[Damage, ...]] = {
    ".json": (_json, _json, _lines),
    ".jsonl": (_json_lines, _json_lines, _lines),
    ".xml": (_xml, _xml, _number),
    ".hwh": (_xml, _xml, _number),
    ".rpt": (_lines, _number),
    ".csv": (_lines, _number),
    ".txt": (_lines, _number),
    ".toml": (_lines, _number),
    ".npy": (_npy,),
    ".npz": (_zip,),
    ".keras": (_zip,),
    ".xsa": (_zip,),
    ".h5": (_h5,),
    ".onnx": (_protobuf,),
}


def _of_name(rng: Random, name: str) -> Damage:
    kinds = _KINDS.get(PurePath(name).suffix, ())
    return rng.choice(kinds) if kinds and rng.random() < 0.8 else _bytes
