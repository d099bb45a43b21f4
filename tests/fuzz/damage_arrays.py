"""Damage to NPY headers, and to the attributes and datasets of HDF5."""

from __future__ import annotations

import io
import json
import re
import struct
from typing import Any

import h5py
import numpy as np
from damage_bytes import Random, damaged_bytes, damaged_number
from damage_trees import damaged_tree


def damaged_npy(rng: Random, data: bytes) -> bytes:
    """An NPY whose header says something else, at its true length."""
    if len(data) < 12 or data[:6] != b"\x93NUMPY":
        return damaged_bytes(rng, data)
    length = struct.unpack("<H", data[8:10])[0]
    header, body = data[10 : 10 + length], data[10 + length :]
    types = (b"|O", b"<f8", b">f2", b"|S0", b"<U9", b"|b1", b"<M8[s]", b"<c16", b"|V0", b"[('a','<f4')]", b"3<f4")
    if rng.random() < 0.4:
        header = re.sub(rb"'descr': '[^']*'", b"'descr': '" + rng.choice(types) + b"'", header)
    else:
        header = rng.choice((damaged_number, damaged_bytes))(rng, header)
    return data[:8] + struct.pack("<H", len(header) % 65536) + header + body


def damaged_h5(rng: Random, data: bytes) -> bytes:
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
        return damaged_bytes(rng, data)
    return memory.getvalue()


def _change_attribute(rng: Random, item: Any) -> None:
    name = rng.choice(sorted(item.attrs))
    value = item.attrs[name]
    if isinstance(value, str) and value.startswith("{") and rng.random() < 0.9:
        item.attrs[name] = json.dumps(damaged_tree(rng, json.loads(value)))
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
