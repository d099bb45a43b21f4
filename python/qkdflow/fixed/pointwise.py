"""Activations: exact functions that end in one cast, and the tables that hls4ml reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.fixed import tables
from qkdflow.fixed.layer import Codes, FixedLayer, Pair, integers, need

PLAIN = ("linear", "relu", "relu6")
SLOPED = ("leaky_relu",)
SHIFTED = ("hard_sigmoid", "hard_tanh")
ACTIVATIONS = PLAIN + SLOPED + SHIFTED
TABLES = ("sigmoid", "tanh")
SOFTMAXES = ("latency", "stable", "argmax")
# hls4ml's own types and size for them
TABLE_TYPE, TABLE_SIZE = FixedPoint(18, 8), 1024
SOFTMAX_TYPE = FixedPoint(18, 8, True, "RND", "SAT")
SOFTMAX_SUM = FixedPoint(24, 14)  # wide enough for 64 entries of SOFTMAX_TYPE


def _no_codes() -> Codes:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class FixedActivation(FixedLayer):
    """An exact function of each element, then a cast to `result_type`.

    linear x, relu max(x, 0), relu6 min(max(x, 0), 6), leaky_relu x or slope * x below zero,
    hard_sigmoid min(max(slope * x + shift, 0), 1), hard_tanh 2 * hard_sigmoid(x) - 1.
    slope and shift: codes of their types, 0 <= slope.
    """

    kind: ClassVar[str] = "activation"

    name: str
    activation: str
    result_type: FixedPoint
    slope: int | None = None
    slope_type: FixedPoint | None = None
    shift: int | None = None
    shift_type: FixedPoint | None = None
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = ", ".join(ACTIVATIONS)
        need(self.activation in ACTIVATIONS, self.where, f"activation must be one of {known}; got {self.activation!r}")
        self._coefficient("slope", self.slope, self.slope_type, self.activation not in PLAIN)
        self._coefficient("shift", self.shift, self.shift_type, self.activation in SHIFTED)

    def _coefficient(self, what: str, code: int | None, kind: FixedPoint | None, wanted: bool) -> None:
        given = code is not None, kind is not None
        need(
            given == (wanted, wanted),
            self.where,
            f"{self.activation} takes {'a' if wanted else 'no'} {what} with its type; got {code} of {kind}",
        )
        if code is not None and kind is not None:
            low = 0 if what == "slope" else kind.low_code
            need(
                low <= code <= kind.high_code,
                self.where,
                f"{what} must be a code of {kind.ap_type}, {low} to {kind.high_code}; got {code}",
            )

    @property
    def coefficients(self) -> tuple[Pair, Pair]:
        """slope and shift, each a code and its fraction bits; zeros where the function has none."""
        slope = self.slope or 0, self.slope_type.fraction if self.slope_type else 0
        shift = self.shift or 0, self.shift_type.fraction if self.shift_type else 0
        return slope, shift

    def core(self) -> _core.FixedLayer:
        return _core.FixedActivation(self.name, self.activation, self.result_type, *self.coefficients)


@dataclass(frozen=True, eq=False)
class FixedTable(FixedLayer):
    """sigmoid or tanh from a table of `table_size` codes, by default the one that hls4ml makes."""

    kind: ClassVar[str] = "table"
    arrays: ClassVar[tuple[str, ...]] = ("table",)

    name: str
    function: str
    result_type: FixedPoint
    table_type: FixedPoint = TABLE_TYPE
    table_size: int = TABLE_SIZE
    table: Codes = field(default_factory=_no_codes)
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        need(self.function in TABLES, self.where, f"function must be one of {', '.join(TABLES)}; got {self.function!r}")
        _power_of_two(self.table_size, self.where, "table_size")
        table = self.table
        if not table.size:
            table = tables.sampled(self.function, self.table_size, self.table_type)
        _put_table(self, "table", table, self.table_size, self.table_type)

    def core(self) -> _core.FixedLayer:
        span = tables.SPANS[self.function]
        return _core.FixedLookup(self.name, self.table, self.table_type, span, self.result_type)


@dataclass(frozen=True, eq=False)
class FixedSoftmax(FixedLayer):
    """hls4ml's softmax of one vector: `latency` and `stable` read tables, `argmax` gives 1 to the largest.

    input_type addresses the exponential table. accum_type must hold sums of exponentials; their sum, cast to
    sum_type, addresses the table of inverses.
    """

    kind: ClassVar[str] = "softmax"
    arrays: ClassVar[tuple[str, ...]] = ("exponential", "inverse")

    name: str
    implementation: str
    input_type: FixedPoint
    result_type: FixedPoint
    exponential_type: FixedPoint = SOFTMAX_TYPE
    inverse_type: FixedPoint = SOFTMAX_TYPE
    accum_type: FixedPoint = SOFTMAX_SUM
    sum_type: FixedPoint = SOFTMAX_TYPE
    table_size: int = TABLE_SIZE
    exponential: Codes = field(default_factory=_no_codes)
    inverse: Codes = field(default_factory=_no_codes)
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = ", ".join(SOFTMAXES)
        need(
            self.implementation in SOFTMAXES,
            self.where,
            f"implementation must be one of {known}; got {self.implementation!r}",
        )
        if self.implementation == "argmax":
            return
        _power_of_two(self.table_size, self.where, "table_size")
        size = min(self.table_size, 2**self.input_type.bits)
        exponential, inverse = self.exponential, self.inverse
        if not exponential.size:
            address = self.address_type
            exponential = tables.exponential(size, address, self.exponential_type, self.implementation == "stable")
        if not inverse.size:
            inverse = tables.inverse(self.table_size, self.sum_type, self.inverse_type)
        _put_table(self, "exponential", exponential, size, self.exponential_type)
        _put_table(self, "inverse", inverse, self.table_size, self.inverse_type)

    @property
    def address_type(self) -> FixedPoint:
        """Of what addresses the exponential table: the input, or its distance from the largest element."""
        kind = self.input_type
        return FixedPoint(kind.bits, kind.integer, kind.is_signed and self.implementation != "stable")

    def core(self) -> _core.FixedLayer:
        if self.implementation == "argmax":
            return _core.FixedArgmax(self.name, self.result_type)
        return _core.FixedSoftmax(
            self.name,
            self.implementation == "stable",
            self.exponential,
            self.exponential_type,
            self.inverse,
            self.inverse_type,
            self.accum_type,
            self.sum_type,
            self.result_type,
        )


def _power_of_two(size: int, where: str, what: str) -> None:
    need(size >= 2 and size & (size - 1) == 0, where, f"{what} must be a power of two from 2 on; got {size}")


def _put_table(layer: FixedLayer, what: str, codes: Codes, size: int, kind: FixedPoint) -> None:
    table = integers(codes, (1,), kind, layer.where, what)
    need(table.size == size, layer.where, f"{what} must have {size} codes; got {table.size}")
    object.__setattr__(layer, what, table)
