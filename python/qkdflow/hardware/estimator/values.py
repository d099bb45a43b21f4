"""What an estimate is: values with their 90 % intervals, by layer and in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

RESOURCES = ("lut", "ff", "dsp", "bram")


@dataclass(frozen=True)
class Quantity:
    """An estimated count and the interval that held nine of ten rows never seen; `low == high` where a law is exact."""

    value: int
    low: int
    high: int

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise AssertionError(f"{self.low} <= {self.value} <= {self.high} does not hold")

    def __int__(self) -> int:
        return self.value

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        return f"{self.value:,}" if self.low == self.high else f"{self.value:,} ({self.low:,} to {self.high:,})"

    @classmethod
    def exactly(cls, value: int) -> Quantity:
        """A value whose interval is itself."""
        return cls(value, value, value)

    @classmethod
    def around(cls, value: float, low: float, high: float) -> Quantity:
        """`value` with the multiples of it that bound the interval."""
        middle = round(value)
        return cls(middle, min(max(0, round(value * low)), middle), max(round(value * high), middle))

    def reaching(self, others: Iterable[Quantity]) -> Quantity:
        """The same value with an interval that holds the others' too."""
        others = [self, *others]
        return Quantity(self.value, min(q.low for q in others), max(q.high for q in others))


def total(parts: Iterable[Quantity]) -> Quantity:
    """A sum with the sum of the intervals: the layers of one network err alike, so that nothing evens out."""
    parts = list(parts)
    return Quantity(sum(p.value for p in parts), sum(p.low for p in parts), sum(p.high for p in parts))


@dataclass(frozen=True)
class LayerEstimate:
    """One layer as HLS would report it (csynth). bram counts blocks of 18 Kb; latency_clk and ii are clocks.

    reuse_factor: what hls4ml takes, which differs from `asked` where that is not valid, both of layers with weights;
    words: of a stream, that make one sample; ebops: bit operations that are not multiplied by zero; basis: the reports
    behind the constants.
    """

    name: str
    kind: str
    lut: Quantity
    ff: Quantity
    dsp: Quantity
    bram: Quantity
    latency_clk: Quantity
    ii: Quantity
    asked: int = 1
    reuse_factor: int = 1
    has_weights: bool = False
    words: int = 1
    ebops: int = 0
    basis: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)
