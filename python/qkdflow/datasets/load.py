"""Any data set by its path: what a file or folder holds says which loader reads it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from qkdflow._core import Key
from qkdflow.datasets import cifar, idx
from qkdflow.datasets.arrays import load_hdf5, load_npy, load_npz
from qkdflow.datasets.cifar import is_cifar_folder, load_cifar10
from qkdflow.datasets.csv import load_csv
from qkdflow.datasets.csv_folder import load_csv_folder
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.idx import is_idx_folder, load_idx
from qkdflow.datasets.images import SUFFIXES, load_images
from qkdflow.errors import DataError

FILES: dict[str, Callable[..., Dataset]] = {".npz": load_npz, ".h5": load_hdf5, ".hdf5": load_hdf5}
KINDS = "a .csv, .npz, .h5 or .hdf5 file, or a folder of IDX, .npy, CIFAR-10 .bin, image or CSV files"


def load(
    path: str | os.PathLike[str], *, key: Key, label: str = "class", image_size: tuple[int, int] | None = None
) -> Dataset:
    """The data set in a file or folder, checked whole; a split that it comes with is kept, else 70/15/15 by `key`.

    label: the label column of a single CSV file. image_size: (H, W) for a tree of images. DataError says where.
    """
    path = Path(path)
    if path.is_dir():
        return _load_folder(path, key, image_size)
    if path.suffix.lower() == ".csv":
        return load_csv(path, label, key=key)
    reader = FILES.get(path.suffix.lower())
    if reader is None or not path.exists():
        got = "a single array; name its folder" if path.suffix == ".npy" else path.suffix or "no suffix"
        raise DataError(f"[{path}] {KINDS} is required; got {got if path.exists() else 'nothing there'}")
    return reader(path, key=key)


def _load_folder(path: Path, key: Key, image_size: tuple[int, int] | None) -> Dataset:
    if is_idx_folder(path):
        return load_idx(path, key=key)
    if is_cifar_folder(path):
        return load_cifar10(path, key=key)
    if any(path.glob("*.npy")):
        return load_npy(path, key=key)
    tree = _tree(path)
    if not tree:
        raise DataError(f"[{path}] {KINDS} is required; got a folder of none of them")
    if tree[0].suffix.lower() == ".csv":
        return load_csv_folder(path, key=key)
    return load_images(path, key=key, size=image_size)


def files_of(path: str | os.PathLike[str]) -> list[Path]:
    """The files that `load` reads: the path itself, or those of a folder, through links as it does. OSError."""
    path = Path(path)
    if not path.is_dir():
        return [path]
    top = sorted(path.iterdir())
    for pattern in (idx.NAME, cifar.NAME):
        if named := [p for p in top if pattern.match(p.name)]:
            return named
    return sorted(path.glob("*.npy")) or _tree(path)


def _tree(root: Path) -> list[Path]:
    """Images and CSV files in folders of classes, and of classes below those of parts."""
    found = sorted(root.glob("*/*")) + sorted(root.glob("*/*/*"))
    return [
        file
        for file in found
        if file.suffix.lower() in (".csv", *SUFFIXES)
        and not any(part.startswith(".") for part in file.relative_to(root).parts)
    ]
