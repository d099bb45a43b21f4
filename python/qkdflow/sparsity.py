"""Magnitude pruning in TFMOT's words. Steps count optimiser steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qkdflow import _core

if TYPE_CHECKING:
    from typing import TypeVar

    from qkdflow.models import Model

    AnyModel = TypeVar("AnyModel", bound=Model)


@dataclass(frozen=True)
class ConstantSparsity:
    """One sparsity from begin_step on; masks are made anew every `frequency` steps until end_step (-1: always)."""

    target_sparsity: float
    begin_step: int = 0
    end_step: int = -1
    frequency: int = 100

    def __post_init__(self) -> None:
        self.core()

    def core(self) -> _core.Schedule:
        s = self.target_sparsity
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

    def core(self) -> _core.Schedule:
        return _core.Schedule(
            self.initial_sparsity,
            self.final_sparsity,
            self.begin_step,
            self.end_step,
            self.frequency,
            self.power,
        )


PruningSchedule = ConstantSparsity | PolynomialDecay


def prune_low_magnitude(model: AnyModel, pruning_schedule: PruningSchedule) -> AnyModel:
    """The same model; its kernels are pruned by magnitude, layer by layer, while `fit` trains it.

    No wrapper layers and no callback: masks are part of the model, and travel with it when it is saved.
    """
    model.pruning_schedule = pruning_schedule
    model.steps = 0
    return model
