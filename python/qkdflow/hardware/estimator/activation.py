"""Activations of a chain: casts and ReLUs, one comparator and one rounder an element.

Prices come from what complete designs hold beside their dense layers (batch norms, ReLUs, casts, a softmax): 24
designs of four networks, too few to tell the parts apart, hence the wide interval. csynth, 7-series.
"""

from __future__ import annotations

from qkdflow.hardware.estimator.terms import WIDTH
from qkdflow.hardware.estimator.values import LayerEstimate, Quantity

LUT, FF = 45.0, 40.0  # an element whose input has 16 bits
LOW, HIGH = 0.3, 1.6  # the interval: those parts with and without their batch norm, of the four networks
CLOCKS = 1, 0, 4  # of a layer; its interval
BASIS = "csynth, what 24 designs hold beside their dense layers, Vitis HLS 2022.1, XC7Z007S, 5 ns"


def activation(name: str, elements: int, input_bits: int, stream: bool = False) -> LayerEstimate:
    """A cast of `elements` values of `input_bits` bits. A stream gives one word of all elements a clock."""
    wide = elements * input_bits / WIDTH
    value, low, high = CLOCKS
    return LayerEstimate(
        name=name,
        kind="activation",
        lut=Quantity.around(LUT * wide, LOW, HIGH),
        ff=Quantity.around(FF * wide, LOW, HIGH),
        dsp=Quantity.exactly(0),
        bram=Quantity.exactly(0),
        latency_clk=Quantity(value + stream, low + stream, high + stream),
        ii=Quantity.exactly(1),
        basis=BASIS,
    )
