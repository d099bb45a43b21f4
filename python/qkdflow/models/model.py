"""Model and Sequential."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow import _core, optimizers
from qkdflow._core import Key
from qkdflow.callbacks import Callback
from qkdflow.cards import card, grid
from qkdflow.errors import ConfigError
from qkdflow.fitted import whole
from qkdflow.layers import Input, Layer, Tensor
from qkdflow.layers.activations import is_softmax
from qkdflow.models import saving, training
from qkdflow.models.arguments import check, need_vector, validation_pair
from qkdflow.models.arrays import Samples, evaluated, inputs, labels, predicted, samples
from qkdflow.models.teaching import Hint, lesson
from qkdflow.models.topology import Topology, between, build, chain, count
from qkdflow.models.training import Augmentation, History
from qkdflow.models.weights import FloatArray, Weights
from qkdflow.sources import Source
from qkdflow.sparsity import PruningRule, core_rules

LOSSES = ("sparse_categorical_crossentropy", "categorical_crossentropy")
METRICS = {"accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy"}


class Model:
    """What lies between an Input and a tensor: `x = Input((8,)); y = Dense(2)(x); Model(x, y)`.

    One input, one output; branches and merges between them. Names are given where they are missing (dense, dense_1,
    ...). `key` draws the initial weights: same layers and key, same weights. The engine's graph ends on logits: where
    the last layer is a softmax, `predict` applies it, `logits` never does.
    """

    def __init__(
        self, inputs: Layer | Tensor, outputs: Layer | Tensor, name: str = "model", key: Key | int = 0
    ) -> None:
        self._build(between(inputs, outputs), name, key)

    @classmethod
    def of(cls, topology: Topology, name: str = "model", key: Key | int = 0) -> Model:
        """The model of layers whose names and sources are known."""
        model = cls.__new__(cls)
        model._build(topology, name, key)
        return model

    def _build(self, topology: Topology, name: str, key: Key | int) -> None:
        self.name = name
        self.layers = topology.layers
        self.inbound = topology.inbound
        self.pruning: tuple[PruningRule, ...] = ()  # what prune_low_magnitude asks for
        self.optimizer: optimizers.Optimizer = optimizers.Adam()
        self.steps = 0  # of optimiser, since compile: where a pruning schedule goes on in the next fit
        self.graph, self.stages = build(topology)
        self.graph.initialize(_key(key))

    def __repr__(self) -> str:
        size = f"{self.input_shape} to {self.output_shape}, {self.count_params()} parameters"
        return f"{type(self).__name__}({self.name}: {size})"

    @property
    def input(self) -> Input:
        """The layer that says what a sample looks like."""
        return next(layer for layer in self.layers if isinstance(layer, Input))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one sample."""
        return self.graph.input_shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of one sample's logits."""
        return self.graph.output_shape

    @property
    def has_softmax(self) -> bool:
        """Whether `predict` gives probabilities."""
        return is_softmax(self.layers[-1])

    def count_params(self) -> int:
        """All numbers: kernels, biases, and moving statistics, as Keras counts."""
        return self.graph.count_params

    def compile(
        self,
        optimizer: optimizers.Optimizer | str = "adam",
        loss: str = "sparse_categorical_crossentropy",
        metrics: Sequence[str] = ("accuracy",),
    ) -> None:
        """The loss is softmax cross-entropy on logits (labels or one-hot rows alike), the metric is accuracy.

        Without it, `fit` trains with Adam(1e-3). It is no part of a saved model. ConfigError for others, and for an
        optimiser that is not known.
        """
        if loss not in LOSSES:
            raise ConfigError(f"[compile] loss must be one of {', '.join(LOSSES)}; got {loss!r}")
        if isinstance(metrics, str) or set(metrics) - METRICS:
            raise ConfigError(f"[compile] metrics must be ['accuracy'], the one there is; got {metrics!r}")
        self.optimizer = optimizers.get(optimizer)
        self.steps = 0

    def fit(
        self,
        x: ArrayLike | Source,
        y: ArrayLike | None = None,
        batch_size: int = 32,
        epochs: int = 1,
        validation_data: tuple[ArrayLike | Source, ArrayLike | None] | Source | None = None,
        callbacks: Sequence[Callback] | None = None,
        *,
        teacher: Model | Sequence[Model] | None = None,
        teacher_logits: ArrayLike | None = None,
        temperature: float = 4.0,
        alpha: float = 0.1,
        distillation: str = "logits",
        hints: Sequence[Hint] = (),
        class_weight: Mapping[int, float] | None = None,
        label_smoothing: float = 0.0,
        augmentation: Augmentation | None = None,
        bit_widths: Mapping[str, float] | None = None,
        initial_epoch: int = 0,
        optimizer_state: dict[str, NDArray[np.float64]] | None = None,
        key: Key | int = 0,
    ) -> History:
        """Trains, with Adam(1e-3) where `compile` said nothing else; returns the history.

        x (samples, *input_shape) raw, y labels (samples,) or one-hot rows.

        x may stay on the disk: a `qkdflow.sources.Source` (its labels serve where y is None), np.load's memory map, an
        h5py dataset. A thread reads its batches ahead; same data, same bits as in memory.
        With a teacher (a model, several whose logits' mean teaches, or logits (samples, classes) computed before) the
        loss is alpha * CE + (1 - alpha) * T^2 * KL(softmax(teacher / T) || softmax(logits / T)), Hinton et al. 2015.
        `distillation` puts another term in place of T^2 * KL: "logits_mse", the logits' mean squared difference;
        "probabilities", the squared distance of the two softmaxes at T; "reference", the published code's softmax of
        softmaxes without T^2, which hardly teaches (for comparison). `hints` compare the teacher's inside too. With an
        `augmentation` of images the teacher's logits stay those of the images as they are.
        `class_weight` gives classes (0, 1, ...) a weight, 1 where it names none; `label_smoothing` moves that share of
        each label to all classes. The loss holds the layers' regularisers, which validation leaves out.
        `bit_widths` says what kernels with learned bits are multiplied with (see `ebops.fit_to_budget`).
        A pruning schedule goes on where the last fit ended; the optimiser's moments start anew, unless
        `optimizer_state` has them (tensors that it does not name start anew): it is left as they are after.
        Epochs count from `initial_epoch` to `epochs`, as Keras has it.
        `key` orders the samples: same data, model and key, same bits. Ctrl-C raises KeyboardInterrupt; the model
        keeps what it has learnt. ValueError (DataError) for arrays that do not fit; ConfigError where the output is no
        vector of logits, and for arguments that are not as said here.
        """
        batch_size = whole(batch_size, "fit", "batch_size", 1)
        epochs = whole(epochs, "fit", "epochs", 0)
        callbacks = () if callbacks is None else callbacks
        check(self, callbacks, augmentation, bit_widths, optimizer_state)
        learnt = samples(x, "x", self.input_shape)
        y = self._labels(y, "y", learnt)
        told = lesson(self, learnt, teacher, teacher_logits, hints, _key(key))
        valid = None
        if validation_data is not None:
            unseen, classes = validation_pair(validation_data)
            x_valid = samples(unseen, "validation x", self.input_shape)
            valid = x_valid, self._labels(classes, "validation y", x_valid)
        change = augmentation or Augmentation()
        trainer = _core.Trainer(
            told.student.graph,
            learnt,
            y,
            told.targets,
            optimizers.core_name(self.optimizer),
            self.optimizer.options(),
            batch_size,
            _key(key),
            None if told.targets is None else _core.Distillation(alpha, temperature, distillation),
            core_rules(self),
            self.steps,
            _class_weights(class_weight, self.output_shape[-1]),
            label_smoothing,
            change.flip,
            change.crop,
            told.core_hints,
        )
        if optimizer_state is not None:
            trainer.set_optimizer_state(optimizer_state)
        data = training.Set(learnt, batch_size)
        history = training.epochs(self, told, trainer, epochs, data, valid, callbacks, bit_widths, initial_epoch)
        if optimizer_state is not None:
            optimizer_state.clear()
            optimizer_state.update(trainer.optimizer_state())
        return history

    def _labels(self, y: ArrayLike | None, name: str, x: Samples) -> NDArray[np.int32]:
        need_vector(self)
        return labels(y, name, x, self.output_shape[-1])

    def logits(self, x: ArrayLike | Source) -> FloatArray:
        """The network's last numbers before any softmax, float32 (samples, classes)."""
        return predicted(self.graph, samples(x, "x", self.input_shape))

    def predict(self, x: ArrayLike | Source) -> FloatArray:
        """Probabilities where the model ends in softmax, else logits; float32 (samples, classes)."""
        logits = self.logits(x)
        if not self.has_softmax:
            return logits
        e = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True), dtype=np.float32)

    def exact_logits(self, x: ArrayLike) -> NDArray[np.float64]:
        """Logits, float64 (n, classes), of raw x (n, *input_shape) by the network's definition, quantisers and all.

        The reference for the frozen integers.
        """
        return self.graph.evaluate(inputs(x, "x", self.input_shape).astype(np.float64))

    def evaluate(self, x: ArrayLike | Source, y: ArrayLike | None = None) -> tuple[float, float]:
        """(mean cross-entropy, accuracy). ConfigError where the output is no vector, DataError as in `fit`."""
        seen = samples(x, "x", self.input_shape)
        return evaluated(self.graph, seen, self._labels(y, "y", seen))

    def get_weights(self) -> Weights:
        """Copies of all parameters and masks."""
        n = range(len(self.graph.param_names))
        return Weights(tuple(self.graph.value(i) for i in n), tuple(self.graph.mask(i) for i in n))

    def set_weights(self, weights: Weights) -> None:
        """Takes what get_weights gave. ValueError where a shape differs, naming the tensor; nothing is changed then."""
        shapes = [self.graph.param_shape(i) for i in range(len(self.graph.param_names))]
        if [v.shape for v in weights.values] != shapes:
            wanted = dict(zip(self.graph.param_names, shapes, strict=True))
            raise ConfigError(f"[{self.name}] tensors must be {wanted}; got {[v.shape for v in weights.values]}")
        for i, (value, mask) in enumerate(zip(weights.values, weights.masks, strict=True)):
            self.graph.set_mask(i, None)
            self.graph.set_value(i, value)
            self.graph.set_mask(i, mask)

    def parameter(self, name: str) -> tuple[FloatArray, FloatArray | None]:
        """(latent values, mask or None) of a tensor such as fc1/kernel. KeyError where there is none."""
        names = self.graph.param_names
        if name not in names:
            raise KeyError(f"[{self.name}] parameters are {', '.join(names)}; got {name!r}")
        i = names.index(name)
        return self.graph.value(i), self.graph.mask(i)

    def effective(self, name: str) -> FloatArray:
        """A tensor's values, of its own shape, as the network computes with them: quantised and masked. KeyError where
        there is none."""
        self.parameter(name)
        return self.graph.effective(self.graph.param_names.index(name))

    def summary(self) -> str:
        """A table of layers, shapes and parameters; printed, and returned."""
        rows = [("Layer", "Output shape", "Params", "Connected to"), *self._rows()]
        widths = [max(len(r[c]) for r in rows) for c in range(4)]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)).rstrip() for r in rows]
        lines.insert(1, "-" * max(map(len, lines)))
        text = "\n".join([f"Model: {self.name}", *lines, f"Total params: {self.count_params()}"])
        print(text)
        return text

    def _rows(self) -> list[tuple[str, str, str, str]]:
        chain = isinstance(self, Sequential)
        return [
            (
                f"{layer.name} ({type(layer).__name__})",
                str(("batch", *stage.shape)).replace("'", ""),
                str(count(self.graph, stage.params)),
                "" if chain else ", ".join(self.inbound[layer.name]),
            )
            for layer, stage in zip(self.layers, self.stages, strict=True)
        ]

    def save(self, directory: str | Path) -> None:
        """Writes model.json and model.npz (latent parameters and masks); same model, same bytes.

        The optimiser and a pruning schedule are not kept: compile and prune_low_magnitude again before the next fit.
        """
        saving.save(self, Path(directory))

    def _repr_html_(self) -> str:
        rows = [
            (layer.name, type(layer).__name__, str(stage.shape), f"{count(self.graph, stage.params):,}")
            for layer, stage in zip(self.layers, self.stages, strict=True)
        ]
        about = f"{self.input_shape} to {self.output_shape}, {self.count_params():,} parameters"
        table = grid(("layer", "class", "output shape", "parameters"), rows, numeric=(3,))
        return card(f"{type(self).__name__} {self.name}", about, table)


class Sequential(Model):
    """A chain of layers. The first must be an Input."""

    def __init__(self, layers: Sequence[Layer] = (), name: str = "sequential", key: Key | int = 0) -> None:
        self._build(chain(layers), name, key)


def _key(key: Key | int) -> Key:
    return key if isinstance(key, Key) else Key(key)


def _class_weights(given: Mapping[int, float] | None, classes: int) -> list[float] | None:
    if given is None:
        return None
    if set(given) - set(range(classes)):
        raise ConfigError(f"[class_weight] classes must be 0 to {classes - 1}; got {sorted(given)}")
    return [float(given.get(c, 1.0)) for c in range(classes)]
