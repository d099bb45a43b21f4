"""What layers are built for: part, clock, strategy, io."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from qkdflow.errors import ConfigError
from qkdflow.hardware.boards import Part, find_part
from qkdflow.hardware.estimator import pipeline

Multiplier = Literal["dsp", "fabric"]
STRATEGIES = ("latency", "resource")
IO = ("parallel", "stream")


def require(ok: bool, message: str, got: Any) -> None:
    if not ok:
        raise ConfigError(f"[estimate] {message}; got {got!r}")


@dataclass(frozen=True)
class Target:
    """A part, and how HLS is told to build for it.

    uncertainty: the share of the clock that HLS keeps back; None where it is not known: then 12.5 % for UltraScale+,
    which its reports' tool keeps, and for 7-series the middle of hls4ml's two defaults, 12.5 (Vivado) and 27 % (Vitis),
    both of which are inside the interval. multiplier: fabric forbids DSPs.
    """

    part: Part
    clock_ns: float = 5.0
    strategy: str = "latency"
    io: str = "parallel"
    uncertainty: float | None = None
    multiplier: Multiplier = "dsp"

    def __post_init__(self) -> None:
        object.__setattr__(self, "strategy", self.strategy.lower())
        object.__setattr__(self, "io", self.io.lower().removeprefix("io_"))
        require(0.5 <= self.clock_ns <= 1000, "the clock period must be 0.5 to 1,000 ns", self.clock_ns)
        require(self.strategy in STRATEGIES, "strategy must be latency or resource", self.strategy)
        require(self.io in IO, "io must be parallel or stream", self.io)
        require(self.multiplier in ("dsp", "fabric"), "multiplier must be dsp or fabric", self.multiplier)
        if self.uncertainty is not None:
            require(0 <= self.uncertainty < 0.9, "uncertainty must be 0 to 0.9", self.uncertainty)

    @classmethod
    def of(cls, part: str | None = None, board: str | None = None, **settings: Any) -> Target:
        """By name. ConfigError that lists near matches."""
        return cls(find_part(part, board), **settings)

    @property
    def family(self) -> pipeline.Family:
        """The part's family, by whose delays stages are cut."""
        return pipeline.family_of(self.part)

    @property
    def speed(self) -> float:
        """The delays of the part's speed grade, as a factor."""
        return pipeline.speed_of(self.part)

    @property
    def budget(self) -> float:
        """Nanoseconds of a pipeline stage."""
        widest, narrowest = self.budgets
        return (widest + narrowest) / 2

    @property
    def budgets(self) -> tuple[float, float]:
        """The widest and the narrowest that a stage may be: the same where the uncertainty is known."""
        least = pipeline.UNCERTAINTY["Vivado"] if self.uncertainty is None else self.uncertainty
        open_ended = self.uncertainty is None and self.family is pipeline.SERIES7
        most = pipeline.UNCERTAINTY["Vitis"] if open_ended else least
        return self.clock_ns * (1.0 - least), self.clock_ns * (1.0 - most)
