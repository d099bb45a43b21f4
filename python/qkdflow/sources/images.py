"""A folder of images, one folder a class: Keras's image_dataset_from_directory with the labels of `datasets`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qkdflow.datasets.folders import class_folders
from qkdflow.datasets.images import SUFFIXES, header, pixels
from qkdflow.errors import ConfigError, DataError
from qkdflow.sources.base import Rows, Source

MODES = {"grayscale": 1, "rgb": 3}


class ImageFolder(Source):
    """Images of one size, 0 to 255, (height, width, channels); a sample's label is the place of its class."""

    def __init__(
        self,
        files: Sequence[Path],
        labels: NDArray[np.int64],
        class_names: tuple[str, ...],
        image_size: tuple[int, int] | None,
        color_mode: str,
    ) -> None:
        self.files, self.labels, self.class_names = tuple(files), labels, class_names
        self._resizes = image_size is not None
        self._size = image_size or header(self.files[0])[0]
        self.sample_shape = (*self._size, MODES[color_mode])

    def __len__(self) -> int:
        return len(self.files)

    def read(self, rows: Rows) -> NDArray[np.uint8]:
        out = np.empty((len(rows), *self.sample_shape), np.uint8)
        for i, row in enumerate(rows):
            file = self.files[row]
            size, _ = header(file)
            if size != self._size and not self._resizes:
                raise DataError(f"[{file}] images must be {self._size}; got {size}. Give an image_size")
            out[i] = pixels(file, self._size, self.sample_shape[-1])
        return out


def image_dataset_from_directory(
    directory: str | Path, image_size: tuple[int, int] | None = None, color_mode: str = "rgb"
) -> ImageFolder:
    """directory/CLASS/*.jpg, .jpeg and .png, read when they are needed, folders and files in alphabetical order.

    Labels are those that every loader here gives: classes in alphabetical order, or in the order of numbers where all
    are whole numbers (1, 2, 10; Keras has 1, 10, 2, so its labels of such folders are others).
    image_size is (height, width), and images of another size are resized (bilinear); None takes the first image's size
    and refuses others. DataError names what cannot be read.
    """
    if color_mode not in MODES:
        raise ConfigError(f"[color_mode] must be {' or '.join(MODES)}; got {color_mode!r}")
    parts, class_names = class_folders(Path(directory), SUFFIXES)
    if len(parts) != 1:
        raise DataError(f"[{directory}] name one part: {', '.join(str(Path(directory) / p) for p in parts)}")
    ((files, labels),) = parts.values()
    return ImageFolder(files, labels, class_names, image_size, color_mode)
