"""Hand-built frozen networks for the tests: random codes, types as the freezer would choose them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from qkdflow import FixedPoint, Key
from qkdflow.fixed import Codes, FixedActivation, FixedDense, FixedLayer, FixedModel

COUNTS = FixedPoint(10, 10, False, "TRN", "SAT")  # a 10-bit digitiser
WEIGHT = FixedPoint(8, 4)
BIAS = FixedPoint(12, 6)
RELU8 = FixedPoint(8, 4, False, "RND", "SAT")


def codes(key: Key, kind: FixedPoint, shape: tuple[int, ...]) -> Codes:
    """Random codes of a type, uniform, both ends included."""
    span = kind.high_code - kind.low_code + 1
    drawn = np.floor(np.asarray(key.uniform(int(np.prod(shape))), dtype=np.float64) * span).astype(np.int64)
    return (kind.low_code + np.minimum(drawn, span - 1)).reshape(shape)


def exact_type(
    weights: Codes, bias: Codes, input_type: FixedPoint, weight_type: FixedPoint, bias_type: FixedPoint
) -> FixedPoint:
    """The worst-case result type of a dense layer: no sum of codes of the types given overflows it."""
    product = input_type.fraction + weight_type.fraction
    fraction = max(product, bias_type.fraction)
    reach = max(-input_type.low_code, input_type.high_code)
    sums = np.abs(weights.astype(object)).sum(axis=0) * reach * 2 ** (fraction - product)
    largest = int(max(sums + np.abs(bias.astype(object)) * 2 ** (fraction - bias_type.fraction)))
    bits = largest.bit_length() + 1
    return FixedPoint(bits, bits - fraction)


def mlp(
    key: Key,
    widths: tuple[int, ...],
    input_type: FixedPoint = COUNTS,
    weight_type: FixedPoint = WEIGHT,
    bias_type: FixedPoint = BIAS,
    activation: str = "relu",
    activation_type: FixedPoint = RELU8,
    zeros: float = 0.3,
) -> FixedModel:
    """A random dense network, widths[0] inputs to widths[-1] logits; the first layer scales counts down."""
    layers: list[FixedLayer] = []
    kind = input_type
    for i, (n_in, n_out) in enumerate(pairwise(widths), 1):
        k = key.fold(i)
        # Sums of about +-16 whatever the input's range, so that activations round and saturate.
        scale = weight_type.integer - (kind.integer if i == 1 else 2)
        w_type = FixedPoint(weight_type.bits, scale, True)
        weights = codes(k.fold("weights"), w_type, (n_in, n_out))
        weights[np.asarray(k.fold("mask").uniform(weights.size)).reshape(weights.shape) < zeros] = 0
        bias = codes(k.fold("bias"), bias_type, (n_out,)) // 4
        result = exact_type(weights, bias, kind, w_type, bias_type)
        layers.append(FixedDense(f"fc{i}", weights, bias, w_type, bias_type, result))
        kind = result
        if i < len(widths) - 1:
            layers.append(FixedActivation(f"act{i}", activation, activation_type))
            kind = activation_type
    return FixedModel("net", widths[:1], input_type, tuple(layers), tuple(f"c{j}" for j in range(widths[-1])))
