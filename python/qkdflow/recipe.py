"""How every network here is trained: a cosine learning rate, and of the last epochs the weights that validate best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from qkdflow._core import Key
from qkdflow.callbacks import EarlyStopping, TerminateOnNaN, cosine_decay
from qkdflow.datasets import Dataset
from qkdflow.errors import DataError
from qkdflow.models import History, Model
from qkdflow.sparsity import PolynomialDecay


@dataclass(frozen=True)
class Trained:
    """A trained network with its curves."""

    model: Model
    history: History


def fit(model: Model, data: Dataset, epochs: int, batch: int, key: Key, **options: Any) -> Trained:
    """Trains on the training part, with other `options` of fit; of the last epochs the weights with the best validation
    accuracy are kept."""
    keep = EarlyStopping(
        "val_accuracy", patience=epochs, restore_best_weights=True, start_from_epoch=first_kept(epochs)
    )
    callbacks = [cosine_decay(epochs), TerminateOnNaN(), keep]
    history = model.fit(data.train.x, data.train.y, batch, epochs, data.valid, callbacks, key=key, **options)
    return Trained(model, history)


def finite(trained: Trained, name: str) -> Trained:
    """`trained`, whose loss stayed a number; DataError, which says `name`, where it did not."""
    if not math.isfinite(best_accuracy(trained.history)):
        raise DataError(f"[{name}] its training ended in NaN. Check the data's range, or try another --seed")
    return trained


def pruning(sparsity: float, epochs: int, data: Dataset, batch: int) -> PolynomialDecay:
    """From none after a tenth of the training to `sparsity` when the first weights may be kept."""
    samples, begin = len(data.train.x), 0.1 * epochs
    return PolynomialDecay.in_epochs(0.0, sparsity, begin, first_kept(epochs), samples, batch, frequency=0.25)


def first_kept(epochs: int) -> int:
    """The epoch from which weights may be kept: pruning has ended by then, for students and teachers alike."""
    return min(epochs - 1, math.ceil(0.6 * epochs))


def enough(epochs: int, data: Dataset, batch: int, least_steps: int) -> int:
    """So many epochs, or more where they have fewer optimiser steps than `least_steps`."""
    return max(epochs, math.ceil(least_steps / math.ceil(len(data.train.x) / batch)))


def failing(trained: Trained, data: Dataset) -> str | None:
    """Why a training came to nothing: a loss that is no number, a dead network, or one worse than chance. None: it did
    not."""
    accuracy = best_accuracy(trained.history)
    if not math.isfinite(accuracy):
        return "the loss was no longer a number (NaN)"
    logits = trained.model.logits(data.valid.x)
    if (logits == logits[0]).all():
        return "the network is dead: it gives every sample the same logits"
    if worse_than_chance(accuracy, data):
        return f"the accuracy, {accuracy:.4f}, is worse than chance, 1 of {data.classes}"
    return None


def worse_than_chance(accuracy: float, data: Dataset) -> bool:
    """Whether a validation accuracy is below 1 of the classes by more than three standard deviations of guessing."""
    chance = 1 / data.classes
    return accuracy < chance - 3 * math.sqrt(chance * (1 - chance) / len(data.valid.y))


def best_accuracy(history: History) -> float:
    """Validation accuracy of the weights that the training kept; NaN where a loss was one."""
    if not all(map(math.isfinite, (*history.history["loss"], *history.history.get("val_loss", ())))):
        return math.nan
    return max(history.history["val_accuracy"][first_kept(history.epochs) :])
