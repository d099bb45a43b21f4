"""Pools over images and series. Averages count the pixels inside the source only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from qkdflow import _core
from qkdflow.layers.base import Layer, Pair, Shape, need_rank, pair, single


@dataclass(frozen=True)
class _Pool(Layer):
    average: ClassVar[bool]
    rank: ClassVar[int]

    def _make(self, src: Shape, pool: Pair, strides: Pair, padding: str) -> list[_core.Layer]:
        need_rank(self, src, self.rank)
        return [_core.Pooling(self.name, self.average, pool, strides, padding, False, False)]


@dataclass(frozen=True)
class _Pool2D(_Pool):
    pool_size: int | Sequence[int] = (2, 2)
    strides: int | Sequence[int] | None = None
    padding: str = "valid"
    rank: ClassVar[int] = 3

    def core(self, src: Shape) -> list[_core.Layer]:
        pool = pair(self.pool_size, "pool_size")
        return self._make(src, pool, pool if self.strides is None else pair(self.strides, "strides"), self.padding)


@dataclass(frozen=True)
class _Pool1D(_Pool):
    pool_size: int | Sequence[int] = 2
    strides: int | Sequence[int] | None = None
    padding: str = "valid"
    rank: ClassVar[int] = 2

    def core(self, src: Shape) -> list[_core.Layer]:
        pool = single(self.pool_size, "pool_size")
        stride = pool if self.strides is None else single(self.strides, "strides")
        return self._make(src, (1, pool), (1, stride), self.padding)


@dataclass(frozen=True)
class _Global(_Pool):
    keepdims: bool = False

    def core(self, src: Shape) -> list[_core.Layer]:
        need_rank(self, src, self.rank)
        return [_core.Pooling(self.name, self.average, (1, 1), (1, 1), "valid", True, self.keepdims)]


@dataclass(frozen=True)
class MaxPooling2D(_Pool2D):
    """The largest of each window, channel by channel."""

    average: ClassVar[bool] = False
    base_name: ClassVar[str] = "max_pooling2d"


@dataclass(frozen=True)
class AveragePooling2D(_Pool2D):
    """The mean of each window, channel by channel."""

    average: ClassVar[bool] = True
    base_name: ClassVar[str] = "average_pooling2d"


@dataclass(frozen=True)
class MaxPooling1D(_Pool1D):
    """The largest of each window, channel by channel."""

    average: ClassVar[bool] = False
    base_name: ClassVar[str] = "max_pooling1d"


@dataclass(frozen=True)
class AveragePooling1D(_Pool1D):
    """The mean of each window, channel by channel."""

    average: ClassVar[bool] = True
    base_name: ClassVar[str] = "average_pooling1d"


@dataclass(frozen=True)
class GlobalMaxPooling2D(_Global):
    """The largest of each channel, (channels,), or (1, 1, channels) with keepdims."""

    average: ClassVar[bool] = False
    rank: ClassVar[int] = 3
    base_name: ClassVar[str] = "global_max_pooling2d"


@dataclass(frozen=True)
class GlobalAveragePooling2D(_Global):
    """The mean of each channel, (channels,), or (1, 1, channels) with keepdims."""

    average: ClassVar[bool] = True
    rank: ClassVar[int] = 3
    base_name: ClassVar[str] = "global_average_pooling2d"


@dataclass(frozen=True)
class GlobalMaxPooling1D(_Global):
    """The largest of each channel, (channels,), or (1, channels) with keepdims."""

    average: ClassVar[bool] = False
    rank: ClassVar[int] = 2
    base_name: ClassVar[str] = "global_max_pooling1d"


@dataclass(frozen=True)
class GlobalAveragePooling1D(_Global):
    """The mean of each channel, (channels,), or (1, channels) with keepdims."""

    average: ClassVar[bool] = True
    rank: ClassVar[int] = 2
    base_name: ClassVar[str] = "global_average_pooling1d"
