"""Epochs, one after the other, and what they left."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qkdflow import _core
from qkdflow.callbacks import Callback, FitState, Logs
from qkdflow.cards import card, grid, lines
from qkdflow.models.arrays import Samples, evaluated
from qkdflow.sources import Reader

if TYPE_CHECKING:
    from qkdflow.models.model import Model
    from qkdflow.models.teaching import Lesson


@dataclass(frozen=True)
class History:
    """history[metric] is a list with one value an epoch: loss, accuracy, val_loss, val_accuracy, learning_rate."""

    history: dict[str, list[float]]

    @property
    def epochs(self) -> int:
        """How many were trained."""
        return len(self.history.get("loss", []))

    def _repr_html_(self) -> str:
        rows = [(name, *_ends(values)) for name, values in self.history.items() if values]
        losses: dict[str, list[float]] = {n: self.history[n] for n in ("loss", "val_loss") if n in self.history}
        table = grid(("", "first", "least", "most", "last"), rows, numeric=(1, 2, 3, 4))
        return card("History", f"{self.epochs} epochs", table, lines(losses, "losses, epoch by epoch"))


def _ends(values: Sequence[float]) -> tuple[str, ...]:
    """The first, the least, the most and the last, as text."""
    known = [v for v in values if math.isfinite(v)] or [math.nan]
    return tuple(f"{v:.4g}" for v in (values[0], min(known), max(known), values[-1]))


@dataclass(frozen=True)
class Augmentation:
    """Images changed at random in every step, a function of fit's key alone.

    `flip` mirrors every other image left to right; `crop` cuts images of their own size out of a frame of so many
    zeros around them (He et al. 2016, section 4.2).
    """

    flip: bool = False
    crop: int = 0


@dataclass(frozen=True)
class Set:
    """What an epoch goes through, batch by batch."""

    x: Samples
    batch_size: int

    @property
    def steps(self) -> int:
        return -(-len(self.x) // self.batch_size)


def epochs(
    model: Model,
    told: Lesson,
    trainer: _core.Trainer,
    count: int,
    data: Set,
    valid: tuple[Samples, NDArray[np.int32]] | None,
    callbacks: Sequence[Callback],
    bit_widths: Mapping[str, float] | None = None,
    first: int = 0,
) -> History:
    """Trains from epoch `first` to before epoch `count`, with the callbacks between them."""
    history: dict[str, list[float]] = {}
    state = FitState(model.optimizer.learning_rate, epoch=first)
    for callback in callbacks:
        callback.on_train_begin(model, state)
    for epoch in range(first, count):
        rates = state.rates(epoch, data.steps)
        told.begin_epoch()
        if bit_widths is not None:
            trainer.set_bit_costs(state.bit_weight, told.widths(bit_widths))
        if isinstance(data.x, Reader):
            data.x.announce(trainer.order(epoch), data.batch_size)
        loss, accuracy = trainer.epoch(epoch, rates)
        told.end_epoch()
        model.steps = trainer.steps
        logs: Logs = {"loss": loss, "accuracy": accuracy}
        if valid is not None:
            logs["val_loss"], logs["val_accuracy"] = evaluated(model.graph, *valid)
        logs["learning_rate"] = rates[0]
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        for callback in callbacks:
            callback.on_epoch_end(epoch, logs, model, state)
        if state.stop:
            break
    for callback in callbacks:
        callback.on_train_end(model, state)
    return History(history)
