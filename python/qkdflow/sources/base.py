"""What a source of samples must be able to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class Source(ABC):
    """Samples (n, *sample_shape) that are read when they are needed. A class of your own defines these two.

    `labels` are integers (n,) or None; `class_names` their names or None. Reading happens in a thread beside the
    one that trains, one call at a time.
    """

    sample_shape: tuple[int, ...]
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] | None = None

    @abstractmethod
    def __len__(self) -> int:
        """How many samples there are."""

    @abstractmethod
    def read(self, rows: Rows) -> NDArray[Any]:
        """The samples `rows`, ascending and each once, as real numbers (len(rows), *sample_shape)."""
