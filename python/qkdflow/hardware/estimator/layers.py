"""The estimate of each kind of layer that a frozen network may have."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qkdflow.errors import ConfigError
from qkdflow.fixed import (
    FixedActivation,
    FixedAdd,
    FixedConcatenate,
    FixedConv,
    FixedDense,
    FixedDepthwiseConv,
    FixedLayer,
    FixedPooling,
    FixedReshape,
    FixedScale,
    FixedSoftmax,
    FixedTable,
    FixedZeroPadding,
    Link,
)
from qkdflow.fixed.layer import plane
from qkdflow.hardware.estimator import pointwise, prices, shaped, stream
from qkdflow.hardware.estimator.conv import Window, convolution, depthwise
from qkdflow.hardware.estimator.dense import dense
from qkdflow.hardware.estimator.target import Target
from qkdflow.hardware.estimator.values import LayerEstimate, Quantity


@dataclass(frozen=True)
class Place:
    """A layer where it stands: its link, the reuse factor asked for, what it is built for, and at which prices."""

    link: Link
    asked: int
    target: Target
    table: prices.Table | None

    @property
    def widths(self) -> tuple[int, int]:
        """Bits of input and result."""
        return self.link.input_type.bits, self.link.layer.result_type.bits

    @property
    def channels(self) -> int:
        """Elements of a word of the result."""
        return self.link.shape[-1]

    def window(self, size: tuple[int, ...], padding: tuple[tuple[int, int], ...], is_global: bool = False) -> Window:
        """A window on the source's padded image, a sequence as an image of one row."""
        shape = self.link.input_shapes[0]
        rows, columns = plane(shape[:-1], 1)
        (top, bottom), (left, right) = plane(padding, (0, 0))
        image = rows + top + bottom, columns + left + right
        result = (1, 1) if is_global else plane(self.link.shape[:-1], 1)
        return Window(image if is_global else plane(size, 1), image, result, shape[-1])


def layer_estimate(place: Place) -> LayerEstimate:
    """ConfigError for a kind that is not known."""
    layer = place.link.layer
    kind = _KINDS.get(type(layer))
    if kind is None:
        known, got = (sorted(k.__name__.removeprefix("Fixed") for k in kinds) for kinds in (_KINDS, (type(layer),)))
        raise ConfigError(f"[estimate] a layer must be one of {', '.join(known)}; got {layer.name}, a {got[0]}")
    found = kind(layer, place)
    if place.target.io == "parallel" or isinstance(layer, FixedReshape):
        return found
    return stream.streamed(found, place.channels * place.widths[1])


def _dense(layer: FixedDense, place: Place) -> LayerEstimate:
    widths, bits = place.widths, layer.weight_type.bits
    found = dense(layer.name, layer.weights, bits, widths, place.asked, place.target, place.table)
    return stream.collected(found, place.link.n_in * widths[0]) if place.target.io == "stream" else found


def _conv(layer: FixedConv | FixedDepthwiseConv, place: Place) -> LayerEstimate:
    taps = layer.weights.shape[: layer.image_axes]
    window = place.window(taps, layer.padding)
    make = convolution if isinstance(layer, FixedConv) else depthwise
    bits, widths, target = layer.weight_type.bits, place.widths, place.target
    found = make(layer.name, layer.weights, bits, window, widths, place.asked, target, place.table)
    if target.io == "stream" and any(map(any, layer.padding)):  # hls4ml pads in a layer of its own
        found = _with_padding(found, window, widths[0], target)
    return found


def _with_padding(found: LayerEstimate, window: Window, bits: int, target: Target) -> LayerEstimate:
    padding = stream.streamed(
        shaped.zero_padding(found.name, window.pixels, window.channels, bits, target), window.channels * bits
    )

    def both(what: str) -> Quantity:
        a, b = getattr(found, what), getattr(padding, what)
        return Quantity(a.value + b.value, a.low + b.low, a.high + b.high)

    return replace(found, lut=both("lut"), ff=both("ff"), bram=both("bram"))


def _scale(layer: FixedScale, place: Place) -> LayerEstimate:
    bits = layer.weight_type.bits
    return pointwise.scale(layer.name, layer.weights, place.widths, place.link.n_out, place.asked, bits, place.target)


def _activation(layer: FixedActivation, place: Place) -> LayerEstimate:
    return pointwise.activation(layer, place.link.n_out, place.channels, place.widths[0], place.target)


def _table(layer: FixedTable, place: Place) -> LayerEstimate:
    return pointwise.table(layer, place.link.n_out, place.channels, place.widths[0], place.target)


def _softmax(layer: FixedSoftmax, place: Place) -> LayerEstimate:
    return pointwise.softmax(layer, place.link.n_out, place.widths[0], place.target)


def _pooling(layer: FixedPooling, place: Place) -> LayerEstimate:
    window = place.window(layer.size, layer.padding, layer.is_global)
    return shaped.pooling(layer, window, place.widths[0], place.target)


def _add(layer: FixedAdd, place: Place) -> LayerEstimate:
    return shaped.addition(layer.name, place.link.n_out, place.channels, place.widths[1], place.target)


def _concatenate(layer: FixedConcatenate, place: Place) -> LayerEstimate:
    return shaped.concatenation(layer.name, place.link.n_out, place.channels, place.widths[1], place.target)


def _reshape(layer: FixedReshape, place: Place) -> LayerEstimate:
    words = math.prod(place.link.input_shapes[0][:-1]) if place.target.io == "stream" else 1
    return shaped.reshape(layer.name, max(1, words))


def _zero_padding(layer: FixedZeroPadding, place: Place) -> LayerEstimate:
    pixels = place.link.n_out // place.channels
    return shaped.zero_padding(layer.name, pixels, place.channels, place.widths[0], place.target)


_KINDS: Mapping[type[FixedLayer], Callable[[Any, Place], LayerEstimate]] = {
    FixedActivation: _activation,
    FixedAdd: _add,
    FixedConcatenate: _concatenate,
    FixedConv: _conv,
    FixedDense: _dense,
    FixedDepthwiseConv: _conv,
    FixedPooling: _pooling,
    FixedReshape: _reshape,
    FixedScale: _scale,
    FixedSoftmax: _softmax,
    FixedTable: _table,
    FixedZeroPadding: _zero_padding,
}
