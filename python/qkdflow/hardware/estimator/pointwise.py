"""Layers of one element at a time: casts and activations, tables, batch normalization, softmax.

Prices are those of csynth reports of 24 dense designs (Vitis HLS 2021.1, XC7Z007S, 3.33 and 5 ns) and of two streamed
ones (2023.1, XCVU13P, 5 ns): relu with round and saturate, 16 to 8 bits, 43 to 69 LUTs an element (106 under Vivado HLS
2019.2); a softmax of 2 to 16 elements; a normalization by powers of two. The rest is scaled by width. Wide intervals.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from qkdflow.fixed import Codes, FixedActivation, FixedSoftmax, FixedTable
from qkdflow.hardware.estimator import laws, pipeline
from qkdflow.hardware.estimator.kernel import Kernel, signed_digits
from qkdflow.hardware.estimator.target import Target
from qkdflow.hardware.estimator.terms import WIDTH
from qkdflow.hardware.estimator.values import LayerEstimate, Quantity

LUT, LOW, HIGH = 50.0, 0.3, 2.2  # an element whose input has 16 bits; the interval of all that is here
ADDER = 17.0  # LUTs of 16 bits
DELAY_NS = 3.5  # of a relu that rounds and saturates
TABLE_LUT, TABLE_CLOCKS, TABLE_FF = 157, 3, 15  # sigmoid, an element
SOFTMAX_LUT, SOFTMAX_FF = 145, 200  # an element
BASIS = "csynth, 24 dense designs, Vitis HLS 2021.1, XC7Z007S; 2 streamed ones, 2023.1, XCVU13P"
WIRES = "wires: nothing to synthesise"


def plain(
    name: str, kind: str, costs: tuple[float, float, float, float], clocks: int, ii: int, words: int = 1
) -> LayerEstimate:
    """A layer whose LUTs, flip-flops, DSPs and BRAMs are known as roughly as everything here."""
    lut, ff, dsp, bram = costs
    return LayerEstimate(
        name=name,
        kind=kind,
        lut=Quantity.around(lut, LOW, HIGH),
        ff=Quantity.around(ff, LOW, HIGH),
        dsp=Quantity.around(dsp, 0.5, 1.0),
        bram=Quantity.around(bram, 0.5, 1.0),
        latency_clk=Quantity(clocks, min(clocks, max(0, ii - 1)) if words > 1 else clocks // 2, 2 * clocks + 4),
        ii=Quantity.exactly(ii),
        words=words,
        basis=BASIS if any(costs) else WIRES,
    )


def at_once(elements: int, channels: int, target: Target) -> tuple[int, int, int]:
    """Elements worked on at the same time, words of a sample, and a word's clock to be read, written."""
    if target.io == "parallel":
        return elements, 1, 0
    return channels, elements // channels, 2


def activation(layer: FixedActivation, elements: int, channels: int, input_bits: int, target: Target) -> LayerEstimate:
    """A cast, relu or another exact function; nothing but wires where it neither rounds, saturates nor compares."""
    n, words, tail = at_once(elements, channels, target)
    (slope, _), (shift, _) = layer.coefficients
    digits = int(signed_digits(np.array([slope]))[0])
    result = layer.result_type
    wires = layer.activation == "linear" and result.rounding == "TRN" and result.overflow == "WRAP"
    stages = 0 if wires else math.floor(DELAY_NS * target.speed / target.budget)
    wide = input_bits / WIDTH
    lut = 0.0 if wires else n * wide * (LUT + ADDER * (max(0, digits - 1) + bool(shift)))
    ff = n * (result.bits + stages * (input_bits + result.bits)) * (target.io == "parallel")
    many = n * (digits > 2)
    return plain(layer.name, "activation", (lut, ff, many, 0), words * (words > 1) + stages + tail, words, words)


def table(layer: FixedTable, elements: int, channels: int, input_bits: int, target: Target) -> LayerEstimate:
    """sigmoid or tanh: a table an element that is read at the same time."""
    n, words, _ = at_once(elements, channels, target)
    size = layer.table_size * layer.table_type.bits
    bram = n * (laws.memory_blocks(layer.table_size, layer.table_type.bits) if size >= laws.MEMORY_BITS else 0)
    costs = n * TABLE_LUT * max(1.0, input_bits / WIDTH), n * TABLE_FF, 0, bram
    return plain(layer.name, "table", costs, words * (words > 1) + TABLE_CLOCKS, words, words)


def softmax(layer: FixedSoftmax, elements: int, input_bits: int, target: Target) -> LayerEstimate:
    """One vector: trees for its largest and for its sum, a table of exponentials and a product an element."""
    levels = max(1, math.ceil(math.log2(max(2, elements))))
    wide = input_bits / WIDTH
    if layer.implementation == "argmax":
        costs = 3 * ADDER * elements * wide, elements * input_bits, 0, 0
        return plain(layer.name, "softmax", costs, levels, 1)
    slow = target.budget < pipeline.SERIES7.product_ns * target.speed  # a level takes another clock
    clocks = levels * (2 + 2 * slow) + 6 - 2 * slow
    lut, ff = elements * SOFTMAX_LUT * wide, elements * SOFTMAX_FF * wide
    return plain(layer.name, "softmax", (lut, ff, elements, elements), clocks, 1)


def scale(
    name: str,
    weights: Codes,
    widths: tuple[int, int],
    elements: int,
    asked: int,
    weight_bits: int,
    target: Target,
) -> LayerEstimate:
    """A batch normalization on its own: one constant product and one sum an element; products share multipliers."""
    n, words, tail = at_once(elements, weights.size, target)
    kernel, times = Kernel.of(weights.reshape(-1, 1)), n // weights.size
    wide_in, wide = widths[0] / WIDTH, widths[1] / WIDTH
    limit = max(1, -(-n // asked))
    many = kernel.distinct_many * times
    dsp = 0 if target.multiplier == "fabric" else min(many, limit)
    lut = n * (ADDER + 11) * wide + times * kernel.two_digit * ADDER * wide_in
    delay = pipeline.SERIES7.product_ns * (many > 0) + pipeline.SERIES7.adder_ns
    stages = math.floor(delay * target.speed / target.budget)
    turns = max(1, min(asked, -(-many // limit)))
    ff = n * widths[1] * (1 + stages) + (n * widths[0] if turns > 1 else 0)
    clocks = turns * words * (words > 1 or turns > 1) + stages + tail
    return replace(
        plain(name, "scale", (lut, ff, dsp, 0), clocks, turns * words, words),
        asked=asked,
        reuse_factor=asked,
        has_weights=True,
        ebops=(kernel.nonzero * elements // weights.size) * weight_bits * widths[0],
    )
