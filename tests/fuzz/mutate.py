"""Damages files as a key says: the same key and seeds give the same bytes, in any order and any process.

Bytes of every format are flipped, cut, spliced and overwritten. Those with a structure (JSON, XML, lines, zip, HDF5,
protobuf, NPY) are also taken apart and put together wrong, so that the damage gets past the first check.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePath

from damage_arrays import damaged_h5, damaged_npy
from damage_bytes import Damage, Random, damaged_bytes, damaged_lines, damaged_number, spliced
from damage_onnx import damaged_onnx
from damage_trees import damaged_json, damaged_json_lines, damaged_xml

Files = dict[str, bytes]  # a reader's input, by name


def damaged(seeds: list[Files], key: str) -> Files:
    """One of the seeds with one of its files (rarely more) damaged, once or a few times."""
    rng = Random(key)
    files = dict(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        name = rng.choice(sorted(files))
        kinds = _KINDS.get(PurePath(name).suffix, ())
        damage = rng.choice(kinds) if kinds and rng.random() < 0.7 else damaged_bytes
        others = [seed[name] for seed in seeds if name in seed]
        files[name] = spliced(rng, files[name], rng.choice(others)) if rng.random() < 0.03 else damage(rng, files[name])
        if len(files) > 1 and rng.random() < 0.01:
            del files[name]
            return files
    return files


def _damaged_zip(rng: Random, data: bytes) -> bytes:
    """A member damaged, renamed, twice, gone or packed another way."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:  # damaged before, in any of zipfile's ways
        return damaged_bytes(rng, data)
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


_KINDS: dict[str, tuple[Damage, ...]] = {
    ".json": (damaged_json, damaged_json, damaged_lines),
    ".jsonl": (damaged_json_lines, damaged_json_lines, damaged_lines),
    ".xml": (damaged_xml, damaged_xml, damaged_number),
    ".hwh": (damaged_xml, damaged_xml, damaged_number),
    ".rpt": (damaged_lines, damaged_number),
    ".csv": (damaged_lines, damaged_number),
    ".txt": (damaged_lines, damaged_number),
    ".toml": (damaged_lines, damaged_number),
    ".npy": (damaged_npy,),
    ".npz": (_damaged_zip,),
    ".keras": (_damaged_zip,),
    ".xsa": (_damaged_zip,),
    ".h5": (damaged_h5,),
    ".onnx": (damaged_onnx,),
}


def _of_name(rng: Random, name: str) -> Damage:
    kinds = _KINDS.get(PurePath(name).suffix, ())
    return rng.choice(kinds) if kinds and rng.random() < 0.8 else damaged_bytes
