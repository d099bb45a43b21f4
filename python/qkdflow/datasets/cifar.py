"""CIFAR-10 in its binary form: records of one label byte and 3 x 32 x 32 bytes, channel by channel.

Format: A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version". The form that Python pickles is
never read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.parts import Labelled, check_size, make_dataset
from qkdflow.errors import DataError

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32  # bytes
NAME = re.compile(r"(?P<part>data|test)_batch(_(?P<number>\d+))?\.bin\Z")


def is_cifar_folder(folder: Path) -> bool:
    return any(NAME.match(p.name) for p in folder.iterdir())


def load_cifar10(folder: str | os.PathLike[str], *, key: Key, name: str | None = None) -> Dataset:
    """data_batch_1.bin ... and test_batch.bin: images (32, 32, 3), the test part kept, the rest train and valid.

    Fewer batches are as good, but not one out of the middle. DataError names file and byte.
    """
    folder = Path(folder)
    files: dict[str, list[Path]] = {}
    numbers: set[int] = set()
    for path in sorted(folder.iterdir()):
        found = NAME.match(path.name)
        if found:
            files.setdefault("train" if found["part"] == "data" else "test", []).append(path)
            numbers |= {int(found["number"])} if found["number"] else set()
    if "train" not in files:
        raise DataError(f"[{folder}] data_batch_1.bin and others to train on are required; got none")
    if lost := set(range(1, max(numbers, default=0))) - numbers:
        raise DataError(f"[{folder}] batches before the last are required; data_batch_{min(lost)}.bin is not there")
    check_size(str(folder), (sum(p.stat().st_size for of in files.values() for p in of),))
    records = {part: [_records(p) for p in of] for part, of in files.items()}
    parts = {}
    for part, of in records.items():
        y = np.concatenate([r[:, 0] for r in of]).astype(np.int64)
        pixels = np.concatenate([r[:, 1:].reshape(-1, *SHAPE).transpose(0, 2, 3, 1) for r in of])
        parts[part] = Labelled(pixels, y, str(folder))
    return make_dataset(name or "cifar10", str(folder), parts, CLASS_NAMES, key)


def _records(path: Path) -> NDArray[np.uint8]:
    try:
        raw = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(f"[{path}] a readable file is required; got: {error.strerror or error}") from error
    if raw.size == 0 or raw.size % RECORD:
        whole = raw.size // RECORD * RECORD
        raise DataError(f"[{path}, byte {whole}] whole records of {RECORD} bytes are required; got {raw.size:,} bytes")
    records = raw.reshape(-1, RECORD)
    bad = np.flatnonzero(records[:, 0] >= len(CLASS_NAMES))
    if bad.size:
        at, got = int(bad[0]) * RECORD, records[bad[0], 0]
        raise DataError(f"[{path}, byte {at}] a label must be 0 to {len(CLASS_NAMES) - 1}; got {got}")
    return records
