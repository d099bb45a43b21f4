"""Freezing: layer by layer, on an emulator that grows with them and knows every tensor's reach."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qkdflow import _core, layers, quantizers
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.fixed import (
    Codes,
    FixedAdd,
    FixedConcatenate,
    FixedConv,
    FixedDense,
    FixedDepthwiseConv,
    FixedLayer,
    FixedModel,
    FixedPooling,
    FixedReshape,
    FixedScale,
    FixedWeighted,
    FixedZeroPadding,
)
from qkdflow.fixed.model import INPUT, UNSIZED, append, sized
from qkdflow.freeze import activations
from qkdflow.freeze.activations import Function
from qkdflow.freeze.numbers import narrowest
from qkdflow.freeze.rescaling import Affine
from qkdflow.layers import base, pooling
from qkdflow.models import Model
from qkdflow.quantizers import Quantizer

EXACT_BITS = 53  # of a float64's significand
SCALE_BITS = 18  # of a BatchNormalization's slope, sign included; its offset lies on the grid of the products
NO_BIAS = FixedPoint(1, 1, False)


def freeze(model: Model, class_names: tuple[str, ...] | None = None) -> FixedModel:
    """The model's integers, with a FixedPoint type each.

    Accumulators are as wide as the real weights need, so that nothing in them rounds or overflows. ConfigError,
    naming the layer, for a layer without quantisers, a Rescaling that is no power of two, or sums beyond 53 bits
    (float64 could then no longer tell the trained network's exact values). Exact, but for BatchNormalization, whose
    slopes are rounded to 18 bits, and for tanh and sigmoid, which become hls4ml's tables.
    """
    source = model.input
    if source.type is None:
        raise ConfigError(
            f"[{source.name}] the input needs a FixedPoint type to be frozen: "
            "Input(shape, type=FixedPoint(10, 10, False, 'RND', 'SAT'))"
        )
    freezer = _Freezer(model, _core.Emulator(source.shape, source.type), {source.name: INPUT})
    for layer in model.layers:
        if layer is not source:
            freezer.take(layer, model.inbound[layer.name])
    freezer.finish(model.layers[-1].name)
    names = class_names or tuple(str(i) for i in range(model.output_shape[0]))
    return FixedModel(model.name, source.shape, source.type, tuple(freezer.frozen), names)


@dataclass
class _Freezer:
    model: Model
    emulator: _core.Emulator
    at: dict[str, str]  # the frozen tensor that holds a trained layer's result
    frozen: list[FixedLayer] = field(default_factory=list)
    affine: dict[str, Affine] = field(default_factory=dict)  # what is still to be done to it: by trained layer
    function: dict[str, Function] = field(default_factory=dict)  # likewise

    def take(self, layer: layers.Layer, inbound: tuple[str, ...]) -> None:
        function = activations.of_layer(layer)
        if isinstance(layer, layers.QActivation):
            self.activation(layer.name, layer.quantizer, inbound[0])
        elif function is not None:
            self.at[layer.name] = self.source(inbound[0])
            self.function[layer.name] = function
        elif isinstance(layer, layers.Rescaling):
            self.rescaling(layer, inbound[0])
        elif isinstance(layer, (layers.Dropout, layers.Softmax, layers.Activation)):  # nothing, or softmax: logits stay
            self.at[layer.name] = self.source(inbound[0])
        elif isinstance(layer, (layers.Dense, layers.Conv1D, layers.Conv2D, layers.DepthwiseConv2D)):
            self.weighted(layer, inbound[0])
        elif isinstance(layer, layers.SeparableConv2D):
            depthwise, pointwise = layer._parts()
            self.weighted(depthwise, inbound[0])
            self.weighted(pointwise, depthwise.name)
        elif isinstance(layer, layers.BatchNormalization):
            self.batch_normalization(layer, inbound[0])
        elif isinstance(layer, pooling._Pool):
            self.pooling(layer, inbound[0])
        elif isinstance(layer, (layers.Add, layers.Concatenate)):
            self.merge(layer, inbound)
        elif isinstance(layer, (layers.Flatten, layers.Reshape, layers.ZeroPadding1D, layers.ZeroPadding2D)):
            self.moved(layer, inbound[0])
        else:
            raise ConfigError(f"[{layer.name}] a {type(layer).__name__} cannot be frozen")

    def source(self, name: str) -> str:
        """The frozen tensor of a trained layer's result, with nothing still to be done to it."""
        if name in self.function and self.function[name] != Function():
            raise ConfigError(
                f"[{name}] its {self.function[name].name} needs a quantiser to be frozen: put a QActivation after it"
            )
        if name in self.affine:
            scaling = sized(self.emulator, self.affine.pop(name).layer(name, self.at[name]))
            self.put(scaling, name)
        return self.at[name]

    def put(self, layer: FixedLayer, name: str) -> None:
        append(self.emulator, layer)
        self.frozen.append(layer)
        self.at[name] = layer.name

    def finish(self, name: str) -> None:
        source = self.source(name)
        if not self.frozen or self.frozen[-1].name != source:
            raise ConfigError(f"[{name}] the last layer must leave integers that no other layer is behind")

    def shape(self, name: str) -> tuple[int, ...]:
        return self.emulator.shape(self.at[name])

    def activation(self, name: str, quantizer: Quantizer, inbound: str) -> None:
        function, kind = activations.of_quantizer(quantizer, name)
        before = self.function.pop(inbound, Function())  # each of its readers quantises it anew
        function = activations.merged(before, function, name)
        self.put(function.frozen(name, kind, self.source(inbound)), name)
        if before != Function():
            self.function[inbound] = before

    def rescaling(self, layer: layers.Rescaling, inbound: str) -> None:
        source = self.source(inbound)
        self.affine[layer.name] = Affine.of(layer, self.emulator.shape(source)[-1])
        self.at[layer.name] = source

    # Layers with weights

    def weighted(self, layer: layers.Layer, inbound: str) -> None:
        kernel_quantizer, bias_quantizer = layer._quantizers()  # type: ignore[attr-defined]
        use_bias: bool = layer.use_bias  # type: ignore[attr-defined]
        if kernel_quantizer is None or (use_bias and bias_quantizer is None):
            raise ConfigError(f"[{layer.name}] needs kernel_quantizer and bias_quantizer to be frozen; use QDense")
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        weights, weight_type = self.codes(
            f"{layer.name}/{'depthwise_kernel' if depthwise else 'kernel'}", kernel_quantizer
        )
        n_out = weights.shape[-2] if depthwise else weights.shape[-1]
        bias, bias_type = np.zeros(n_out, dtype=np.int64), NO_BIAS
        if use_bias:
            bias, bias_type = self.codes(f"{layer.name}/bias", bias_quantizer)
        self.sums(self.fitted(layer, inbound, weights, bias, weight_type, bias_type), inbound)
        activation = layer.activation  # type: ignore[attr-defined]
        if activation in (None, "linear", "softmax"):
            return
        if isinstance(activation, str) and activation in activations.NAMED:
            self.function[layer.name] = activations.NAMED[activation]
            return
        self.activation(f"{layer.name}_activation", quantizers.get(activation), layer.name)
        self.at[layer.name] = self.frozen[-1].name

    def codes(self, name: str, quantizer: Quantizer) -> tuple[Codes, FixedPoint]:
        """A tensor's integers, quantised and masked, and their type."""
        values = self.model.effective(name)
        if quantizer.scaled() is not None or quantizer.learned() is not None:
            return narrowest(values, name)
        kind = quantizer.type()
        return kind.encode(values), kind

    def fitted(
        self,
        layer: layers.Layer,
        inbound: str,
        weights: Codes,
        bias: Codes,
        weight_type: FixedPoint,
        bias_type: FixedPoint,
    ) -> FixedWeighted:
        """The frozen layer, its result type still to be found."""
        shape, name, inputs = self.shape(inbound), layer.name, (self.at[inbound],)
        types = weight_type, bias_type, UNSIZED, inputs
        if isinstance(layer, layers.Dense):
            if len(shape) == 1:
                return FixedDense(name, weights, bias, *types)
            return FixedConv(name, weights.reshape((1,) * (len(shape) - 1) + weights.shape), bias, *types)
        size = weights.shape[:-2]
        if isinstance(layer, layers.Conv1D) and len(size) == 2:
            weights, size = weights[0], size[1:]
        strides = layer.strides  # type: ignore[attr-defined]
        strides = (strides,) if isinstance(strides, int) else tuple(strides)
        padding = _padding(layer.padding, shape[:-1], size, strides, name)  # type: ignore[attr-defined]
        if not isinstance(layer, layers.DepthwiseConv2D):
            return FixedConv(name, weights, bias, *types, strides, padding)
        if weights.shape[-1] != 1:
            raise ConfigError(f"[{name}] a depth_multiplier of 1 can be frozen; got {weights.shape[-1]}")
        return FixedDepthwiseConv(name, weights[..., 0], bias, *types, strides, padding)

    def sums(self, layer: FixedWeighted, inbound: str) -> None:
        """Put the layer, with a Rescaling before it taken in, and its result type found."""
        affine = self.affine.get(inbound)
        if affine and not affine.folds_into(layer):
            affine = None
        self.check_exact(layer, affine)
        layer = affine.folded(layer) if affine else replace(layer, inputs=(self.source(inbound),))
        self.put(sized(self.emulator, layer), layer.name)

    def check_exact(self, layer: FixedLayer, affine: Affine | None) -> None:
        """Every sum of the trained layer, offset included, must fit a float64: else it is no exact reference."""
        emulator, inputs = self.emulator, layer.inputs
        try:
            if affine:
                emulator = _core.Emulator(emulator.shape(inputs[0]), emulator.type(inputs[0]))
                emulator.add(sized(emulator, affine.layer("scaling", INPUT)).core(), (INPUT,))
                inputs = ("scaling",)
            bits = emulator.sum_bits(layer.core(), inputs)
        except ValueError as error:
            raise ConfigError(f"[{layer.name}] its sums must fit {EXACT_BITS} bits; {error}") from error
        if bits > EXACT_BITS + 1:  # the sign
            raise ConfigError(
                f"[{layer.name}] its sums need more than {EXACT_BITS} bits, so float64 cannot check them exactly. "
                "Use fewer bits for weights, biases, activations or offsets"
            )

    def batch_normalization(self, layer: layers.BatchNormalization, inbound: str) -> None:
        """Slopes of SCALE_BITS bits and offsets on the grid of the products.

        Folded into the kernel before, the same values would need weights of both widths together.
        """
        source = self.source(inbound)
        mean, variance = (self.model.effective(f"{layer.name}/moving_{w}").astype(float) for w in ("mean", "variance"))
        slope = 1 / np.sqrt(variance + float(np.float32(layer.epsilon)))
        if layer.scale:
            slope = slope * self.model.effective(f"{layer.name}/gamma")
        offset = -mean * slope
        if layer.center:
            offset = offset + self.model.effective(f"{layer.name}/beta")
        kind = _covering(slope, SCALE_BITS)
        fraction = self.emulator.type(source).fraction + kind.fraction
        reach = max(int(np.ceil(np.log2(np.abs(offset).max() + 1))), -fraction) + 1
        bias_type = FixedPoint(min(max(reach + fraction, 1), 62), reach, True, "RND", "SAT")
        scale = FixedScale(
            layer.name, kind.encode(slope), bias_type.encode(offset), kind, bias_type, UNSIZED, (source,)
        )
        self.put(sized(self.emulator, scale), layer.name)

    # Layers without

    def pooling(self, layer: pooling._Pool, inbound: str) -> None:
        source = self.source(inbound)
        shape, kind = self.emulator.shape(source), self.emulator.type(source)
        is_global = isinstance(layer, pooling._Global)
        if isinstance(layer, pooling._Global):
            if layer.keepdims:
                raise ConfigError(f"[{layer.name}] keepdims=False can be frozen; put a Reshape after it")
            size, strides, padding = shape[:-1], shape[:-1], ((0, 0),) * (len(shape) - 1)
        else:
            given = layer.pool_size, layer.strides  # type: ignore[attr-defined]
            size = _each(given[0], len(shape) - 1)
            strides = size if given[1] is None else _each(given[1], len(shape) - 1)
            padding = _padding(layer.padding, shape[:-1], size, strides, layer.name)  # type: ignore[attr-defined]
        accum = None
        if layer.average:
            accum = kind = self.accumulator(layer, kind, math.prod(size), any(n for p in padding for n in p))
        op = "average" if layer.average else "max"
        frozen = FixedPooling(layer.name, op, size, kind, accum, strides, padding, is_global, (source,))
        self.put(frozen, layer.name)

    def accumulator(self, layer: layers.Layer, kind: FixedPoint, count: int, padded: bool) -> FixedPoint:
        """Wide enough for every sum, and so fine that quotients round as the true means do.

        A mean q / n of codes and a point t where a quantiser's result changes are multiples of 2^-f / n, f the finer
        grid of q and t: cut towards zero on a grid finer than that, a mean neither meets nor passes such a point.
        """
        growth = (count - 1).bit_length()
        finer = growth
        if padded or count & (count - 1):
            readers = [r for r in self.model.layers if layer.name in self.model.inbound[r.name]]
            kinds = [r.quantizer.type() for r in readers if isinstance(r, layers.QActivation)]
            if len(kinds) < len(readers) or not readers:
                raise ConfigError(
                    f"[{layer.name}] means over {count} pixels are no binary numbers: put a QActivation after it"
                )
            finer += max(0, *(k.fraction + 1 - kind.fraction for k in kinds))
        return FixedPoint(kind.bits + growth + finer, kind.integer + growth, kind.is_signed)

    def merge(self, layer: layers.Layer, inbound: tuple[str, ...]) -> None:
        sources = [self.source(name) for name in inbound]
        make: Callable[..., FixedLayer] = FixedAdd if isinstance(layer, layers.Add) else FixedConcatenate
        if len(sources) < 2:
            raise ConfigError(f"[{layer.name}] at least two sources can be frozen; got {len(sources)}")
        result = sources[0]
        for i, source in enumerate(sources[1:], 2):  # two at a time
            name = layer.name if i == len(sources) else f"{layer.name}_{i}"
            self.put(sized(self.emulator, make(name, UNSIZED, (result, source))), layer.name)
            result = name

    def moved(self, layer: layers.Layer, inbound: str) -> None:
        source = self.source(inbound)
        shape, kind = self.emulator.shape(source), self.emulator.type(source)
        if isinstance(layer, layers.ZeroPadding1D):
            self.put(FixedZeroPadding(layer.name, (base.pair(layer.padding, "padding"),), kind, (source,)), layer.name)
            return
        if isinstance(layer, layers.ZeroPadding2D):
            self.put(FixedZeroPadding(layer.name, layer.padding, kind, (source,)), layer.name)
            return
        target = (-1,) if isinstance(layer, layers.Flatten) else tuple(getattr(layer, "target_shape"))  # noqa: B009
        known = math.prod(n for n in target if n != -1)
        target = tuple(math.prod(shape) // known if n == -1 else n for n in target)
        self.put(FixedReshape(layer.name, target, kind, (source,)), layer.name)


def _each(value: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)


def _padding(
    padding: str, pixels: tuple[int, ...], size: tuple[int, ...], strides: tuple[int, ...], name: str
) -> tuple[tuple[int, int], ...]:
    """Keras's `valid` and `same`: as many positions as pixels / stride, the odd zero after."""
    if padding == "valid":
        return ((0, 0),) * len(size)
    if padding != "same":
        raise ConfigError(f"[{name}] padding 'valid' or 'same' can be frozen; got {padding!r}")
    zeros = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(pixels, size, strides, strict=True)]
    return tuple((z // 2, z - z // 2) for z in zeros)


def _covering(values: NDArray[np.float64], bits: int) -> FixedPoint:
    """The finest signed type of so many bits that holds real values, rounded half up."""
    largest = float(np.abs(values).max())
    integer = math.frexp(largest)[1] + 1 if largest else 1
    return FixedPoint(bits, integer, True, "RND", "SAT")
