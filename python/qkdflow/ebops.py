"""Effective bit operations, and training towards a budget of them.

EBOPs = sum over a kernel's weights of b_w * b_x (Sun et al. 2024, HGQ, arXiv:2405.00645): b_w the bits of a weight
from its leading one to its last, none of a zero; b_x those of what it is multiplied with; signs count in neither. A
weight of a convolution counts once, as one multiplier that takes all pixels in turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow.callbacks import Callback, FitState, Logs
from qkdflow.errors import ConfigError
from qkdflow.fixed import FixedModel, Link
from qkdflow.freeze import freeze
from qkdflow.models import History, Model, Weights

_SIGNIFICAND = 53  # bits of a float64


def significant_bits(values: ArrayLike) -> NDArray[np.int64]:
    """Bits from the leading one to the last one of each number's magnitude; 0 of zero. Exact up to 53 bits."""
    mantissa, _ = np.frexp(np.abs(np.asarray(values, dtype=np.float64)))
    whole = np.ldexp(mantissa, _SIGNIFICAND).astype(np.int64)
    trailing = np.log2(np.maximum(whole & -whole, 1)).astype(np.int64)
    return np.where(whole == 0, 0, _SIGNIFICAND - trailing)


def ebops(fixed: FixedModel) -> dict[str, int]:
    """Of each layer with a kernel of a frozen network, counted on its integers; a GRU has two."""
    return {link.layer.name: _layer_ebops(link) for link in fixed.links if link.layer.kernel_codes}


def _layer_ebops(link: Link) -> int:
    # What a layer's kernels are multiplied with: its source, then, in a GRU, its state.
    widths = _width(link.input_type), _width(link.layer.result_type)
    return sum(
        int(significant_bits(codes).sum()) * width
        for (codes, _), width in zip(link.layer.kernel_codes, widths, strict=False)
    )


@dataclass
class EbopsBudget(Callback):
    """Steers the price of a learned bit so that EBOPs reach `target` and stay there; keeps the best weights that do.

    The goal falls from the first count to the target along a geometric line in the first `ramp` of the epochs. After
    each epoch the price is multiplied by (EBOPs / goal)^gain, by e at most: too many make bits dearer, too few cheaper.
    """

    target: int
    epochs: int
    widths: dict[str, float]  # by kernel tensor: the bits of what it is multiplied with
    ramp: float = 0.5
    gain: float = 2.0
    monitor: str = "val_accuracy"
    start_from_epoch: int = 0  # weights of earlier ones are not kept: masks, say, are not whole yet
    history: list[int] = field(default_factory=list, init=False)
    best: float | None = field(default=None, init=False)  # of the weights kept; None while none met the target
    _weights: Weights | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.target < 1 or self.epochs < 1 or not 0 < self.ramp <= 1 or self.gain <= 0:
            raise ConfigError(
                "[EbopsBudget] target and epochs must be at least 1, ramp above 0 and up to 1, gain above 0; "
                f"got {self.target}, {self.epochs}, {self.ramp}, {self.gain}"
            )

    def count(self, model: Model) -> int:
        """A model's EBOPs as they are."""
        return sum(int(significant_bits(model.effective(n)).sum() * w) for n, w in self.widths.items())

    def on_train_begin(self, model: Model, state: FitState) -> None:
        self.history, self.best, self._weights = [self.count(model)], None, None
        state.bit_weight = 0.1 / max(self.history[0], 1)  # all bits together cost a tenth of a loss of one

    def on_epoch_end(self, epoch: int, logs: Logs, model: Model, state: FitState) -> None:
        found = self.count(model)
        self.history.append(found)
        progress = min((epoch + 1) / (self.ramp * self.epochs), 1.0)
        start = max(self.history[0], 1)
        goal = start * (self.target / start) ** progress if start > self.target else self.target
        state.bit_weight *= math.exp(float(np.clip(self.gain * math.log(max(found, 1) / goal), -1.0, 1.0)))
        value = logs[self.monitor] if "accuracy" in self.monitor else -logs[self.monitor]
        if epoch >= self.start_from_epoch and found <= self.target and (self.best is None or value > self.best):
            self.best, self._weights = value, model.get_weights()

    def on_train_end(self, model: Model, state: FitState) -> None:
        if self._weights is not None:
            model.set_weights(self._weights)


def fit_to_budget(
    model: Model,
    x: ArrayLike,
    y: ArrayLike,
    target: int,
    batch_size: int = 32,
    epochs: int = 1,
    validation_data: tuple[ArrayLike, ArrayLike] | None = None,
    callbacks: Sequence[Callback] = (),
    start_from_epoch: int = 0,
    **teaching: Any,
) -> tuple[History, EbopsBudget]:
    """`fit` of a network with learned_bits kernels towards `target` EBOPs; arguments are fit's.

    The weights kept are those with the best validation accuracy (training accuracy without validation data) among the
    epochs from `start_from_epoch` on whose EBOPs are within the target; where none is, the last ones, and the budget's
    `best` is None.
    ConfigError for a model that has no learned_bits kernel, or cannot be frozen.
    """
    names = model.graph.param_names
    kinds = {link.layer.name: link.input_type for link in freeze(model).links}
    kernels = [n.removesuffix("_fraction") for n in names if n.endswith("kernel_fraction")]
    if not kernels:
        raise ConfigError(f"[{model.name}] must have kernels with learned_bits to be trained to a budget; it has none")
    widths = {name: float(_width(kinds[name.rpartition("/")[0]])) for name in kernels}
    monitor = "accuracy" if validation_data is None else "val_accuracy"
    budget = EbopsBudget(target, epochs, widths, monitor=monitor, start_from_epoch=start_from_epoch)
    history = model.fit(
        x, y, batch_size, epochs, validation_data, [*callbacks, budget], bit_widths=widths, **teaching
    )  # the budget last: its weights are the ones kept
    return history, budget


def _width(kind: Any) -> int:
    return int(kind.bits) - int(kind.is_signed)
