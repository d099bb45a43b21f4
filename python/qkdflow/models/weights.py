"""A model's numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Weights:
    """A model's latent parameters and masks, tensor by tensor."""

    values: tuple[FloatArray, ...]
    masks: tuple[FloatArray | None, ...]
