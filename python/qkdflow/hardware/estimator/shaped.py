"""Pools, merges and changes of shape: comparators and adders, line buffers, and wires.

Pools, zero padding and a concatenation were seen in one streamed design (Vitis HLS 2023.1, XCVU13P, 5 ns): a comparison
of 16 bits with its choice is 41 to 49 LUTs, padding 430 LUTs and 13 clocks beyond its pixels. Sums of averages, merges
and io_parallel were not seen. Intervals as wide as those of `pointwise`.
"""

from __future__ import annotations

import math
from dataclasses import replace

from qkdflow.fixed import FixedPooling
from qkdflow.hardware.estimator import stream
from qkdflow.hardware.estimator.conv import CONTROL_FF, CONTROL_LUT, Window
from qkdflow.hardware.estimator.pointwise import ADDER, at_once, plain
from qkdflow.hardware.estimator.target import Target
from qkdflow.hardware.estimator.terms import WIDTH
from qkdflow.hardware.estimator.values import LayerEstimate, Quantity

COMPARISON = 45.0  # LUTs of 16 bits
PADDING_LUT, PADDING_FF, PADDING_CLOCKS = 430, 45, 13
CONCATENATION_LUT = 16  # an element of a streamed word
POOL_CLOCKS = 3


def pooling(layer: FixedPooling, window: Window, input_bits: int, target: Target) -> LayerEstimate:
    """The largest of a window, or its mean: a tree of comparators or adders, and a division unless by a power of 2."""
    wide, channels = input_bits / WIDTH, window.channels
    divides = layer.accum_type is not None and window.taps & (window.taps - 1) != 0
    step = COMPARISON * wide if layer.accum_type is None else ADDER * layer.accum_type.bits / WIDTH
    division = layer.accum_type.bits**2 / 2 if layer.accum_type is not None and divides else 0
    if target.io == "parallel":
        n = window.positions * channels
        levels = math.ceil(math.log2(max(2, window.taps)))
        clocks = math.floor(levels * 2 * target.family.adder_ns * target.speed / target.budget)
        tree, held = n * ((window.taps - 1) * step + division), n * layer.result_type.bits * (1 + clocks)
        return plain(layer.name, "pooling", (tree, held, 0, 0), clocks + divides * layer.result_type.bits, 1)
    if layer.is_global:  # one running value a channel
        lut, ff, blocks = CONTROL_LUT / 4, 2.0 * channels * input_bits, 0
        steps = 1
    else:
        (height, _), (_, columns) = window.size, window.image
        lines, bits, blocks = stream.line_buffers(columns, height - 1, channels, input_bits)
        lut, ff = lines + CONTROL_LUT / 2, bits + CONTROL_FF / 4 + (window.taps - 1) * channels * input_bits
        steps = window.taps - 1
    costs = lut + channels * (steps * step + division), ff, 0, 0
    words = 1 if layer.is_global else window.positions
    found = plain(layer.name, "pooling", costs, window.pixels + POOL_CLOCKS, window.pixels, max(words, 1))
    return replace(found, bram=Quantity(0, 0, blocks))


def addition(name: str, elements: int, channels: int, result_bits: int, target: Target) -> LayerEstimate:
    """Two tensors' sum: an adder an element."""
    n, words, tail = at_once(elements, channels, target)
    costs = n * ADDER * result_bits / WIDTH, n * result_bits * (target.io == "parallel"), 0, 0
    return plain(name, "add", costs, words * (words > 1) + tail, words, words)


def concatenation(name: str, elements: int, channels: int, result_bits: int, target: Target) -> LayerEstimate:
    """Side by side: wires, but for the words of a stream."""
    n, words, tail = at_once(elements, channels, target)
    if target.io == "parallel":
        return plain(name, "concatenate", (0, 0, 0, 0), 0, 1)
    costs = CONCATENATION_LUT * n, n * result_bits, 0, 0
    return plain(name, "concatenate", costs, words + tail + 2, words, words)


def zero_padding(name: str, pixels: int, channels: int, bits: int, target: Target) -> LayerEstimate:
    """pixels: of the padded image. Wires, but for a stream, which is held up while zeros pass."""
    if target.io == "parallel":
        return plain(name, "zero_padding", (0, 0, 0, 0), 0, 1)
    costs = PADDING_LUT, PADDING_FF + channels * bits, 0, 0
    return plain(name, "zero_padding", costs, pixels + PADDING_CLOCKS, pixels, pixels)


def reshape(name: str, words: int) -> LayerEstimate:
    """Wires; a stream's next layer collects the words."""
    return plain(name, "reshape", (0, 0, 0, 0), 0, 1, words)
