"""Other shapes for the same numbers, and zeros around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from qkdflow import _core
from qkdflow.layers.base import Layer, Pair, Shape, need_rank, pair


@dataclass(frozen=True)
class Flatten(Layer):
    """A vector of all numbers of a sample, row by row, channels last."""

    base_name: ClassVar[str] = "flatten"

    def core(self, src: Shape) -> list[_core.Layer]:
        return [_core.Reshape(self.name, [-1])]


@dataclass(frozen=True)
class Reshape(Layer):
    """The same numbers as `target_shape`, in which one size may be -1."""

    target_shape: Sequence[int]
    base_name: ClassVar[str] = "reshape"

    def __post_init__(self) -> None:
        object.__setattr__(self, "target_shape", tuple(int(n) for n in self.target_shape))

    def core(self, src: Shape) -> list[_core.Layer]:
        return [_core.Reshape(self.name, list(self.target_shape))]


@dataclass(frozen=True)
class ZeroPadding2D(Layer):
    """Zeros around an image: one number, (rows, columns), or ((top, bottom), (left, right))."""

    padding: Any = 1
    base_name: ClassVar[str] = "zero_padding2d"

    def __post_init__(self) -> None:
        two = (self.padding, self.padding) if isinstance(self.padding, int) else tuple(self.padding)
        object.__setattr__(self, "padding", tuple(pair(side, "padding") for side in two))

    def core(self, src: Shape) -> list[_core.Layer]:
        need_rank(self, src, 3)
        rows, columns = self.padding
        return [_core.ZeroPadding(self.name, rows, columns)]


@dataclass(frozen=True)
class ZeroPadding1D(Layer):
    """Zeros before and after a series: one number, or (before, after)."""

    padding: int | Sequence[int] = 1
    base_name: ClassVar[str] = "zero_padding1d"

    def __post_init__(self) -> None:
        object.__setattr__(self, "padding", pair(self.padding, "padding"))

    def core(self, src: Shape) -> list[_core.Layer]:
        need_rank(self, src, 2)
        sides: Pair = pair(self.padding, "padding")
        return [_core.ZeroPadding(self.name, (0, 0), sides)]
