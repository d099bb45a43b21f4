"""Layers with weights: exact sums of products.

c_out = (c_in * W) * 2^(F - F_in - F_w) + b * 2^(F - F_b), F the finest of both: nothing rounds, nothing overflows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.fixed.layer import Codes, FixedLayer, Pair, integers, need, pairs, plane, sizes


@dataclass(frozen=True, eq=False)
class FixedWeighted(FixedLayer):
    """weights: int64 codes of `weight_type`, outputs last; bias: int64 codes (n_out,) of `bias_type`;
    result_type: accumulator and result at once."""

    arrays: ClassVar[tuple[str, ...]] = ("weights", "bias")
    axes: ClassVar[tuple[str, ...]]  # what weights may look like

    name: str
    weights: Codes
    bias: Codes
    weight_type: FixedPoint
    bias_type: FixedPoint
    result_type: FixedPoint
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ndims = tuple(axes.count(",") + 1 - axes.count(",)") for axes in self.axes)
        what = f"weights {' or '.join(self.axes)}"
        weights = integers(self.weights, ndims, self.weight_type, self.where, what)
        bias = integers(self.bias, (1,), self.bias_type, self.where, "bias (n_out,)")
        need(
            bias.shape[0] == weights.shape[-1],
            self.where,
            f"bias must have one code an output ({weights.shape[-1]}); got {bias.shape[0]}",
        )
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "bias", bias)

    @property
    def kernel_codes(self) -> tuple[tuple[Codes, FixedPoint], ...]:
        return ((self.weights, self.weight_type),)

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights.size + self.bias.size

    @property
    def nonzero(self) -> int:
        """Weights and biases whose integers are not zero."""
        return int(np.count_nonzero(self.weights) + np.count_nonzero(self.bias))

    @property
    def size_bits(self) -> int:
        """Storage of weights and biases at their types' widths, zeros included."""
        return self.weights.size * self.weight_type.bits + self.bias.size * self.bias_type.bits


@dataclass(frozen=True, eq=False)
class FixedDense(FixedWeighted):
    """A fully connected layer: weights (n_in, n_out)."""

    kind: ClassVar[str] = "dense"
    axes: ClassVar[tuple[str, ...]] = ("(n_in, n_out)",)

    def core(self) -> _core.FixedLayer:
        types = self.weight_type, self.bias_type, self.result_type
        return _core.FixedDense(self.name, self.weights, self.bias, *types)


@dataclass(frozen=True, eq=False)
class FixedScale(FixedWeighted):
    """A BatchNormalization that no layer took in: one scale and one offset a channel, weights (channels,)."""

    kind: ClassVar[str] = "scale"
    axes: ClassVar[tuple[str, ...]] = ("(channels,)",)

    @property
    def kernel_codes(self) -> tuple[tuple[Codes, FixedPoint], ...]:
        return ()

    def core(self) -> _core.FixedLayer:
        types = self.weight_type, self.bias_type, self.result_type
        return _core.FixedScale(self.name, self.weights, self.bias, *types)


@dataclass(frozen=True, eq=False)
class _Convolution(FixedWeighted):
    """strides and padding, zeros (before, after), along each axis of the image: (width,) or (height, width)."""

    strides: tuple[int, ...] = ()
    padding: tuple[Pair, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        count = self.image_axes
        object.__setattr__(self, "strides", sizes(self.strides or (1,) * count, count, self.where, "strides"))
        object.__setattr__(self, "padding", pairs(self.padding or ((0, 0),) * count, count, self.where, "padding"))

    @property
    def image_axes(self) -> int:
        """1 for a sequence, 2 for an image."""
        return self.weights.ndim - len(("channels", "n_out"))

    def check(self, shapes: tuple[tuple[int, ...], ...]) -> None:
        need(
            len(shapes[0]) == self.image_axes + 1,
            self.where,
            f"an input of {self.image_axes + 1} axes, channels last, is required; got {shapes[0]}",
        )


@dataclass(frozen=True, eq=False)
class FixedConv(_Convolution):
    """A convolution: weights (width, channels, n_out) or (height, width, channels, n_out)."""

    kind: ClassVar[str] = "conv"
    axes: ClassVar[tuple[str, ...]] = ("(width, channels, n_out)", "(height, width, channels, n_out)")

    def core(self) -> _core.FixedLayer:
        weights = self.weights if self.weights.ndim == 4 else self.weights[np.newaxis]
        types = self.weight_type, self.bias_type, self.result_type
        window = plane(self.strides, 1), plane(self.padding, (0, 0))
        return _core.FixedConv(self.name, np.ascontiguousarray(weights), self.bias, *types, *window)


@dataclass(frozen=True, eq=False)
class FixedDepthwiseConv(_Convolution):
    """A convolution of each channel on its own: weights (width, channels) or (height, width, channels)."""

    kind: ClassVar[str] = "depthwise_conv"
    axes: ClassVar[tuple[str, ...]] = ("(width, channels)", "(height, width, channels)")

    @property
    def image_axes(self) -> int:
        return self.weights.ndim - 1

    def core(self) -> _core.FixedLayer:
        weights = self.weights if self.weights.ndim == 3 else self.weights[np.newaxis]
        types = self.weight_type, self.bias_type, self.result_type
        window = plane(self.strides, 1), plane(self.padding, (0, 0))
        return _core.FixedDepthwiseConv(self.name, np.ascontiguousarray(weights), self.bias, *types, *window)
