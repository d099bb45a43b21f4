"""From a trained quantised network to integers.

Notation: a tensor of FixedPoint type t holds codes c = v * 2^F. The Rescaling x * s + o at the front, s = 2^-k, is
folded into the layers with weights that take it:  W (x s + o) + b = (W s) x + (b + W o),  so that the frozen network
takes the detector's raw counts: W's codes stay, its type's binary point moves by k, and the bias takes the offset
exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeVar

import numpy as np

from qkdflow import _core, layers
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.fixed import FixedActivation, FixedDense, FixedLayer, FixedModel, FixedScale, FixedWeighted
from qkdflow.fixed.model import INPUT, UNSIZED, append, sized
from qkdflow.models import Sequential
from qkdflow.quantizers import quantized_relu

EXACT_BITS = 53  # of a float64's significand

AnyWeighted = TypeVar("AnyWeighted", bound=FixedWeighted)


@dataclass(frozen=True)
class _Affine:
    """x * 2^-shift + offset, one offset a channel."""

    shift: int
    offset: tuple[Fraction, ...]

    def layer(self, name: str, source: str) -> FixedScale:
        """The same as a layer of its own."""
        fraction = max(o.denominator.bit_length() - 1 for o in self.offset)
        codes = [int(o * 2**fraction) for o in self.offset]
        ones = np.ones(len(codes), dtype=np.int64)
        unit = FixedPoint(2, 2 - self.shift)
        bias_type = _holding(codes, fraction, name)
        return FixedScale(name, ones, np.array(codes), unit, bias_type, UNSIZED, (source,))


def freeze(model: Sequential, class_names: tuple[str, ...] | None = None) -> FixedModel:
    """The model's integers, with a FixedPoint type each.

    Accumulators are as wide as the real weights need, so that nothing in them rounds or overflows. ConfigError,
    naming the layer, for a layer without quantisers, a Rescaling that is no power of two, or sums beyond 53 bits
    (float64 could then no longer tell the trained network's exact values).
    """
    source = model.input
    if source.type is None:
        raise ConfigError(
            f"[{source.name}] the input needs a FixedPoint type to be frozen: "
            "Input(shape, type=FixedPoint(10, 10, False, 'RND', 'SAT'))"
        )
    freezer = _Freezer(model, _core.Emulator(source.shape, source.type), {source.name: INPUT})
    for layer, before in zip(model.layers[1:], model.layers, strict=False):
        freezer.take(layer, freezer.at[before.name])
    names = class_names or tuple(str(i) for i in range(model.output_shape[0]))
    return FixedModel(model.name, source.shape, source.type, tuple(freezer.frozen), names)


@dataclass
class _Freezer:
    """Freezes layer by layer, on an emulator that grows with them and knows every tensor's reach."""

    model: Sequential
    emulator: _core.Emulator
    at: dict[str, str]  # the frozen tensor that holds a trained layer's result
    frozen: list[FixedLayer] = field(default_factory=list)
    affine: _Affine | None = None

    def take(self, layer: layers.Layer, source: str) -> None:
        self.at[layer.name] = source  # for what leaves no integers: softmax, linear
        if isinstance(layer, layers.Rescaling):
            if self.frozen or self.affine:
                raise ConfigError(f"[{layer.name}] a Rescaling can be frozen only as the first layer")
            self.affine = _affine(layer, self.emulator.shape(source)[-1])
        elif isinstance(layer, layers.Dense):
            self.put(self.dense(layer, source))
            if layer.activation == "relu":
                raise ConfigError(f"[{layer.name}] needs a quantised ReLU to be frozen: put QActivation after it")
        elif isinstance(layer, layers.QActivation):
            if self.affine:
                raise ConfigError(f"[{layer.name}] must come after a QDense: a Rescaling folds into that")
            relu = isinstance(layer.quantizer, quantized_relu)
            function = "relu" if relu else "linear"
            self.put(FixedActivation(layer.name, function, layer.quantizer.type(), inputs=(source,)))
        elif isinstance(layer, layers.Activation) and layer.activation == "relu":
            raise ConfigError(f"[{layer.name}] needs a quantiser to be frozen: use QActivation(quantized_relu(...))")

    def put(self, layer: FixedLayer) -> None:
        append(self.emulator, layer)
        self.frozen.append(layer)
        self.at[layer.name] = layer.name

    def dense(self, layer: layers.Dense, source: str) -> FixedDense:
        kernel_quantizer = getattr(layer, "kernel_quantizer", None)
        bias_quantizer = getattr(layer, "bias_quantizer", None)
        if kernel_quantizer is None or (layer.use_bias and bias_quantizer is None):
            raise ConfigError(f"[{layer.name}] needs kernel_quantizer and bias_quantizer to be frozen; use QDense")
        weight_type: FixedPoint = kernel_quantizer.type()
        kernel, mask = self.model.parameter(f"{layer.name}/kernel")
        weights = weight_type.encode(kernel)
        if mask is not None:
            weights = weights * mask.astype(np.int64)
        bias_type, bias = FixedPoint(1, 1, False), np.zeros(layer.units, dtype=np.int64)
        if bias_quantizer is not None and layer.use_bias:
            bias_type = bias_quantizer.type()
            bias = bias_type.encode(self.model.parameter(f"{layer.name}/bias")[0])
        return self.sums(FixedDense(layer.name, weights, bias, weight_type, bias_type, UNSIZED, (source,)))

    def sums(self, layer: AnyWeighted) -> AnyWeighted:
        """The layer with the Rescaling before it taken in, and its result type found."""
        self.check_exact(layer)
        if self.affine:
            layer, self.affine = _folded(layer, self.affine), None
        return sized(self.emulator, layer)

    def check_exact(self, layer: FixedLayer) -> None:
        """Every sum of the trained layer, offset included, must fit a float64: else it is no exact reference."""
        emulator, inputs = self.emulator, layer.inputs
        try:
            if self.affine:
                emulator = _core.Emulator(emulator.shape(INPUT), emulator.type(INPUT))
                scaling = self.affine.layer("scaling", INPUT)
                kind = emulator.exact_type(scaling.core(), scaling.inputs)
                emulator.add(replace(scaling, result_type=kind).core(), scaling.inputs)
                inputs = ("scaling",)
            bits = emulator.sum_bits(layer.core(), inputs)
        except ValueError as error:
            raise ConfigError(f"[{layer.name}] its sums must fit {EXACT_BITS} bits; {error}") from error
        if bits > EXACT_BITS + 1:  # the sign
            raise ConfigError(
                f"[{layer.name}] its sums need more than {EXACT_BITS} bits, so float64 cannot check them exactly. "
                "Use fewer bits for weights, biases, activations or offsets"
            )


def _affine(layer: layers.Rescaling, channels: int) -> _Affine:
    scales = {Fraction(s) for s in (layer.scale if isinstance(layer.scale, tuple) else (layer.scale,))}
    scale = next(iter(scales))
    mantissa, exponent = math.frexp(float(scale))
    if len(scales) > 1 or mantissa != 0.5:
        raise ConfigError(f"[{layer.name}] only one power of two as scale can be frozen; got {layer.scale!r}")
    offset = layer.offset if isinstance(layer.offset, tuple) else (layer.offset,) * channels
    return _Affine(1 - exponent, tuple(Fraction(o) for o in offset))


def _folded(layer: AnyWeighted, affine: _Affine) -> AnyWeighted:
    """Bias + W * offset, exactly, in the smallest type that holds it; W's binary point moved."""
    t = layer.weight_type
    step, bias_step = Fraction(t.step), Fraction(layer.bias_type.step)
    rows = layer.weights.reshape(-1, layer.weights.shape[-1])  # (terms, n_out), channels the fastest of the terms
    offsets = affine.offset * (len(rows) // len(affine.offset))
    sums = [
        b * bias_step + sum((w * o for w, o in zip(column, offsets, strict=True)), Fraction(0)) * step
        for column, b in zip(rows.T.tolist(), layer.bias.tolist(), strict=True)
    ]
    fraction = max(s.denominator.bit_length() - 1 for s in sums)
    codes: list[int] = [int(s * 2**fraction) for s in sums]
    return replace(
        layer,
        bias=np.array(codes, dtype=np.int64),
        bias_type=_holding(codes, fraction, layer.name),
        weight_type=FixedPoint(t.bits, t.integer - affine.shift, t.is_signed, t.rounding, t.overflow),
    )


def _holding(codes: list[int], fraction: int, name: str) -> FixedPoint:
    """The smallest signed type with these fraction bits for some codes."""
    low, high = min(codes), max(codes)
    bits = max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1
    if bits > 63:
        raise ConfigError(f"[{name}] sums need {bits} bits; 63 are the most. Use fewer bits or fewer inputs")
    return FixedPoint(bits, bits - fraction, True)
