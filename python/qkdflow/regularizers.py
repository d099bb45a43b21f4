"""What is added to the loss so that weights stay small, in Keras's words."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qkdflow.errors import ConfigError


@dataclass(frozen=True)
class L1L2:
    """l1 * sum |w| + l2 * sum w^2, of the latent (unquantised) weights."""

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        for key in ("l1", "l2"):
            value = getattr(self, key)
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
                raise ConfigError(f"[regularizer] {key} must be at least 0; got {value!r}")


def l1(value: float = 0.01) -> L1L2:
    """value * sum |w|."""
    return L1L2(l1=value)


def l2(value: float = 0.01) -> L1L2:
    """value * sum w^2."""
    return L1L2(l2=value)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Both."""
    return L1L2(l1, l2)
