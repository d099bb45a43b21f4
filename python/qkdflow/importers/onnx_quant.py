"""QONNX's Quant (IntQuant) and BipolarQuant: scale * clip(round(x / scale)) with a scale, a zero and a number of bits.

Where the scale is one power of two they are quantisers of ours. Weights of another scale, or of one a channel, are kept
at their quantised values; activations are divided, rounded to whole numbers, and multiplied again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow.importers.onnx_graph import Op
from qkdflow.importers.onnx_values import Const, Ref, spread
from qkdflow.quantizers import Quantizer, TrainedRounding, binary, quantized_bits

_ROUNDING: dict[str, TrainedRounding] = {"ROUND": "RND_CONV", "HALF_EVEN": "RND_CONV", "FLOOR": "TRN"}


def quant(op: Op) -> None:
    scale, zero, bits = (np.asarray(op.const(i).array, dtype=np.float64) for i in (1, 2, 3))
    width = float(bits.reshape(-1)[0])
    rounding = str(op.get("rounding_mode", "ROUND")).upper()
    if rounding not in _ROUNDING:
        raise op.refuse(f"rounding_mode must be {', '.join(_ROUNDING)}", rounding)
    if np.any(zero != 0) or not width.is_integer() or bits.size != 1 or not np.all(scale > 0):
        raise op.refuse(
            "zeropt must be 0, bits one whole number and scales above 0", f"{zero.reshape(-1)[:3]}, {width}"
        )
    is_signed, is_narrow = bool(op.get("signed", 1)), bool(op.get("narrow", 0))
    if is_narrow and not is_signed:
        raise op.refuse("narrow must be 0 where signed is 0", 1)
    base = quantized_bits(int(width), int(width) - is_signed, is_narrow, is_signed, 1, rounding=_ROUNDING[rounding])
    shift = math.log2(scale.reshape(-1)[0]) if scale.size == 1 else 0.5
    whole: Quantizer | None = None
    if float(shift).is_integer():
        whole = quantized_bits(
            base.bits, base.integer + int(shift), base.symmetric, base.keep_negative, 1, rounding=base.rounding
        )
    _give(op, scale, base, whole)


def bipolar(op: Op) -> None:
    """scale where x >= 0, else -scale."""
    scale = np.asarray(op.const(1).array, dtype=np.float64)
    if not np.all(scale > 0):
        raise op.refuse("scales must be above 0", scale.reshape(-1)[:3])
    _give(op, scale, binary(alpha=1), binary(alpha=float(scale.reshape(-1)[0])) if scale.size == 1 else None)


def _give(op: Op, scale: NDArray[Any], base: Quantizer, whole: Quantizer | None) -> None:
    """`base` quantises x / scale; `whole`, where there is one, x itself."""
    value = op.inputs[0]
    if isinstance(value, Const):
        if whole is not None:
            op.give(Const(value.array, whole))
            return
        op.graph.notes.append(
            f"{op.kind} {op.label}: weights are kept at their quantised values, of more scales than one power of two"
        )
        op.give(Const(base.effective(value.array / scale) * np.float32(1) * scale.astype(np.float32)))
        return
    op.give(_activation(op, value, scale, base, whole))


def _activation(op: Op, ref: Ref, scale: NDArray[Any], base: Quantizer, whole: Quantizer | None) -> Ref:
    if whole is not None:
        return op.add("QActivation", ref, {"activation": whole})
    divided = op.add("Rescaling", ref, {"scale": spread(1 / scale, ref), "offset": 0.0})
    rounded = op.add("QActivation", divided, {"activation": base})
    return op.add("Rescaling", rounded, {"scale": spread(scale, ref), "offset": 0.0})
