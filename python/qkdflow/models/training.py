"""Epochs, one after the other, and what they left."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qkdflow import _core
from qkdflow.callbacks import Callback, FitState, Logs
from qkdflow.cards import card, grid, lines
from qkdflow.errors import ConfigError
from qkdflow.fitted import whole
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

    def __post_init__(self) -> None:
        if not isinstance(self.flip, bool):
            raise ConfigError(f"[Augmentation] flip must be True or False; got {self.flip!r}")
        object.__setattr__(self, "crop", whole(self.crop, "Augmentation", "crop", 0))


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
    author = _told(callbacks, state, "fit", lambda callback: callback.on_train_begin(model, state))
    for epoch in range(first, count):
        rates = _checked(state.rates(epoch, data.steps), author)
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
        author = _told(callbacks, state, author, partial(_end, epoch, logs, model, state))
        if state.stop:
            break
    for callback in callbacks:
        callback.on_train_end(model, state)
    return History(history)


def _end(epoch: int, logs: Logs, model: Model, state: FitState, callback: Callback) -> None:
    callback.on_epoch_end(epoch, logs, model, state)


def _told(callbacks: Sequence[Callback], state: FitState, author: str, tell: Callable[[Callback], None]) -> str:
    """Tells all of them; the class of the last one that changed the learning rate, or who had set it before."""
    for callback in callbacks:
        before = state.learning_rate, state.schedule
        tell(callback)
        if (state.learning_rate, state.schedule) != before:
            author = type(callback).__name__
    return author


def _checked(rates: list[float], author: str) -> list[float]:
    for rate in rates:
        if not (hasattr(rate, "__float__") and 0 <= rate < math.inf):
            raise ConfigError(f"[{author}] the learning rate must be a finite number from 0 on; got {rate!r}")
    return rates
