"""How much is pruned, and when. Steps count optimiser steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qkdflow import _core
from qkdflow.errors import ConfigError


@dataclass(frozen=True)
class _Steps:
    """Optimiser steps of epochs."""

    samples: int
    batch_size: int

    def __post_init__(self) -> None:
        if self.samples < 1 or self.batch_size < 1:
            raise ConfigError(
                f"[in_epochs] samples and batch_size must be positive; got {self.samples} and {self.batch_size}"
            )

    def at(self, epochs: float) -> int:
        return int(epochs * math.ceil(self.samples / self.batch_size))

    def every(self, epochs: float) -> int:
        return max(self.at(epochs), 1)


@dataclass(frozen=True)
class ConstantSparsity:
    """One sparsity from begin_step on; masks are made anew every `frequency` steps until end_step (-1: always)."""

    target_sparsity: float
    begin_step: int = 0
    end_step: int = -1
    frequency: int = 100

    def __post_init__(self) -> None:
        self.core()

    @classmethod
    def in_epochs(
        cls, target_sparsity: float, begin: float, end: float, samples: int, batch_size: int, frequency: float = 1.0
    ) -> ConstantSparsity:
        """With begin, end (below 0: never) and frequency in epochs of `samples` training samples."""
        steps = _Steps(samples, batch_size)
        return cls(target_sparsity, steps.at(begin), steps.at(end) if end >= 0 else -1, steps.every(frequency))

    @property
    def final_sparsity(self) -> float:
        """The same, by PolynomialDecay's word."""
        return self.target_sparsity

    def core(self) -> _core.Schedule:
        """The engine's schedule."""
        s = self.final_sparsity
        return _core.Schedule(s, s, self.begin_step, self.end_step, self.frequency, 1.0)


@dataclass(frozen=True)
class PolynomialDecay:
    """From initial to final sparsity along (1 - progress)^power (Zhu & Gupta 2017, equation 1)."""

    initial_sparsity: float
    final_sparsity: float
    begin_step: int
    end_step: int
    power: float = 3.0
    frequency: int = 100

    def __post_init__(self) -> None:
        self.core()

    @classmethod
    def in_epochs(
        cls,
        initial_sparsity: float,
        final_sparsity: float,
        begin: float,
        end: float,
        samples: int,
        batch_size: int,
        power: float = 3.0,
        frequency: float = 1.0,
    ) -> PolynomialDecay:
        """With begin, end and frequency in epochs of `samples` training samples; it lasts a step at least."""
        steps = _Steps(samples, batch_size)
        first = steps.at(begin)
        last = max(steps.at(end), first + 1)
        return cls(initial_sparsity, final_sparsity, first, last, power, steps.every(frequency))

    def core(self) -> _core.Schedule:
        """The engine's schedule."""
        return _core.Schedule(
            self.initial_sparsity,
            self.final_sparsity,
            self.begin_step,
            self.end_step,
            self.frequency,
            self.power,
        )


PruningSchedule = ConstantSparsity | PolynomialDecay
