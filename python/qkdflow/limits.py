"""How much a file may claim to hold, checked from its header before anything of that size is allocated."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence

DEFLATES_TO = 1032  # deflate makes at most so many bytes of one
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of a zip; LZMA's and bzip2's buffers are as large as they ask for
SLACK = 1 << 16  # bytes that need no proof
MOST_VALUES = 1 << 29  # that are read at once: 2 GiB as float32
_WIDEST = 8  # bytes of a number; text is counted in so many


def values_of(shape: Sequence[int], itemsize: int) -> int:
    """How many values an array holds, for MOST_VALUES; those of wide elements (text) by their bytes."""
    return math.prod(map(int, shape)) * max(1, itemsize // _WIDEST)
