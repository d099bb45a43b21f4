"""Layers of several sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from qkdflow import _core
from qkdflow.errors import ConfigError
from qkdflow.layers.base import Layer, Shape


@dataclass(frozen=True)
class Add(Layer):
    """The sum of tensors of one shape."""

    base_name: ClassVar[str] = "add"

    def core(self, src: Shape) -> list[_core.Layer]:
        return [_core.Add(self.name)]


@dataclass(frozen=True)
class Concatenate(Layer):
    """Tensors side by side along the last axis."""

    axis: int = -1
    base_name: ClassVar[str] = "concatenate"

    def core(self, src: Shape) -> list[_core.Layer]:
        if self.axis not in (-1, len(src)):
            raise ConfigError(f"[{self.name}] axis must be the last one, -1; got {self.axis}")
        return [_core.Concatenate(self.name)]
