"""Layers without weights that look at more than one element: pooling, merges, changes of shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.fixed.layer import FixedLayer, Pair, need, pairs, plane, sizes

POOLINGS = ("max", "average")


@dataclass(frozen=True, eq=False)
class FixedPooling(FixedLayer):
    """The largest or the mean value under a window; pixels around the image do not count.

    size, strides, padding (zeros before, after) along each axis of the image, (width,) or (height, width).
    is_global: the window is the whole image, and the result (channels,).
    accum_type, of `average` alone: sums are held in it and divided towards zero on its grid, then cast to
    result_type. The result of `max` has its source's type.
    """

    kind: ClassVar[str] = "pooling"

    name: str
    op: str
    size: tuple[int, ...]
    result_type: FixedPoint
    accum_type: FixedPoint | None = None
    strides: tuple[int, ...] = ()
    padding: tuple[Pair, ...] = ()
    is_global: bool = False
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        need(self.op in POOLINGS, self.where, f"op must be one of {', '.join(POOLINGS)}; got {self.op!r}")
        need(
            (self.accum_type is not None) == (self.op == "average"),
            self.where,
            f"accum_type belongs to an average pooling, and to that alone; got {self.accum_type}",
        )
        count = len(self.size)
        need(count in (1, 2), self.where, f"size must be (width,) or (height, width); got {self.size!r}")
        object.__setattr__(self, "size", sizes(self.size, count, self.where, "size"))
        object.__setattr__(self, "strides", sizes(self.strides or self.size, count, self.where, "strides"))
        object.__setattr__(self, "padding", pairs(self.padding or ((0, 0),) * count, count, self.where, "padding"))

    def check(self, shapes: tuple[tuple[int, ...], ...]) -> None:
        axes = len(self.size) + 1
        need(
            len(shapes[0]) == axes,
            self.where,
            f"an input of {axes} axes, channels last, is required; got {shapes[0]}",
        )

    def core(self) -> _core.FixedLayer:
        window = plane(self.size, 1), plane(self.strides, 1), plane(self.padding, (0, 0))
        if self.accum_type is None:
            return _core.FixedMaxPooling(self.name, *window, self.is_global, self.result_type)
        return _core.FixedAveragePooling(self.name, *window, self.is_global, self.accum_type, self.result_type)


@dataclass(frozen=True, eq=False)
class FixedAdd(FixedLayer):
    """The exact sum of two tensors of one shape."""

    kind: ClassVar[str] = "add"
    sources: ClassVar[int] = 2

    name: str
    result_type: FixedPoint
    inputs: tuple[str, ...] = ()

    def core(self) -> _core.FixedLayer:
        return _core.FixedAdd(self.name, self.result_type)


@dataclass(frozen=True, eq=False)
class FixedConcatenate(FixedLayer):
    """Two tensors side by side along the last axis, in a type that holds both exactly."""

    kind: ClassVar[str] = "concatenate"
    sources: ClassVar[int] = 2

    name: str
    result_type: FixedPoint
    inputs: tuple[str, ...] = ()

    def core(self) -> _core.FixedLayer:
        return _core.FixedConcatenate(self.name, self.result_type)


@dataclass(frozen=True, eq=False)
class FixedReshape(FixedLayer):
    """The same elements in the same order in another shape; flat where that has one axis."""

    kind: ClassVar[str] = "reshape"

    name: str
    shape: tuple[int, ...]
    result_type: FixedPoint
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", sizes(self.shape, len(self.shape), self.where, "shape"))

    def core(self) -> _core.FixedLayer:
        return _core.FixedReshape(self.name, self.shape, self.result_type)


@dataclass(frozen=True, eq=False)
class FixedZeroPadding(FixedLayer):
    """Zeros (before, after) along each axis of the image: (width,) or (height, width)."""

    kind: ClassVar[str] = "zero_padding"

    name: str
    padding: tuple[Pair, ...]
    result_type: FixedPoint
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.padding)
        need(count in (1, 2), self.where, f"padding must be one pair or two; got {self.padding!r}")
        object.__setattr__(self, "padding", pairs(self.padding, count, self.where, "padding"))

    def check(self, shapes: tuple[tuple[int, ...], ...]) -> None:
        axes = len(self.padding) + 1
        need(
            len(shapes[0]) == axes,
            self.where,
            f"an input of {axes} axes, channels last, is required; got {shapes[0]}",
        )

    def core(self) -> _core.FixedLayer:
        return _core.FixedZeroPadding(self.name, plane(self.padding, (0, 0)), self.result_type)
