"""A GRU's integers, and the accumulator that they need."""

from __future__ import annotations

import numpy as np

from qkdflow import _core, layers
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.fixed import Codes, FixedConv, FixedDense, FixedGRU, FixedLayer
from qkdflow.fixed.model import INPUT, UNSIZED
from qkdflow.fixed.pointwise import TABLE_TYPE
from qkdflow.freeze.weights import NO_BIAS, quantized_codes
from qkdflow.layers.base import quantizers_of
from qkdflow.models import Model
from qkdflow.quantizers import Quantizer, get

WIDEST = 31  # bits of an accumulator: its products with the gates must fit 63


def gru(model: Model, layer: layers.GRU, source: str, emulator: _core.Emulator) -> FixedGRU:
    """The frozen layer on a source of the emulator. ConfigError where it has no quantisers, or sums too wide."""
    kernel_quantizer, bias_quantizer = quantizers_of(layer)
    recurrent_quantizer: Quantizer | None = getattr(layer, "recurrent_quantizer", None)
    state_quantizer: Quantizer | None = getattr(layer, "state_quantizer", None)
    if kernel_quantizer is None or recurrent_quantizer is None or state_quantizer is None:
        raise ConfigError(
            f"[{layer.name}] needs kernel_quantizer, recurrent_quantizer and state_quantizer to be frozen; use QGRU"
        )
    if layer.use_bias and bias_quantizer is None:
        raise ConfigError(f"[{layer.name}] needs a bias_quantizer to be frozen, or use_bias=False")
    name = layer.name
    kernel, kernel_type = quantized_codes(model.effective(f"{name}/kernel"), kernel_quantizer, f"{name}/kernel")
    inner, inner_type = quantized_codes(
        model.effective(f"{name}/recurrent_kernel"), recurrent_quantizer, f"{name}/recurrent_kernel"
    )
    bias: Codes = np.zeros((2, 3 * layer.units), dtype=np.int64)
    bias_type = NO_BIAS
    if bias_quantizer is not None and layer.use_bias:
        bias, bias_type = quantized_codes(model.effective(f"{name}/bias"), bias_quantizer, f"{name}/bias")
    state = get(state_quantizer).type()
    states = _core.Emulator((layer.units,), state)
    rest = bias_type, UNSIZED
    input_bits = _bits(emulator, FixedConv(name, kernel[np.newaxis], bias[0], kernel_type, *rest, (source,)), name)
    inner_bits = _bits(states, FixedDense(name, inner, bias[1], inner_type, *rest, (INPUT,)), name)
    accum = _accumulator(input_bits, inner_bits)
    if accum.bits > WIDEST:
        raise ConfigError(
            f"[{name}] its sums need {accum.bits} bits; {WIDEST} are the most. Use fewer bits for its input, kernels, "
            "bias or state"
        )
    types = kernel_type, inner_type, bias_type, accum, state
    return FixedGRU(name, kernel, inner, bias, *types, layer.return_sequences, inputs=(source,))


def _bits(emulator: _core.Emulator, layer: FixedLayer, name: str) -> tuple[int, int]:
    """Bits of a layer's partial sums on its source, and their fraction bits."""
    try:
        core = layer.core()
        return emulator.sum_bits(core, layer.inputs), emulator.exact_type(core, layer.inputs).fraction
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _accumulator(*sums: tuple[int, int]) -> FixedPoint:
    """Holds either sum, their sum, and 1; on the grid of the finest, and of the tables."""
    fraction = max(TABLE_TYPE.fraction, *(f for _, f in sums))
    integer = max(2, *(bits - f + 1 for bits, f in sums))
    return FixedPoint(integer + fraction, integer)
