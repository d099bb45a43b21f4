"""learned_bits: fraction bits that are trained with the weights, as in HGQ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from qkdflow.errors import ConfigError
from qkdflow.quantizers.base import FloatArray, Quantizer, float32

FINEST = 16  # fraction bits, and as many before the point
GRANULARITIES = ("weight", "channel", "layer")


@dataclass(frozen=True)
class learned_bits(Quantizer):
    """floor(x * 2^f + 1/2) / 2^f with f learned by gradient: one for each weight, each output channel or the layer.

    A kernel's tensor of fraction bits, NAME/kernel_fraction, is saved with it and counts as no parameter. A weight
    that rounds to zero has no bits: it is pruned. `fit_to_budget` trains towards a number of EBOPs. After Sun et al.
    2024 (HGQ, arXiv:2405.00645). Not in QKeras.
    """

    fraction: float = 4.0  # bits, at the start
    granularity: str = "weight"
    least: float = -4.0
    most: float = 10.0
    arguments: ClassVar[tuple[str, ...]] = ("fraction", "granularity", "least", "most")

    def __post_init__(self) -> None:
        if self.granularity not in GRANULARITIES:
            raise ConfigError(
                f"[learned_bits] granularity must be {', '.join(GRANULARITIES)}; got {self.granularity!r}"
            )
        if not -FINEST <= self.least <= self.fraction <= self.most <= FINEST:
            raise ConfigError(
                "[learned_bits] fraction bits must be -16 <= least <= fraction <= most <= 16; "
                f"got {self.least}, {self.fraction} and {self.most}"
            )

    def learned(self) -> tuple[str, float, float, float]:
        """Granularity and initial, least and most fraction bits."""
        return self.granularity, self.fraction, self.least, self.most

    def effective(self, x: ArrayLike) -> FloatArray:
        """x, any shape, as at the start: with `fraction` bits, rounded to a whole number of them."""
        grid = 2.0 ** float(np.rint(self.fraction))
        return float32(np.floor(np.asarray(x, dtype=np.float64) * grid + 0.5) / grid)
