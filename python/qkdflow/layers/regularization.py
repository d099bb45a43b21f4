"""Layers that only training knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from qkdflow import _core
from qkdflow.layers.base import Layer, Shape


@dataclass(frozen=True)
class Dropout(Layer):
    """A share `rate` of the numbers is zero in each training step; nothing happens otherwise."""

    rate: float
    base_name: ClassVar[str] = "dropout"

    def core(self, src: Shape) -> list[_core.Layer]:
        return [_core.Dropout(self.name, self.rate)]
