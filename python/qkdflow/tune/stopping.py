"""When to stop a trial early: rules over the curves that trials report, all to be minimised."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from qkdflow.errors import ConfigError

Curve = Sequence[tuple[int, float]]  #: (step, value), steps rising


class Stopper(Protocol):
    """Whether the trial, which has just reported at `step`, is hopeless beside the others' curves."""

    def __call__(self, number: int, step: int, curves: Mapping[int, Curve]) -> bool: ...


def best_until(curve: Curve, step: int) -> float:
    """The lowest finite value reported up to a step; inf where there is none."""
    return min((v for s, v in curve if s <= step and math.isfinite(v)), default=math.inf)


def at_step(curve: Curve, step: int) -> float | None:
    """The value reported last up to a step, of a curve that got so far; None where it did not."""
    if not curve or curve[-1][0] < step:
        return None
    return next((v for s, v in reversed(curve) if s <= step), None)


@dataclass(frozen=True)
class Median:
    """Stops what is worse, at its best, than the median of the others at the same step (Golovin et al. 2017)."""

    first_trials: int = 5  # that run to their end
    first_steps: int = 0  # at which nothing stops

    def __post_init__(self) -> None:
        if self.first_trials < 1 or self.first_steps < 0:
            raise ConfigError(f"[Median] needs first_trials >= 1 and first_steps >= 0; got {self}")

    def __call__(self, number: int, step: int, curves: Mapping[int, Curve]) -> bool:
        if number < self.first_trials or step <= self.first_steps:
            return False
        reached = [v for n, c in curves.items() if n != number and (v := at_step(c, step)) is not None]
        return len(reached) >= self.first_trials and best_until(curves[number], step) > median(reached)


@dataclass(frozen=True)
class Halving:
    """Asynchronous successive halving (Li et al., "A system for massively parallel hyperparameter tuning", 2020).

    At each rung, first_step * factor^k, only the best 1/factor of those that reached it go on.
    """

    first_step: int = 1
    factor: int = 3

    def __post_init__(self) -> None:
        if self.first_step < 1 or self.factor < 2:
            raise ConfigError(f"[Halving] needs first_step >= 1 and factor >= 2; got {self}")

    def __call__(self, number: int, step: int, curves: Mapping[int, Curve]) -> bool:
        rung = self.first_step
        while rung * self.factor <= step:
            rung *= self.factor
        curve = curves[number]
        if step < rung or (len(curve) > 1 and curve[-2][0] >= rung):  # not the first report at this rung
            return False
        reached = sorted(best_until(c, rung) for c in curves.values() if c and c[-1][0] >= rung)
        if len(reached) < self.factor:
            return False
        return best_until(curve, step) > reached[len(reached) // self.factor - 1]


@dataclass(frozen=True)
class Hyperband:
    """Halving in brackets that begin to stop later and later, in turn (Li et al., JMLR 2018; Falkner et al. 2018).

    last_step is the last that trials report.
    """

    last_step: int
    first_step: int = 1
    factor: int = 3

    def __post_init__(self) -> None:
        Halving(self.first_step, self.factor)
        if self.last_step < self.first_step:
            raise ConfigError(f"[Hyperband] needs last_step >= first_step; got {self}")

    def __call__(self, number: int, step: int, curves: Mapping[int, Curve]) -> bool:
        if step >= self.last_step:  # it has run to its end
            return False
        brackets = 1 + max(0, math.floor(math.log(self.last_step / self.first_step, self.factor) + 1e-9))
        bracket = number % brackets
        rule = Halving(self.first_step * self.factor**bracket, self.factor)
        return rule(number, step, {n: c for n, c in curves.items() if n % brackets == bracket})


def forecast(curve: Curve, finished: Sequence[tuple[Curve, float]]) -> float:
    """The final value of a trial that stopped: its last value, moved as the finished trials moved from there.

    `finished` has the curves and final values of complete trials; the median move counts. inf for an empty curve.
    """
    if not curve:
        return math.inf
    step, value = curve[-1]
    moves = [final - v for c, final in finished if (v := at_step(c, step)) is not None]
    return value + (median(moves) if moves else 0.0)
