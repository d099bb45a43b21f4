"""What a student is told: its teachers' logits, and hints from inside the teacher."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from qkdflow import _core, layers
from qkdflow._core import Key
from qkdflow.errors import ConfigError
from qkdflow.layers.activations import is_softmax
from qkdflow.models.arrays import Samples, finite
from qkdflow.models.topology import Topology
from qkdflow.models.weights import FloatArray, Weights
from qkdflow.sources import Reader, Source

if TYPE_CHECKING:
    from qkdflow.models.model import Model

_JOINED = "hints"  # the layer that puts logits and hints side by side


@dataclass(frozen=True)
class FeatureHint:
    """weight * mean squared difference between the teacher's layer and the student's behind an adapter, a 1x1
    convolution or a dense layer that is learned with it (Romero et al. 2015). The images must be of one size."""

    student: str  # names of layers
    teacher: str
    weight: float = 1.0


@dataclass(frozen=True)
class AttentionHint:
    """weight * mean squared difference of two attention maps, sums of squares over the channels of norm one
    (Zagoruyko & Komodakis 2017, section 3.1). The images must be of one size; channels may differ."""

    student: str  # names of layers
    teacher: str
    weight: float = 1.0


Hint = FeatureHint | AttentionHint
_HINTS: dict[str, type[FeatureHint] | type[AttentionHint]] = {"features": FeatureHint, "attention": AttentionHint}


def hint(text: str) -> Hint:
    """`features:STUDENT=TEACHER[@WEIGHT]` or `attention:...`, two layers' names. ConfigError for any other text."""
    found = re.fullmatch(rf"({'|'.join(_HINTS)}):([^=@]+)=([^=@]+)(?:@(\d*\.?\d+))?", text)
    if found is None:
        raise ConfigError(
            f"[--hint] must be features:LAYER=TEACHERS_LAYER[@WEIGHT] or attention:LAYER=TEACHERS_LAYER[@WEIGHT]; "
            f"got {text!r}"
        )
    kind, student, teacher, weight = found.groups()
    return _HINTS[kind](student, teacher, float(weight or 1.0))


@dataclass(frozen=True)
class Lesson:
    """Targets of every training sample, and the network that learns from them.

    With hints it is a twin of the model, whose outputs are logits and hints side by side; weights go over to it before
    each epoch and come back after.
    """

    model: Model
    student: Model
    targets: FloatArray | None
    core_hints: list[_core.Hint]

    def begin_epoch(self) -> None:
        if self.student is not self.model:
            copy_shared(self.model, self.student)

    def widths(self, by_name: Mapping[str, float]) -> list[float]:
        """What each tensor's numbers are multiplied with, in bits; 0 where nothing is said."""
        return [by_name.get(name, 0.0) for name in self.student.graph.param_names]

    def end_epoch(self) -> None:
        if self.student is not self.model:
            copy_shared(self.student, self.model)


def copy_shared(source: Model, target: Model) -> None:
    """Values and masks of the tensors that both have, by name and shape."""
    places = {name: i for i, name in enumerate(target.graph.param_names)}
    given, own = source.get_weights(), target.get_weights()
    values, masks = list(own.values), list(own.masks)
    for name, value, mask in zip(source.graph.param_names, given.values, given.masks, strict=True):
        if name in places and values[places[name]].shape == value.shape:
            values[places[name]], masks[places[name]] = value, mask
    target.set_weights(Weights(tuple(values), tuple(masks)))


def mean_logits(teachers: Sequence[Model], x: ArrayLike | Source) -> FloatArray:
    """The mean of several teachers' logits, (samples, classes): what a student learns from, to be computed once."""
    total = np.sum([t.logits(x) for t in teachers], axis=0, dtype=np.float64)
    return np.asarray(total / len(teachers), dtype=np.float32)


def lesson(
    model: Model,
    learnt: Samples,
    teacher: Model | Sequence[Model] | None,
    logits: ArrayLike | None,
    hints: Sequence[Hint],
    key: Key,
) -> Lesson:
    """What `fit` teaches. ConfigError for hints without one teacher, or between layers that cannot be compared."""
    teachers = [] if teacher is None else list(teacher) if isinstance(teacher, Sequence) else [teacher]
    if teacher is not None and not (teachers and all(hasattr(t, "logits") for t in teachers)):
        got = ", ".join(type(t).__name__ for t in teachers) or "none"
        got = f"{teacher!r}. Read a file with load_model" if isinstance(teacher, str) else got
        raise ConfigError(f"[fit] teacher must be a model or several; got {got}")
    if hints and len(teachers) != 1:
        raise ConfigError(f"[fit] hints need one teacher, a model and not its logits alone; got {len(teachers)}")
    x = learnt.source if isinstance(learnt, Reader) else learnt
    if hints and isinstance(learnt, Reader):
        raise ConfigError("[fit] hints need x in memory; got a source on the disk. Read it with np.asarray first")
    if teachers and logits is None:
        logits = mean_logits(teachers, x)
    targets = None if logits is None else finite(logits, "teacher")
    if not hints or targets is None:
        return Lesson(model, model, targets, [])
    columns, core_hints = [targets.reshape(len(x), -1)], []
    for hint in hints:
        inside = until(teachers[0], hint.teacher).logits(x)
        mine = _shape(model, hint.student)
        if isinstance(hint, AttentionHint) and len(mine) == 1:
            raise ConfigError(f"[{hint.student}] attention is a map over an image's pixels; a vector {mine} has none")
        if inside.shape[1:-1] != mine[:-1]:
            raise ConfigError(
                f"[{hint.student}] a hint needs images of one size; {hint.teacher} gives {inside.shape[1:]}, "
                f"{hint.student} {mine}"
            )
        pixels = math.prod(mine[:-1])
        if isinstance(hint, FeatureHint):
            columns.append(inside.reshape(len(x), -1))
            core_hints.append(_core.Hint("features", pixels, inside.shape[-1], hint.weight))
        else:
            columns.append(_core.attention_map(inside.reshape(len(x), pixels, -1)))
            core_hints.append(_core.Hint("attention", pixels, mine[-1], hint.weight))
    channels = [_shape(teachers[0], hint.teacher)[-1] for hint in hints]
    twin = _twin(model, hints, channels, key.fold("adapters"))
    return Lesson(model, twin, finite(np.concatenate(columns, axis=1), "teacher"), core_hints)


def until(model: Model, name: str) -> Model:
    """The part of a model that computes one layer's result, with its weights."""
    _shape(model, name)
    wanted, waiting = set(), [name]
    while waiting:
        layer = waiting.pop()
        if layer not in wanted:
            wanted.add(layer)
            waiting += model.inbound[layer]
    kept = [layer for layer in model.layers if layer.name in wanted and layer.name != name]
    last = next(layer for layer in model.layers if layer.name == name)
    if is_softmax(last):
        raise ConfigError(f"[{name}] a softmax is no layer to compare; take the one before")
    part = model.of(Topology((*kept, last), {n: model.inbound[n] for n in wanted}), f"{model.name}_{name}")
    copy_shared(model, part)
    return part


def _twin(model: Model, hints: Sequence[Hint], channels: Sequence[int], key: Key) -> Model:
    """The student with logits and the hints' layers, flat, as its outputs."""
    made, inbound = list(model.layers), dict(model.inbound)
    last = made[-1]
    if isinstance(last, (layers.Activation, layers.Softmax)) and is_softmax(last):
        made.pop()
        logits = inbound.pop(last.name)[0]
    else:
        made[-1] = replace(last, activation=None) if is_softmax(last) else last  # type: ignore[call-arg]
        logits = last.name
    joined = [logits]
    for i, (hint, width) in enumerate(zip(hints, channels, strict=True)):
        source, rank = hint.student, len(_shape(model, hint.student))
        if isinstance(hint, FeatureHint):
            name = f"{_JOINED}_adapter_{i}"
            adapter = layers.Conv2D(width, 1, name=name) if rank == 3 else layers.Dense(width, name=name)
            made.append(adapter)
            inbound[name] = (source,)
            source = name
        made.append(layers.Flatten(name=f"{_JOINED}_flatten_{i}"))
        inbound[f"{_JOINED}_flatten_{i}"] = (source,)
        joined.append(f"{_JOINED}_flatten_{i}")
    made.append(layers.Concatenate(name=_JOINED))
    inbound[_JOINED] = tuple(joined)
    return model.of(Topology(tuple(made), inbound), f"{model.name}_{_JOINED}", key)


def _shape(model: Model, name: str) -> tuple[int, ...]:
    for layer, stage in zip(model.layers, model.stages, strict=True):
        if layer.name == name:
            return stage.shape
    raise ConfigError(f"[{name}] {model.name} has no such layer; it has {', '.join(n.name for n in model.layers)}")
