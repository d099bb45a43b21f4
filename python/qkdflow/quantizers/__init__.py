"""QKeras's quantisers: what they are called, what they compute, and the FixedPoint types that some of them are.

`integer` leaves the sign bit out, as QKeras has it; `quantized_bits(9, 1, alpha=1)` is `ap_fixed<9,2>`.
Formulas: QKeras 0.9, quantizers.py, at inference. Rounding is half to even there (`RND_CONV`), and here unless told
otherwise.
"""

from __future__ import annotations

from qkdflow.quantizers.base import Quantizer, TrainedRounding
from qkdflow.quantizers.bits import csd_bits, quantized_bits, quantized_linear
from qkdflow.quantizers.learned import learned_bits
from qkdflow.quantizers.po2 import quantized_po2, quantized_relu_po2
from qkdflow.quantizers.relu import quantized_relu
from qkdflow.quantizers.signs import binary, stochastic_binary, stochastic_ternary, ternary
from qkdflow.quantizers.smooth import quantized_sigmoid, quantized_tanh
from qkdflow.quantizers.text import from_dict, from_keras, get, to_dict

__all__ = [
    "Quantizer",
    "TrainedRounding",
    "binary",
    "csd_bits",
    "from_dict",
    "from_keras",
    "get",
    "learned_bits",
    "quantized_bits",
    "quantized_linear",
    "quantized_po2",
    "quantized_relu",
    "quantized_relu_po2",
    "quantized_sigmoid",
    "quantized_tanh",
    "stochastic_binary",
    "stochastic_ternary",
    "ternary",
    "to_dict",
]
