"""A Rescaling x * s + o, s = 2^-k, before integers are made.

It is folded into the layers with weights that take it:  W (x s + o) + b = (W s) x + (b + W o),  so that the frozen
network takes the detector's raw counts: W's codes stay, its type's binary point moves by k, and the bias takes the
offset exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

import numpy as np

from qkdflow import layers
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.fixed import FixedConv, FixedDepthwiseConv, FixedScale, FixedWeighted
from qkdflow.fixed.model import UNSIZED
from qkdflow.freeze.numbers import fraction_bits, holding

AnyWeighted = TypeVar("AnyWeighted", bound=FixedWeighted)


@dataclass(frozen=True)
class Affine:
    """x * 2^-shift + offset, one offset a channel."""

    shift: int
    offset: tuple[Fraction, ...]

    @classmethod
    def of(cls, layer: layers.Rescaling, channels: int) -> Affine:
        scales = {Fraction(s) for s in (layer.scale if isinstance(layer.scale, tuple) else (layer.scale,))}
        mantissa, exponent = math.frexp(float(next(iter(scales))))
        if len(scales) > 1 or mantissa != 0.5:
            raise ConfigError(f"[{layer.name}] only one power of two as scale can be frozen; got {layer.scale!r}")
        offset = layer.offset if isinstance(layer.offset, tuple) else (layer.offset,) * channels
        if len(offset) != channels:
            raise ConfigError(f"[{layer.name}] one offset a channel ({channels}) can be frozen; got {len(offset)}")
        return cls(1 - exponent, tuple(Fraction(o) for o in offset))

    def layer(self, name: str, source: str) -> FixedScale:
        """The same as a layer of its own."""
        fraction = fraction_bits(list(self.offset))
        codes = [int(o * 2**fraction) for o in self.offset]
        ones, unit = np.ones(len(codes), dtype=np.int64), FixedPoint(2, 2 - self.shift)
        return FixedScale(name, ones, np.array(codes), unit, holding(codes, fraction, name), UNSIZED, (source,))

    def folds_into(self, layer: FixedWeighted) -> bool:
        """Not where zeros are put around x * s + o: around x they would be something else."""
        padded = isinstance(layer, (FixedConv, FixedDepthwiseConv)) and any(n for pair in layer.padding for n in pair)
        return not padded or not any(self.offset)

    def folded(self, layer: AnyWeighted) -> AnyWeighted:
        """The layer with this taken in: on x, what it was on x * s + o."""
        t = layer.weight_type
        step, bias_step = Fraction(t.step), Fraction(layer.bias_type.step)
        rows = layer.weights.reshape(-1, layer.weights.shape[-1])  # (terms, n_out), channels the fastest of the terms
        each = isinstance(layer, (FixedDepthwiseConv, FixedScale))  # an output takes its own channel alone
        sums = []
        for o, (column, b) in enumerate(zip(rows.T.tolist(), layer.bias.tolist(), strict=True)):
            offsets = (self.offset[o],) if each else self.offset
            offsets *= len(rows) // len(offsets)
            products = sum((w * v for w, v in zip(column, offsets, strict=True)), Fraction(0))
            sums.append(b * bias_step + products * step)
        fraction = fraction_bits(sums)
        codes: list[int] = [int(s * 2**fraction) for s in sums]
        return replace(
            layer,
            bias=np.array(codes, dtype=np.int64),
            bias_type=holding(codes, fraction, layer.name),
            weight_type=FixedPoint(t.bits, t.integer - self.shift, t.is_signed, t.rounding, t.overflow),
        )
