"""What happens between epochs, in Keras's words. A callback sees the model and a state that it may change."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError

if TYPE_CHECKING:
    from qkdflow.models import Model, Weights

Logs = dict[str, float]


@dataclass
class FitState:
    """learning_rate is used from the next epoch on; stop ends the training after this one.

    Where there is a `schedule`, it gives the learning rate of every step, at its place in the training in epochs.
    """

    learning_rate: float
    stop: bool = False
    schedule: Callable[[float], float] | None = None
    bit_weight: float = 0.0  # of learned bits in the loss, from the next epoch on
    epoch: int = 0  # the first one of this training

    def rates(self, epoch: int, steps: int) -> list[float]:
        """The learning rate of every step of an epoch, or one for all of them."""
        if self.schedule is None:
            return [self.learning_rate]
        return [self.schedule(epoch + step / steps) for step in range(steps)]


class Callback:
    """Derive from this; each method may be left out."""

    def on_train_begin(self, model: Model, state: FitState) -> None:
        """Before the first epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs, model: Model, state: FitState) -> None:
        """After epoch number `epoch` (from 0), with its metrics."""

    def on_train_end(self, model: Model, state: FitState) -> None:
        """After the last epoch."""


def _monitored(callback: EarlyStopping | ReduceLROnPlateau, logs: Logs) -> float:
    monitor = callback.monitor
    if monitor not in logs:
        is_unseen = monitor in ("val_loss", "val_accuracy")
        cure = f". Give fit validation_data=(x, y), or monitor={monitor[4:]!r}" if is_unseen else ""
        raise ConfigError(
            f"[{type(callback).__name__}] monitor must be one of {', '.join(logs)}; got {monitor!r}{cure}"
        )
    return logs[monitor]


def _sign(monitor: str) -> float:
    return -1.0 if "accuracy" in monitor else 1.0


@dataclass
class EarlyStopping(Callback):
    """Stops when `monitor` has not improved by min_delta for `patience` epochs; can take the best weights back.

    Epochs before start_from_epoch do not count: a network that is still being pruned has no best weights yet.
    """

    monitor: str = "val_loss"
    min_delta: float = 0.0
    patience: int = 0
    restore_best_weights: bool = False
    start_from_epoch: int = 0
    best: float = field(default=math.inf, init=False)
    best_epoch: int = field(default=-1, init=False)
    _weights: Weights | None = field(default=None, init=False, repr=False)

    def on_train_begin(self, model: Model, state: FitState) -> None:
        self.best, self.best_epoch, self._weights = math.inf, -1, None

    def on_epoch_end(self, epoch: int, logs: Logs, model: Model, state: FitState) -> None:
        if epoch < self.start_from_epoch:
            return
        value = _sign(self.monitor) * _monitored(self, logs)
        if value < self.best - self.min_delta:
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self._weights = model.get_weights()
        elif epoch - max(self.best_epoch, self.start_from_epoch) >= self.patience:
            state.stop = True

    def on_train_end(self, model: Model, state: FitState) -> None:
        if self._weights is not None:
            model.set_weights(self._weights)


@dataclass
class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by `factor` when `monitor` has not improved for `patience` epochs."""

    monitor: str = "val_loss"
    factor: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    min_lr: float = 0.0
    best: float = field(default=math.inf, init=False)
    wait: int = field(default=0, init=False)

    def on_train_begin(self, model: Model, state: FitState) -> None:
        self.best, self.wait = math.inf, 0

    def on_epoch_end(self, epoch: int, logs: Logs, model: Model, state: FitState) -> None:
        value = _sign(self.monitor) * _monitored(self, logs)
        if value < self.best - self.min_delta:
            self.best, self.wait = value, 0
            return
        self.wait += 1
        if self.wait >= self.patience:
            state.learning_rate = max(state.learning_rate * self.factor, self.min_lr)
            self.wait = 0


@dataclass
class TerminateOnNaN(Callback):
    """Stops when the loss, of the epoch or of the validation after it, is no longer a number."""

    def on_epoch_end(self, epoch: int, logs: Logs, model: Model, state: FitState) -> None:
        finite = math.isfinite(logs["loss"]) and math.isfinite(logs.get("val_loss", 0.0))
        state.stop = state.stop or not finite


@dataclass
class LearningRateScheduler(Callback):
    """Before each epoch, learning_rate = schedule(epoch, initial learning rate); before each step where per_step says
    so, with the step's place in the training in epochs."""

    schedule: Callable[[float, float], float]
    per_step: bool = False
    initial: float = field(default=0.0, init=False)

    def on_train_begin(self, model: Model, state: FitState) -> None:
        self.initial = state.learning_rate
        state.learning_rate = self.schedule(state.epoch, self.initial)
        if self.per_step:
            state.schedule = lambda at: self.schedule(at, self.initial)

    def on_epoch_end(self, epoch: int, logs: Logs, model: Model, state: FitState) -> None:
        state.learning_rate = self.schedule(epoch + 1, self.initial)


@dataclass
class FewDigitsPenalty(Callback):
    """Pulls the kernels of quantized_bits towards codes of at most `digits` signed digits, which need no DSP.

    After each epoch w <- w + strength * ramp * (nearest(w) - w): the step of a penalty strength/2 |w - nearest(w)|^2,
    apart from the loss's as AdamW's decay is; ramp grows from 0 to 1 over `epochs`. Softer than csd_bits: a weight
    that the loss holds keeps its digits.
    """

    epochs: int
    strength: float = 0.5
    digits: int = 2

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.digits < 1 or not 0 <= self.strength <= 1:
            raise ConfigError(
                "[FewDigitsPenalty] epochs and digits must be at least 1 and strength 0 to 1; "
                f"got {self.epochs}, {self.digits}, {self.strength}"
            )

    def on_epoch_end(self, epoch: int, logs: Logs, model: Model, state: FitState) -> None:
        pull = self.strength * min((epoch + 1) / self.epochs, 1.0)
        kinds = {f"{layer.name}/kernel": getattr(layer, "kernel_quantizer", None) for layer in model.layers}
        for i, name in enumerate(model.graph.param_names):
            quantizer = kinds.get(name)
            if quantizer is None:
                continue
            t = quantizer.type()
            few = FixedPoint(t.bits, t.integer, t.is_signed, t.rounding, t.overflow, self.digits)
            values = model.graph.value(i)
            pulled = values + pull * (few.quantize(values) - values)
            model.graph.set_value(i, pulled.astype(values.dtype))


def cosine_decay(epochs: int, final_fraction: float = 0.01, warmup_epochs: float = 0.0) -> LearningRateScheduler:
    """From the initial learning rate to final_fraction of it along half a cosine (Loshchilov & Hutter 2017).

    Before that, a line from near zero in warmup_epochs; the rate then changes with every step. ConfigError where the
    warm-up leaves no epoch.
    """
    if not 0 <= warmup_epochs < max(epochs, 1):
        raise ConfigError(f"[cosine_decay] warmup_epochs must be at least 0 and below {epochs}; got {warmup_epochs}")

    def schedule(at: float, initial: float) -> float:
        if at < warmup_epochs:
            return initial * max(at / warmup_epochs, 1e-3)
        progress = min((at - warmup_epochs) / max(epochs - warmup_epochs, 1), 1.0)
        return initial * (final_fraction + (1 - final_fraction) * (1 + math.cos(math.pi * progress)) / 2)

    return LearningRateScheduler(schedule, per_step=warmup_epochs > 0)


def step_decay(every: int, factor: float = 0.1) -> LearningRateScheduler:
    """The initial learning rate, times `factor` after every so many epochs. ConfigError for less than one."""
    if every < 1 or not 0 < factor <= 1:
        raise ConfigError(f"[step_decay] every must be at least 1 and factor in (0, 1]; got {every} and {factor}")
    return LearningRateScheduler(lambda at, initial: initial * factor ** int(at // every))
