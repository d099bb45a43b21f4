"""IDX files, as MNIST comes in: a header that says type and shape, then the numbers, big-endian; gzip or not.

Format: Y. LeCun, http://yann.lecun.com/exdb/mnist: two zero bytes, type, number of axes,
a 4-byte length an axis.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.datasets.csv import classes
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.parts import PART_NAMES, Labelled, check_size, make_dataset
from qkdflow.errors import DataError
from qkdflow.limits import DEFLATES_TO

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
NAME = re.compile(r"(?P<part>[a-z0-9]+)-(?P<what>images|labels)[-.]idx\d-ubyte(?P<gz>\.gz)?\Z")
_PIECE = 1 << 20


def is_idx_folder(folder: Path) -> bool:
    return any(NAME.match(p.name) for p in folder.iterdir())


def load_idx(folder: str | os.PathLike[str], *, key: Key, name: str | None = None) -> Dataset:
    """The data set in a folder of IDX files named as MNIST's: train-images-idx3-ubyte, t10k-labels-idx1-ubyte, ...

    Images (n, H, W) become (n, H, W, 1). The test part is t10k's; 15 % of each class of train become the validation
    part where there is none. DataError names file and byte.
    """
    folder = Path(folder)
    files: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir(), reverse=True):  # x.gz before x: where both are there, the second is taken
        found = NAME.match(path.name)
        if found and found["part"] in PART_NAMES:
            files.setdefault(PART_NAMES[found["part"]], {})[found["what"]] = path
    for part, both in files.items():
        if len(both) < 2:
            path = next(iter(both.values()))
            missing = "labels" if "images" in both else "images"
            raise DataError(f"[{folder}] a file of {missing} is required beside {path.name} ({part} part)")
    parts: dict[str, Labelled] = {}
    columns: dict[str, NDArray[Any]] = {}
    for part in sorted(files, key=("train", "valid", "test").index):
        columns[part] = _labels(files[part]["labels"])
    texts = [str(v) for column in columns.values() for v in column.tolist()]
    y, class_names = classes(texts)
    begin = 0
    for part, column in columns.items():
        x = read_idx(files[part]["images"])
        path = files[part]["images"]
        parts[part] = Labelled(x[..., None] if x.ndim == 3 else x, y[begin : begin + len(column)], str(path))
        begin += len(column)
    return make_dataset(name or folder.name, str(folder), parts, class_names, key)


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """The array in an IDX file. DataError, naming file and byte, where it is damaged or claims too much."""
    path = Path(path)
    try:
        size = path.stat().st_size
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=raw) as file:
                    return _read(path, file, size * DEFLATES_TO)  # type: ignore[arg-type]
            return _read(path, raw, size)
    except OSError as error:  # gzip.BadGzipFile is one
        raise DataError(f"[{path}] a readable IDX file is required; got: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise DataError(f"[{path}] a whole gzip file is required; got: {error}") from error


def _read(path: Path, file: IO[bytes], most: int) -> NDArray[Any]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in TYPES or not 1 <= head[3] <= 4:
        required = "two zero bytes, a type (08 to 0e) and 1 to 4 axes are required"
        raise DataError(f"[{path}, byte 0] {required}; got {head.hex(' ') or 'nothing'}")
    lengths = file.read(4 * head[3])
    if len(lengths) < 4 * head[3]:
        raise DataError(f"[{path}, byte 4] {head[3]} lengths are required; the file ends")
    shape = tuple(int.from_bytes(lengths[i : i + 4], "big") for i in range(0, len(lengths), 4))
    dtype = np.dtype(TYPES[head[2]])
    check_size(f"{path}, byte 4", shape)
    begin = 4 + len(lengths)
    claimed = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if claimed > most:
        raise DataError(f"[{path}, byte 4] {claimed:,} bytes are claimed, shape {shape}; the file cannot hold them")
    data = bytearray()
    while len(data) <= claimed and (piece := file.read(min(_PIECE, claimed + 1 - len(data)))):
        data += piece
    if len(data) != claimed:
        got = "more" if len(data) > claimed else f"{len(data):,}"
        raise DataError(f"[{path}, byte {begin + min(len(data), claimed)}] {claimed:,} bytes are required; got {got}")
    return np.frombuffer(data, dtype).reshape(shape)


def _labels(path: Path) -> NDArray[Any]:
    y = read_idx(path)
    if y.ndim != 1 or y.dtype.kind not in "iu" or y.size == 0:
        raise DataError(f"[{path}] whole-number labels of one axis are required; got {y.dtype} {y.shape}")
    return y
