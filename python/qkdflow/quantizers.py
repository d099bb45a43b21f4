"""QKeras's quantisers, as FixedPoint types.

`integer` leaves the sign bit out, as QKeras has it; `quantized_bits(9, 1, alpha=1)` is `ap_fixed<9,2>`.
Formulas: QKeras 0.9, quantizers.py. Rounding is half to even there (`RND_CONV`), and here unless told otherwise.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, Literal

from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError

TrainedRounding = Literal["RND", "RND_CONV", "TRN"]


@dataclass(frozen=True)
class quantized_bits:
    """2^integer * clip(round(x * m / 2^integer) / m, -1, 1 - 1/m) with m = 2^(bits-1).

    `keep_negative=False` is unsigned, `symmetric=True` leaves the most negative code out. Only `alpha=1` (or None
    where it means 1: biases and activations) is a fixed-point type.
    """

    bits: int = 8
    integer: int = 0
    symmetric: bool = False
    keep_negative: bool = True
    alpha: float | str | None = None
    rounding: TrainedRounding = "RND_CONV"

    def __post_init__(self) -> None:
        if self.alpha not in (None, 1, 1.0):
            raise ConfigError(
                f"[quantized_bits] alpha must be 1, so that codes are fixed point; got {self.alpha!r}. Write alpha=1"
            )
        self.type()

    def type(self) -> FixedPoint:
        return FixedPoint.quantized_bits(
            self.bits, self.integer, bool(self.keep_negative), bool(self.symmetric), self.rounding
        )


@dataclass(frozen=True)
class quantized_relu:
    """2^integer * clip(round(x * 2^bits / 2^integer) / 2^bits, 0, 1 - 2^-bits): ReLU and unsigned quantiser in one."""

    bits: int = 8
    integer: int = 0
    rounding: TrainedRounding = "RND_CONV"

    def __post_init__(self) -> None:
        self.type()

    def type(self) -> FixedPoint:
        return FixedPoint.quantized_relu(self.bits, self.integer, self.rounding)


@dataclass(frozen=True)
class csd_bits(quantized_bits):
    """quantized_bits whose codes have at most `digits` canonical signed digits: sums of that many powers of two.

    With two digits no product needs a DSP in the Latency strategy. The nearest such code is taken; gradients pass
    straight through, as for every quantiser. Not in QKeras.
    """

    alpha: float | str | None = 1
    digits: int = 2

    def __post_init__(self) -> None:
        if self.digits < 1:
            raise ConfigError(f"[csd_bits] digits must be at least 1; got {self.digits}")
        super().__post_init__()

    def type(self) -> FixedPoint:
        t = super().type()
        return FixedPoint(t.bits, t.integer, t.is_signed, t.rounding, t.overflow, self.digits)


Quantizer = quantized_bits | quantized_relu
_KNOWN: dict[str, Any] = {c.__name__: c for c in (quantized_bits, csd_bits, quantized_relu)}


def get(quantizer: Quantizer | str) -> Quantizer:
    """The quantiser, or the one that a text such as "quantized_bits(8, 4)" names. The text is parsed, not run."""
    if not isinstance(quantizer, str):
        return quantizer
    try:
        call = ast.parse(quantizer.strip(), mode="eval").body
        if isinstance(call, ast.Name):
            call = ast.Call(call, [], [])
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError("not a call")
        args = [ast.literal_eval(a) for a in call.args]
        kwargs = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
        return _KNOWN[call.func.id](*args, **kwargs)  # type: ignore[no-any-return]
    except (SyntaxError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"[quantizer] must be {', '.join(f'{name}(...)' for name in _KNOWN)}; got {quantizer!r} ({error})"
        ) from error


def to_dict(quantizer: Quantizer | None) -> dict[str, Any] | None:
    """Class name and fields, for JSON."""
    return None if quantizer is None else {"class_name": type(quantizer).__name__, **vars(quantizer)}


def from_dict(config: dict[str, Any] | None) -> Quantizer | None:
    if config is None:
        return None
    fields = dict(config)
    name = fields.pop("class_name", None)
    if name not in _KNOWN:
        raise ConfigError(f"[quantizer] must be one of {', '.join(_KNOWN)}; got {name!r}")
    return _KNOWN[name](**fields)  # type: ignore[no-any-return]
