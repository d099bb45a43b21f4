"""The golden archives of Keras files: unpacked once, with what Keras predicted."""

from __future__ import annotations

import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).parents[1] / "golden"
_FOLDER = tempfile.TemporaryDirectory()  # for as long as the tests run


@cache
def folder(archive: str) -> Path:
    path = Path(_FOLDER.name) / archive
    with zipfile.ZipFile(GOLDEN / f"{archive}.zip") as files:
        files.extractall(path)
    return path


def cases() -> list[tuple[str, str]]:
    """(archive, file) of every model."""
    suffixes = {".h5", ".keras", ".json"}
    found = [
        (a, p.name)
        for a in ("keras2_files", "keras3_files")
        for p in sorted(folder(a).iterdir())
        if p.suffix in suffixes
    ]
    assert len(found) > 15
    return found


def predicted(archive: str, file: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """(x, what Keras gave)."""
    name = file.split(".")[0].removesuffix("_weights")
    split = {"keras2_files": "branches", "keras3_files": "nested"}[archive]
    arrays = np.load(folder(archive) / f"{split if name == 'split' else name}.npz")
    return arrays["x"], arrays["y"]
