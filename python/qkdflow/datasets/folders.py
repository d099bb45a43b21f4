"""Folders whose names are the labels: root/<label>/files, or root/{train,validation,test}/<label>/files."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qkdflow.datasets.csv import classes
from qkdflow.datasets.parts import PART_NAMES
from qkdflow.datasets.split import I64
from qkdflow.errors import DataError


class Files(NamedTuple):
    """Files by part, in alphabetical order of folder and name, with their labels int64 in 0 .. classes-1."""

    parts: dict[str, tuple[list[Path], I64]]
    class_names: tuple[str, ...]


def class_folders(root: Path, suffixes: Collection[str]) -> Files:
    """The files below `root` with their labels: whole numbers in the order of numbers, else text.

    Names that begin with a dot are passed over. DataError for files of another kind, empty folders, two folders for
    one part, and fewer than two classes.
    """
    named = {p.name.lower(): p for p in _folders(root)}
    roots = {name: p for name, p in named.items() if name in PART_NAMES}
    if roots and len(roots) < len(named):
        others = ", ".join(sorted(named.keys() - roots.keys())[:4])
        raise DataError(f"[{root}] either parts or labels are required; got {', '.join(roots)} beside {others}")
    found: dict[str, list[tuple[Path, str]]] = {}
    for name, folder in sorted(roots.items()) if roots else [("train", root)]:
        part = PART_NAMES[name]
        if part in found:
            raise DataError(f"[{root}] one folder a part is required; got {', '.join(roots)}")
        found[part] = [(file, label.name) for label in _folders(folder) for file in _files(label, suffixes)]
    y, class_names = classes([label for part in found for _, label in found[part]] or [""])
    if len(class_names) < 2:
        raise DataError(f"[{root}] a folder for each of at least 2 classes is required; got {class_names[0] or 'none'}")
    parts, begin = {}, 0
    for part, pairs in found.items():
        parts[part] = [file for file, _ in pairs], np.asarray(y[begin : begin + len(pairs)])
        begin += len(pairs)
    return Files(parts, class_names)


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise DataError(f"[{root}] a readable folder is required; got: {error.strerror or error}") from error


def _files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    for path in files:
        if path.suffix.lower() not in suffixes or not path.is_file():
            raise DataError(f"[{path}] files {', '.join(suffixes)} alone are required in a class's folder")
    if not files:
        raise DataError(f"[{folder}] files {', '.join(suffixes)} are required; the folder is empty")
    return files
