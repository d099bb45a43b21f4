"""The files of shared/models, what their networks must reach, and the data for it."""

from __future__ import annotations

import csv
import gzip
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

SHARED = Path(os.environ.get("QKDFLOW_SHARED", Path(__file__).parents[3].parent / "shared"))
MODELS = SHARED / "models"


def expected() -> dict[str, dict[str, Any]]:
    path = MODELS / "expected.json"
    if not path.exists():
        return {}
    return {name: entry for name, entry in json.loads(path.read_text()).items() if not name.startswith("_")}


needs_shared = pytest.mark.skipif(not expected(), reason="shared/models is not beside the checkout")


@cache
def data(name: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """mnist: the 10,000 test images / 255, flat; clyc: all rows, raw."""
    if name == "clyc":
        with (SHARED / "data/clyc/clyc.csv").open() as file:
            rows = np.array(list(csv.reader(file))[1:], dtype=np.float32)
        return rows[:, :-1], rows[:, -1].astype(np.int64)
    images = _idx(next((SHARED / "data/mnist").glob("t10k-images*")), 16)
    labels = _idx(next((SHARED / "data/mnist").glob("t10k-labels*")), 8)
    return images.reshape(len(labels), -1).astype(np.float32) / 255, labels.astype(np.int64)


def _idx(path: Path, header: int) -> NDArray[np.uint8]:
    raw = path.read_bytes()
    return np.frombuffer(gzip.decompress(raw) if path.suffix == ".gz" else raw, np.uint8)[header:]
