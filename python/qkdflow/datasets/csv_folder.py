"""CSV files in folders, a folder a class: root/<label>/*.csv, each with a header and numeric columns alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from qkdflow._core import Key
from qkdflow.datasets.csv import read_table
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.folders import class_folders
from qkdflow.datasets.parts import Labelled, make_dataset
from qkdflow.errors import DataError


def load_csv_folder(root: str | os.PathLike[str], *, key: Key, name: str | None = None) -> Dataset:
    """The data set in a tree of CSV files, cut 70/15/15 or as its folders train, validation and test say.

    All files have the same columns. DataError names file, line and column.
    """
    root = Path(root)
    files, class_names = class_folders(root, (".csv",))
    header: list[str] | None = None
    parts = {}
    for part, (paths, labels) in files.items():
        blocks, y = [], []
        for path, label in zip(paths, labels, strict=True):
            table = read_table(path, None)
            header = header or table.columns
            if table.columns != header:
                raise DataError(
                    f"[{path}:1] the columns of the first file are required; got {len(table.columns)} others"
                )
            blocks.append(table.x)
            y += [label] * len(table.x)
        parts[part] = Labelled(np.concatenate(blocks), np.array(y, np.int64), str(root))
    return make_dataset(name or root.name, str(root), parts, class_names, key)
