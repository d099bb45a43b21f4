"""Ways to compress one network, as switches of one configuration, and what each of them leaves.

q: quantisation-aware training. p: magnitude pruning while it trains. kd: distillation. full: the three in one loop
(quantisation-aware pruning with knowledge distillation, the letter's). ptq: float32 training, then the quantisers'
ranges calibrated on the training part, the baseline that q has to beat. All variants have the same topology, initial
weights, samples and steps. How weights are pruned, what of the teacher is learnt and a budget of EBOPs are settings
beside the method.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow import layers, precision, recipe
from qkdflow._core import Distillation, Key
from qkdflow.callbacks import TerminateOnNaN, cosine_decay
from qkdflow.datasets import Dataset
from qkdflow.ebops import ebops, fit_to_budget
from qkdflow.errors import ConfigError, DataError
from qkdflow.fixed import FixedModel
from qkdflow.freeze import freeze
from qkdflow.hypermodels import power_of_two_scaling
from qkdflow.models import Model, Sequential
from qkdflow.models.teaching import hint
from qkdflow.models.topology import Topology
from qkdflow.optimizers import Adam
from qkdflow.recipe import Trained
from qkdflow.shrinking import shrink
from qkdflow.sparsity import Neurons, prune_low_magnitude, structure

SWITCHES = ("q", "p", "kd", "ptq")
METHODS = ("full", "q", "p", "kd", "q+p", "q+kd", "p+kd", "none", "ptq")
FLOAT_BITS = 32  # a number of a float network, stored


@dataclass(frozen=True)
class CompressionConfig:
    """How one network is compressed. `method` names switches: q, p, kd and ptq joined by +, or full, or none."""

    method: str = "full"
    sparsity: float = 0.5  # least share of zero kernel numbers, where p is on
    pruning: str = "layer"  # what goes together, where p is on: `sparsity.structure` has the words
    temperature: float = 2.0
    alpha: float = 0.5  # of the labels, where kd is on
    distillation: str = "logits"  # what is learnt of the teacher's logits: `fit` has the words
    hints: tuple[str, ...] = ()  # of the teacher's inside: `models.teaching.hint` has the words
    ebops: int | None = None  # where q is on: kernels' bits are learned too, towards so many EBOPs
    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 1e-2

    def __post_init__(self) -> None:
        words = self.method.split("+")
        fits = self.method in METHODS or (set(words) <= set(SWITCHES) and len(set(words)) == len(words))
        if not fits or (self.quantizes and self.calibrates):
            raise ConfigError(
                f"[--method] must be {', '.join(METHODS)}, or {', '.join(SWITCHES)} joined by +, q and ptq not "
                f"together; got {self.method!r}"
            )
        if not 0 < self.sparsity < 1:
            raise ConfigError(f"[--sparsity] must be above 0 and below 1; got {self.sparsity}")
        together, _ = structure(self.pruning)
        needed = together.final_sparsity()
        if self.prunes and needed is not None and not math.isclose(needed, self.sparsity):
            raise ConfigError(f"[--sparsity] must be {needed:g} where --pruning is {self.pruning}; got {self.sparsity}")
        try:
            Distillation(self.alpha, self.temperature, self.distillation)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        for text in self.hints:
            hint(text)
        if self.ebops is not None and self.ebops < 1:
            raise ConfigError(f"[--ebops] must be at least 1; got {self.ebops}")
        if self.epochs < 1 or self.batch_size < 1:
            raise ConfigError(
                f"[--epochs] epochs and batch_size must be positive; got {self.epochs}, {self.batch_size}"
            )

    def _has(self, switch: str) -> bool:
        return switch in self.method.split("+")

    @property
    def quantizes(self) -> bool:
        """Whether the student learns with its quantisers on."""
        return self.method == "full" or self._has("q")

    @property
    def prunes(self) -> bool:
        """Whether it is pruned while it learns."""
        return self.method == "full" or self._has("p")

    @property
    def distils(self) -> bool:
        """Whether a teacher teaches it."""
        return self.method == "full" or self._has("kd")

    @property
    def calibrates(self) -> bool:
        """Whether it is quantised after training, from calibration data."""
        return self._has("ptq")


@dataclass(frozen=True)
class Compressed:
    """One compressed network, its curves, and its integers where it is quantised."""

    config: CompressionConfig
    trained: Trained
    fixed: FixedModel | None

    @property
    def model(self) -> Model:
        """The trained student."""
        return self.trained.model

    def failing(self, data: Dataset) -> str | None:
        """Why it came to nothing; None: it did not."""
        return recipe.failing(self.trained, data)

    def _kernels(self) -> list[int]:
        return self.model.graph.prunable_params

    def facts(self, data: Dataset) -> dict[str, Any]:
        """Accuracies, counts, widths and sizes; of the frozen integers where there are some, else of float32."""
        fixed, widths = self.fixed, precision.widths(self.model)
        names, shapes = self.model.graph.param_names, self.model.graph.param_shape
        kernels = [self.model.effective(names[i]) for i in self._kernels()]
        zeros = sum(int(v.size - np.count_nonzero(v)) for v in kernels)
        stored = sum(math.prod(shapes(i)) * widths.get(n, FLOAT_BITS) for i, n in enumerate(names))
        predict = self.model.logits if fixed is None else fixed.predict
        return {
            "method": self.config.method,
            "failing": self.failing(data),
            "accuracy_valid": _accuracy(predict(data.valid.x), data.valid.y),
            "accuracy_test": _accuracy(predict(data.test.x), data.test.y),
            "parameters": fixed.parameters if fixed else self.model.count_params(),
            "sparsity": fixed.sparsity if fixed else zeros / sum(v.size for v in kernels),
            "bits": fixed.bits
            if fixed
            else max((widths.get(names[i], FLOAT_BITS) for i in self._kernels()), default=0),
            "size_bits": fixed.size_bits if fixed else stored,
            "ebops": sum(ebops(fixed).values()) if fixed else None,
            "epochs": self.config.epochs,
            "steps": self.trained.history.epochs * -(-len(data.train.x) // self.config.batch_size),
        }


def compress(
    student: Model,
    data: Dataset,
    teacher_logits: NDArray[np.float32] | None,
    config: CompressionConfig,
    key: Key,
    start: Model | None = None,
    teacher: Model | None = None,
) -> Compressed:
    """A new network of the quantised `student`'s topology, trained as `config` says; the student is left alone.

    teacher_logits (training samples, classes) are needed where kd is on, the `teacher` itself where there are hints.
    It begins with new weights, or with those of `start`, the same network in any precision, which is scaled as it is.
    ConfigError where logits, teacher or tensors are missing, DataError where the loss is no longer a number or a budget
    of EBOPs is not reached.
    """
    if config.distils and (teacher_logits is None or (config.hints and teacher is None)):
        raise ConfigError("[compress] distillation needs a teacher. Give --teacher, or leave kd out")
    if (config.quantizes or config.calibrates) and not precision.is_quantized(student):
        raise ConfigError(
            f"[compress] {config.method} needs a student with quantisers; {student.name} has none. "
            "precision.with_quantizers gives it some"
        )
    student = fitted_to(student, data, scales=start is None)
    own = key.fold("weights")
    budget = config.ebops if config.quantizes else None
    made = student if budget is None else precision.with_learned_bits(student)
    blank = precision.rebuilt(made, made.layers, own)
    model = blank if config.quantizes else precision.floated(student, own)
    if start is not None:
        precision.copy_weights(start, model)
    model.compile(Adam(config.learning_rate))
    together, scope = structure(config.pruning)
    if config.prunes:
        schedule = recipe.pruning(config.sparsity, config.epochs, data, config.batch_size)
        prune_low_magnitude(model, schedule, together, scope)
    teaching: dict[str, Any] = {}
    if config.distils:
        teaching = {
            "teacher": teacher,
            "teacher_logits": teacher_logits,
            "hints": [hint(text) for text in config.hints],
        }
        teaching |= {"temperature": config.temperature, "alpha": config.alpha, "distillation": config.distillation}
    name = f"compress, method {config.method}, key {key.value}"
    if budget is None:
        trained = recipe.fit(model, data, config.epochs, config.batch_size, key.fold("fit"), **teaching)
        recipe.finite(trained, name)
    else:
        trained = _fit_to_budget(model, data, budget, config, key.fold("fit"), name, **teaching)
    if config.calibrates:
        trained = replace(trained, model=precision.calibrated(blank, trained.model, data.train.x))
    if config.prunes and isinstance(together, Neurons):
        trained = replace(trained, model=shrink(trained.model))
    if not (config.quantizes or config.calibrates):
        return Compressed(config, trained, None)
    try:
        fixed = freeze(trained.model, data.class_names)
    except ConfigError:
        if start is None:  # a student that cannot be frozen is of no use
            raise
        fixed = None
    if budget is not None and fixed is not None and (found := sum(ebops(fixed).values())) > budget:
        raise DataError(
            f"[compress] kernels whose bits are not learned leave {found:,} EBOPs, of {budget:,} allowed. Raise "
            "--ebops, or give them quantized_bits with alpha=1"
        )
    return Compressed(config, trained, fixed)


def _fit_to_budget(
    model: Model, data: Dataset, target: int, config: CompressionConfig, key: Key, name: str, **teaching: Any
) -> Trained:
    epochs, callbacks = config.epochs, [cosine_decay(config.epochs), TerminateOnNaN()]
    begin = recipe.first_kept(epochs) if config.prunes else 0  # before, it is not pruned as far as it shall be
    history, budget = fit_to_budget(
        model, *data.train, target, config.batch_size, epochs, data.valid, callbacks, begin, key=key, **teaching
    )
    recipe.finite(Trained(model, history), name)
    if budget.best is None:
        pruned = f" from {begin + 1} on" if begin else ""
        raise DataError(
            f"[compress] no epoch{pruned} had {target:,} EBOPs or fewer; the last had {budget.history[-1]:,}. "
            f"Raise --ebops, --epochs or --learning-rate"
        )
    return Trained(model, history)


def compress_teacher(teacher: Model, data: Dataset, bits: int, config: CompressionConfig, key: Key) -> Compressed:
    """A trained float32 teacher of this data, compressed before it teaches: from its own weights on, in kernels and
    ReLUs of `bits` bits with calibrated ranges where q or ptq is on; where kd is on, it is its own teacher.

    `fixed` is None where its scaling is no power of two: such a teacher teaches, and is not frozen. DataError where
    what is left has nothing to teach.
    """
    logits = teacher.logits(data.train.x) if config.distils else None
    made = compress(precision.quantized(teacher, bits, data.train.x), data, logits, config, key, teacher)
    if (why := made.failing(data)) is not None:
        raise DataError(f"[--teacher-method {config.method}] {why}. Raise --teacher-bits, or lower --learning-rate")
    return made


def fitted_to(student: Model, data: Dataset, scales: bool = True) -> Model:
    """The student for raw counts: an Input of the data's type and, where it `scales` and has none, a power-of-two
    scaling.

    ConfigError where it does not take the data's shape or give their classes.
    """
    if (student.input_shape, student.output_shape) != (data.shape, (data.classes,)):
        raise ConfigError(
            f"[compress] the student must take {data.shape} and give {data.classes} logits; "
            f"{student.name} takes {student.input_shape} and gives {student.output_shape}"
        )
    source = student.input
    if source.type is not None:
        return student
    typed = replace(source, type=data.input_type)
    made = [typed if layer is source else layer for layer in student.layers]
    inbound = dict(student.inbound)
    if scales and not any(isinstance(layer, layers.Rescaling) for layer in made):
        scaling = power_of_two_scaling(data)
        made.insert(1, scaling)
        inbound = {n: tuple(scaling.name if s == source.name else s for s in froms) for n, froms in inbound.items()}
        inbound[scaling.name] = (source.name,)
    if isinstance(student, Sequential):
        return Sequential(made, student.name)
    return Model.of(Topology(tuple(made), inbound), student.name)


def _accuracy(logits: NDArray[Any], y: NDArray[np.int64]) -> float:
    return float(np.mean(logits.argmax(axis=1) == y))
