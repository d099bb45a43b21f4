"""From a trained quantised network to integers.

Notation: a tensor of FixedPoint type t holds codes c = v * 2^F. The Rescaling x * s + o at the front, s = 2^-k, is
folded into the first dense layer:  W (x s + o) + b = (W s) x + (b + W o),  so that the frozen network takes the
detector's raw counts: W's codes stay, its type's binary point moves by k, and the bias takes the offset exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from qkdflow import intervals, layers
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.fixed import Codes, FixedActivation, FixedDense, FixedLayer, FixedModel
from qkdflow.models import Model
from qkdflow.quantizers import quantized_relu

EXACT_BITS = 53  # of a float64's significand


@dataclass(frozen=True)
class _Affine:
    """x * 2^-shift + offset, one offset a feature."""

    shift: int
    offset: tuple[Fraction, ...]


def freeze(model: Model, class_names: tuple[str, ...] | None = None) -> FixedModel:
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
    n = math.prod(source.shape)
    affine: _Affine | None = None
    interval = intervals.whole(source.type, n)
    current = source.type
    frozen: list[FixedLayer] = []
    for layer in model.layers[1:]:
        if isinstance(layer, layers.Rescaling):
            if frozen or affine:
                raise ConfigError(f"[{layer.name}] a Rescaling can be frozen only as the first layer")
            affine = _affine(layer, n)
        elif isinstance(layer, layers.Dense):
            dense = _dense(model, layer, current, affine, interval)
            interval = intervals.dense(dense.weights, dense.bias, dense.shifts(current.fraction), interval)
            affine, current = None, dense.result_type
            frozen.append(dense)
            if layer.activation == "relu":
                raise ConfigError(f"[{layer.name}] needs a quantised ReLU to be frozen: put QActivation after it")
        elif isinstance(layer, layers.QActivation):
            if affine:
                raise ConfigError(f"[{layer.name}] must come after a QDense: a Rescaling folds into that")
            relu = isinstance(layer.quantizer, quantized_relu)
            act = FixedActivation(layer.name, "relu" if relu else "linear", layer.quantizer.type())
            interval = intervals.cast(act.result_type, current.fraction, relu, interval)
            current = act.result_type
            frozen.append(act)
        elif isinstance(layer, layers.Activation) and layer.activation == "relu":
            raise ConfigError(f"[{layer.name}] needs a quantiser to be frozen: use QActivation(quantized_relu(...))")
    names = class_names or tuple(str(i) for i in range(model.output_shape[0]))
    return FixedModel(model.name, source.shape, source.type, tuple(frozen), names)


def _affine(layer: layers.Rescaling, n: int) -> _Affine:
    scales = {Fraction(s) for s in (layer.scale if isinstance(layer.scale, tuple) else (layer.scale,))}
    scale = next(iter(scales))
    mantissa, exponent = math.frexp(float(scale))
    if len(scales) > 1 or mantissa != 0.5:
        raise ConfigError(f"[{layer.name}] only one power of two as scale can be frozen; got {layer.scale!r}")
    offset = layer.offset if isinstance(layer.offset, tuple) else (layer.offset,) * n
    return _Affine(1 - exponent, tuple(Fraction(o) for o in offset))


def _dense(
    model: Model,
    layer: layers.Dense,
    source: FixedPoint,
    affine: _Affine | None,
    interval: intervals.Interval,
) -> FixedDense:
    kernel_quantizer = getattr(layer, "kernel_quantizer", None)
    bias_quantizer = getattr(layer, "bias_quantizer", None)
    if kernel_quantizer is None or (layer.use_bias and bias_quantizer is None):
        raise ConfigError(f"[{layer.name}] needs kernel_quantizer and bias_quantizer to be frozen; use QDense")
    weight_type: FixedPoint = kernel_quantizer.type()
    kernel, mask = model.parameter(f"{layer.name}/kernel")
    weights = weight_type.encode(kernel)
    if mask is not None:
        weights = weights * mask.astype(np.int64)
    bias_type = FixedPoint(1, 1, False)
    bias = [0] * layer.units
    if bias_quantizer is not None and layer.use_bias:
        bias_type = bias_quantizer.type()
        bias = [int(c) for c in bias_type.encode(model.parameter(f"{layer.name}/bias")[0])]
    _check_exact(layer.name, weights, weight_type, bias, bias_type, *_reach(source, affine, interval))
    if affine:
        bias_type, bias = _with_offset(layer.name, weights, weight_type, bias_type, bias, affine)
        t = weight_type
        weight_type = FixedPoint(t.bits, t.integer - affine.shift, t.is_signed, t.rounding, t.overflow)
    codes = np.array(bias, dtype=np.int64)
    fraction = max(source.fraction + weight_type.fraction, bias_type.fraction)
    shifts = fraction - source.fraction - weight_type.fraction, fraction - bias_type.fraction
    low, high = intervals.dense(weights, codes, shifts, interval)
    result_type = _holding(min(low), max(high), fraction, layer.name)
    return FixedDense(layer.name, weights, codes, weight_type, bias_type, result_type)


def _with_offset(
    name: str, weights: Codes, weight_type: FixedPoint, bias_type: FixedPoint, bias: list[int], affine: _Affine
) -> tuple[FixedPoint, list[int]]:
    """Bias + W * offset, exactly, and the smallest type that holds it."""
    step, bias_step = Fraction(weight_type.step), Fraction(bias_type.step)
    columns = [[int(w) for w in column] for column in weights.T]
    sums = [
        b * bias_step + sum((w * o for w, o in zip(column, affine.offset, strict=True)), Fraction(0)) * step
        for column, b in zip(columns, bias, strict=True)
    ]
    fraction = max(s.denominator.bit_length() - 1 for s in sums)
    codes = [int(s * 2**fraction) for s in sums]
    return _holding(min(codes), max(codes), fraction, name), codes


def _holding(low: int, high: int, fraction: int, name: str) -> FixedPoint:
    """The smallest signed type with these fraction bits for codes low to high."""
    bits = max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1
    if bits > 63:
        raise ConfigError(f"[{name}] sums need {bits} bits; 63 are the most. Use fewer bits or fewer inputs")
    return FixedPoint(bits, bits - fraction, True)


def _reach(source: FixedPoint, affine: _Affine | None, interval: intervals.Interval) -> tuple[list[Fraction], int]:
    """How large each value that the trained layer sees can be, and the fraction bits that hold it exactly."""
    codes = [max(abs(low), abs(high)) for low, high in zip(*interval, strict=True)]
    if affine is None:
        return [c * Fraction(source.step) for c in codes], source.fraction
    scale = Fraction(source.step) / Fraction(2) ** affine.shift
    bits = max(o.denominator.bit_length() - 1 for o in affine.offset)
    reach = [c * scale + abs(o) for c, o in zip(codes, affine.offset, strict=True)]
    return reach, max(source.fraction + affine.shift, bits)


def _check_exact(
    name: str,
    weights: Codes,
    weight_type: FixedPoint,
    bias: list[int],
    bias_type: FixedPoint,
    reach: list[Fraction],
    fraction: int,
) -> None:
    """Every sum of the trained layer, offset included, must fit a float64: else it is no exact reference."""
    unit = Fraction(2) ** -max(fraction + weight_type.fraction, bias_type.fraction)
    for column, b in zip(weights.T, bias, strict=True):
        products = sum((abs(int(w)) * r for w, r in zip(column, reach, strict=True)), Fraction(0))
        if products * Fraction(weight_type.step) + abs(b) * Fraction(bias_type.step) >= unit * 2**EXACT_BITS:
            raise ConfigError(
                f"[{name}] its sums need more than {EXACT_BITS} bits, so float64 cannot check them exactly. "
                "Use fewer bits for weights, biases, activations or offsets"
            )
