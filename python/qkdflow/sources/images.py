"""A folder of images: one folder a class, as Keras's image_dataset_from_directory reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qkdflow.errors import ConfigError, DataError
from qkdflow.sources.base import Rows, Source

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}


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
        self._mode, channels = MODES[color_mode]
        self._resizes = image_size is not None
        self.sample_shape = (*(image_size or self._image(self.files[0]).shape[:2]), channels)

    def __len__(self) -> int:
        return len(self.files)

    def read(self, rows: Rows) -> NDArray[np.uint8]:
        out = np.empty((len(rows), *self.sample_shape), np.uint8)
        for i, row in enumerate(rows):
            image = self._image(self.files[row])
            if image.shape != self.sample_shape:
                raise DataError(
                    f"[{self.files[row]}] images must be {self.sample_shape}; got {image.shape}. Give an image_size"
                )
            out[i] = image
        return out

    def _image(self, file: Path) -> NDArray[np.uint8]:
        from PIL import Image

        try:
            with Image.open(file) as opened:
                image = opened.convert(self._mode)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(f"[{file}] an image is required: {error}") from error
        if self._resizes and image.size[::-1] != self.sample_shape[:2]:
            height, width = self.sample_shape[:2]
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        pixels = np.asarray(image)
        return pixels if pixels.ndim == 3 else pixels[..., None]


def image_dataset_from_directory(
    directory: str | Path,
    image_size: tuple[int, int] | None = None,
    color_mode: str = "rgb",
    class_names: Sequence[str] | None = None,
) -> ImageFolder:
    """directory/CLASS/*.png, .jpg, .jpeg, .bmp, .gif; classes and files in alphabetical order.

    image_size is (height, width), and images of another size are resized (bilinear); None takes the first image's size
    and refuses others. class_names says which folders, and in which order. DataError names what cannot be read.
    """
    directory = Path(directory)
    if color_mode not in MODES:
        raise ConfigError(f"[color_mode] must be one of {', '.join(MODES)}; got {color_mode!r}")
    if not directory.is_dir():
        raise DataError(f"[{directory}] a folder with one folder a class is required")
    names = tuple(class_names or sorted(p.name for p in directory.iterdir() if p.is_dir()))
    missing = [n for n in names if not (directory / n).is_dir()]
    if missing or len(names) < 2:
        raise DataError(f"[{directory}] two folders, one a class, are required; missing {', '.join(missing) or names}")
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        found = sorted(p for p in (directory / name).iterdir() if p.suffix.lower() in SUFFIXES)
        if not found:
            raise DataError(f"[{directory / name}] images ({', '.join(SUFFIXES)}) are required; the folder has none")
        files += found
        labels += [label] * len(found)
    return ImageFolder(files, np.array(labels), names, image_size, color_mode)
