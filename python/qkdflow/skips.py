"""Removing a ResNet's skips while it trains, after Tailor (Weng et al. 2023, arXiv:2301.07247).

Every few epochs the next skip, from the input on, is taken out or shortened, inside one training: weights, masks and
the optimiser's moments stay, and a teacher that keeps its skips says what the logits should be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow import layers
from qkdflow._core import Key
from qkdflow.callbacks import LearningRateScheduler
from qkdflow.errors import ConfigError
from qkdflow.files import digest, read_json, read_npz, write_json, write_npz
from qkdflow.layers import Layer
from qkdflow.models import History, Model, load_model
from qkdflow.models.teaching import copy_shared, mean_logits
from qkdflow.models.topology import Topology
from qkdflow.models.training import Augmentation
from qkdflow.optimizers import Optimizer, get
from qkdflow.sparsity import PruningRule

HOW = ("remove", "shorten")
ACTIVATIONS = (layers.Activation, layers.ReLU, layers.QActivation)
_SHORT = "_short"  # ends the names of the sums that a shortened skip adds


def skips(model: Model) -> list[str]:
    """The sums that skips end in and that were not shortened yet, from the input on."""
    short = {layer.name.removesuffix(_SHORT) for layer in model.layers if layer.name.endswith(_SHORT)}
    sums = [layer.name for layer in model.layers if isinstance(layer, layers.Add)]
    return [name for name in sums if not name.endswith(_SHORT) and name not in short]


def without_skip(model: Model, name: str) -> Model:
    """A model without the skip that ends in the sum `name`, nor layers that only it needed; the other weights and masks
    are the model's. ConfigError where there is no such skip."""
    _, block = _skip(model, name)
    inbound = {n: tuple(block if s == name else s for s in froms) for n, froms in model.inbound.items() if n != name}
    return _rewired(model, [layer for layer in model.layers if layer.name != name], inbound)


def with_short_skips(model: Model, name: str) -> Model:
    """A model whose skip over two layers, which ends in the sum `name`, became two over one each: to the first layer's
    result before its activation, and from behind that to the second's. ConfigError where there is no activation
    between."""
    shortcut, block = _skip(model, name)
    by_name = {layer.name: layer for layer in model.layers}
    outside = _needed(model.inbound, shortcut)
    inside = (n for n in _chain(model, block) if n not in outside)
    between = next((n for n in inside if isinstance(by_name[n], ACTIVATIONS)), None)
    if between is None:
        raise ConfigError(f"[{name}] a skip over one layer cannot be shortened; there is no activation inside")
    inbound = dict(model.inbound)
    inbound[name + _SHORT] = (shortcut, *inbound[between])
    inbound[between] = (name + _SHORT,)
    inbound[name] = (between, block)
    return _rewired(model, [*model.layers, layers.Add(name=name + _SHORT)], inbound)


def remove_skips(
    teacher: Model,
    x: ArrayLike,
    y: ArrayLike,
    epochs: int,
    every: int = 3,
    how: str = "remove",
    *,
    student: Model | None = None,
    optimizer: Optimizer | str = "adam",
    batch_size: int = 32,
    validation_data: tuple[ArrayLike, ArrayLike] | None = None,
    schedule: LearningRateScheduler | None = None,
    distillation: str = "logits_mse",
    alpha: float = 0.65,
    temperature: float = 4.0,
    augmentation: Augmentation | None = None,
    folder: str | Path | None = None,
    key: Key | int = 0,
) -> tuple[Model, History]:
    """A student without the teacher's skips, trained for `epochs` while one more goes every `every` epochs.

    The student begins as the teacher, weights and all, or as the `student` given; the first skip goes before the first
    epoch. The loss is fit's, with Tailor's 0.65 * CE + 0.35 * (mean squared difference of logits) unless told
    otherwise; teacher logits are computed once, of the images as they are. A student that is pruned goes on being
    pruned. With a `folder`, every epoch is kept there, and the same call goes on where it was stopped and ends with the
    same bits. The history has `skips`, those left.
    ConfigError where there are fewer than skips * every epochs, or no skips, or where the folder holds another removal.
    """
    if how not in HOW:
        raise ConfigError(f"[remove_skips] how must be {' or '.join(HOW)}; got {how!r}")
    model = _copy(teacher if student is None else student)
    names = skips(model)
    if not names or every < 1 or epochs < 1 + (len(names) - 1) * every:
        raise ConfigError(
            f"[remove_skips] {len(names)} skips of {model.name}, one every {every} epochs, need at least one skip and "
            f"{1 + max(len(names) - 1, 0) * max(every, 1)} epochs; got {epochs}"
        )
    logits = mean_logits([teacher], x)
    key = Key(key) if isinstance(key, int) else key
    optimizer = get(optimizer)
    rates = None if schedule is None else [schedule.schedule(epoch, optimizer.learning_rate) for epoch in range(epochs)]
    settings = {"epochs": epochs, "every": every, "how": how, "skips": names, "key": key.value, "alpha": alpha}
    settings |= {"distillation": distillation, "temperature": temperature, "batch_size": batch_size}
    settings |= {"optimizer": str(optimizer), "learning_rates": rates, "pruning": list(map(str, model.pruning))}
    settings |= {"augmentation": None if augmentation is None else asdict(augmentation), "y": digest([y])}
    settings |= {"teacher_logits": digest([logits]), "student": digest(model.get_weights().values)}
    done = _Progress(None if folder is None else Path(folder), settings)
    model = done.begin(model)
    for epoch in range(done.epoch, epochs):
        if epoch % every == 0 and epoch // every < len(names):
            change = without_skip if how == "remove" else with_short_skips
            model = change(model, names[epoch // every])
        model.compile(optimizer)
        model.steps = done.steps
        found = model.fit(
            x,
            y,
            batch_size,
            epoch + 1,
            validation_data,
            [] if schedule is None else [schedule],
            teacher_logits=logits,
            temperature=temperature,
            alpha=alpha,
            distillation=distillation,
            augmentation=augmentation,
            initial_epoch=epoch,
            optimizer_state=done.state,
            key=key,
        )
        done.end_epoch(model, found)
    return model, History(done.history)


class _Progress:
    """How far a removal is; with a folder, kept there after every epoch."""

    def __init__(self, folder: Path | None, settings: dict[str, Any]) -> None:
        self.folder, self.settings = folder, settings
        self.epoch = self.steps = 0
        self.state: dict[str, NDArray[np.float64]] = {}
        self.history: dict[str, list[float]] = {}

    def begin(self, model: Model) -> Model:
        """The model to go on with."""
        if self.folder is None or not (self.folder / "progress.json").exists():
            return model
        kept = read_json(self.folder / "progress.json")
        if kept["settings"] != self.settings:
            changed = [k for k in self.settings if kept["settings"].get(k) != self.settings[k]]
            raise ConfigError(
                f"[{self.folder}] holds a removal with another {', '.join(changed)}. Choose another folder"
            )
        self.epoch, self.steps, self.history = kept["epoch"], kept["steps"], kept["history"]
        place = self.folder / kept["place"]
        self.state = {name: np.asarray(v, dtype=np.float64) for name, v in read_npz(place / "optimizer.npz").items()}
        found = load_model(place)
        found.pruning = _left(model.pruning, found)  # a file holds masks, not how they are made
        return found

    def end_epoch(self, model: Model, found: History) -> None:
        self.epoch, self.steps = self.epoch + 1, model.steps
        for name, values in {**found.history, "skips": [float(len(skips(model)))]}.items():
            self.history.setdefault(name, []).extend(values)
        if self.folder is None:
            return
        place = f"epoch_{self.epoch % 2}"  # the one before stays whole until progress.json names this one
        model.save(self.folder / place)
        write_npz(self.folder / place / "optimizer.npz", self.state)
        kept = {"epoch": self.epoch, "steps": self.steps, "history": self.history, "place": place}
        write_json(self.folder / "progress.json", {**kept, "settings": self.settings})


def _copy(model: Model) -> Model:
    return _rewired(model, model.layers, model.inbound)


def _skip(model: Model, name: str) -> tuple[str, str]:
    """Where a skip comes from, and the block that it goes around: of the sum's sources, the one with less between it
    and the input is the skip."""
    found = {layer.name: layer for layer in model.layers}.get(name)
    if not isinstance(found, layers.Add) or len(model.inbound[name]) != 2:
        raise ConfigError(
            f"[{name}] must be a sum of two in {model.name}; there are {', '.join(skips(model)) or 'none'}"
        )
    first, second = model.inbound[name]
    behind = [len(_needed(model.inbound, source)) for source in (first, second)]
    return (first, second) if behind[0] <= behind[1] else (second, first)


def _chain(model: Model, name: str) -> Iterator[str]:
    """A layer and those before it, as long as each has one source."""
    while len(model.inbound[name]) == 1:
        yield name
        name = model.inbound[name][0]


def _needed(inbound: Any, name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        layer = waiting.pop()
        if layer not in found:
            found.add(layer)
            waiting += inbound[layer]
    return found


def _rewired(model: Model, made: Sequence[Layer], inbound: Any) -> Model:
    """A model of these layers, sources first, without those that the output does not need, and with what both share."""
    last = model.layers[-1].name
    needed = _needed(inbound, last)
    waiting = [layer for layer in made if layer.name in needed and layer.name != last]
    ordered: list[Layer] = []
    placed: set[str] = set()
    while waiting:
        ready = next(layer for layer in waiting if placed.issuperset(inbound[layer.name]))
        waiting.remove(ready)
        ordered.append(ready)
        placed.add(ready.name)
    ordered.append(model.layers[-1])
    new = Model.of(Topology(tuple(ordered), {n: tuple(inbound[n]) for n in needed}), model.name)
    copy_shared(model, new)
    new.pruning = _left(model.pruning, new)
    return new


def _left(rules: Sequence[PruningRule], model: Model) -> tuple[PruningRule, ...]:
    """The rules without layers that went with a skip."""
    there = {layer.name for layer in model.layers}
    kept = [r if r.layers is None else replace(r, layers=tuple(n for n in r.layers if n in there)) for r in rules]
    return tuple(rule for rule in kept if rule.layers is None or rule.layers)
