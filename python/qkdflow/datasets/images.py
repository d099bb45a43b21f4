"""Images in folders, a folder a class: root/{train,validation,test}/<label>/*.jpg or .png, or root/<label>/..."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.folders import class_folders
from qkdflow.datasets.parts import Labelled, check_size, make_dataset
from qkdflow.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png")
FORMATS = ("JPEG", "PNG")
MOST_PIXELS = 1 << 26  # of one image, before it is decoded
_COLOURS = {"1": 1, "L": 1, "LA": 1, "P": 3, "RGB": 3, "RGBA": 3, "CMYK": 3, "YCbCr": 3}  # channels by Pillow's mode


def load_images(
    root: str | os.PathLike[str], *, key: Key, size: tuple[int, int] | None = None, name: str | None = None
) -> Dataset:
    """The data set in a tree of images: x (n, H, W, 1) where all are grey, else (n, H, W, 3), counts 0 to 255.

    size: (H, W) that every image is resized to (bilinear over the whole of what a pixel covers); without it all must
    have one size. A given split is kept (see `make_dataset`). Every file's header is read before any is decoded, every
    file is decoded before training. DataError names the file.
    """
    root = Path(root)
    files, class_names = class_folders(root, SUFFIXES)
    headers = {path: header(path) for paths, _ in files.values() for path in paths}
    channels = max(channels for _, channels in headers.values())
    if size is None:
        first, (size, _) = next(iter(headers.items()))
        other = next((p for p, (s, _) in headers.items() if s != size), None)
        if other is not None:
            got = f"{_by(size)} in {first.relative_to(root)} and {_by(headers[other][0])} in {other.relative_to(root)}"
            raise DataError(f"[{root}] images of one size are required; got {got}. Give --image-size HxW")
    check_size(str(root), (len(headers), *size, channels))
    parts = {}
    for part, (paths, y) in files.items():
        x = np.empty((len(paths), *size, channels), np.uint8)
        for i, path in enumerate(paths):
            x[i] = pixels(path, size, channels)
        parts[part] = Labelled(x, y, str(root))
    return make_dataset(name or root.name, str(root), parts, class_names, key)


def header(path: Path) -> tuple[tuple[int, int], int]:
    """((H, W), channels) of a file, nothing decoded."""
    from PIL import Image  # late: only images need it

    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            mode = image.mode
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"[{path}] at most {MOST_PIXELS:,} pixels are required; got: {error}") from error
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises of broken headers
        got = getattr(error, "strerror", None) or "another or a damaged header"
        raise DataError(f"[{path}] a JPEG or PNG image is required; got {got}") from error
    if width * height > MOST_PIXELS:
        raise DataError(f"[{path}] at most {MOST_PIXELS:,} pixels are required; got {width} x {height}")
    if mode not in _COLOURS:
        raise DataError(f"[{path}] 8 bits a channel are required, grey or colours; got mode {mode}")
    return (height, width), _COLOURS[mode]


def pixels(path: Path, size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """One image (H, W, channels), resized where it is of another size."""
    from PIL import Image  # late: only images need it

    try:
        with Image.open(path, formats=FORMATS) as image:
            plain = image.convert("L" if channels == 1 else "RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"[{path}] a whole image is required; got: {error}") from error
    if plain.size != size[::-1]:
        plain = plain.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(plain).reshape(*size, channels)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
