"""Sequential: a chain of layers with Keras's fit, evaluate, predict, summary and save.

The engine's graph ends on logits. Where the last layer is Activation("softmax"), `predict` applies it; `logits`
never does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow import _core, layers, optimizers
from qkdflow._core import Key
from qkdflow.callbacks import Callback, FitState, Logs
from qkdflow.errors import ConfigError, DataError
from qkdflow.files import read_json, read_npz, write_json, write_npz
from qkdflow.sparsity import PruningSchedule

FloatArray = NDArray[np.float32]
FORMAT = "qkdflow.model/1"
LOSSES = ("sparse_categorical_crossentropy", "categorical_crossentropy")


@dataclass(frozen=True)
class Weights:
    """A model's latent parameters and masks, tensor by tensor."""

    values: tuple[FloatArray, ...]
    masks: tuple[FloatArray | None, ...]


@dataclass(frozen=True)
class History:
    """history[metric] is a list with one value an epoch: loss, accuracy, val_loss, val_accuracy, learning_rate."""

    history: dict[str, list[float]]

    @property
    def epochs(self) -> int:
        return len(self.history.get("loss", []))


class Sequential:
    """A chain of layers.

    The first layer must be an Input. Names are given where they are missing (dense, dense_1, ...). `key` draws the
    initial weights: same layers and key, same weights.
    """

    def __init__(self, layers: Sequence[layers.Layer], name: str = "sequential", key: Key | int = 0) -> None:
        self.name = name
        self.layers = _named(layers)
        self.pruning_schedule: PruningSchedule | None = None
        self.optimizer: optimizers.Optimizer = optimizers.Adam()
        self.steps = 0  # of optimiser, since compile: where a pruning schedule goes on in the next fit
        self.graph, self._stages = _graph(self.layers)
        self.graph.initialize(_key(key))

    def __repr__(self) -> str:
        return f"Sequential({self.name}: {self.input_shape} to {self.output_shape}, {self.count_params()} parameters)"

    @property
    def input(self) -> layers.Input:
        return _first(self.layers)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.graph.input_shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        return self.graph.output_shape

    @property
    def has_softmax(self) -> bool:
        return _is_softmax(self.layers[-1])

    def count_params(self) -> int:
        """Kernels and biases."""
        return self.graph.count_params

    def compile(
        self,
        optimizer: optimizers.Optimizer | str = "adam",
        loss: str = "sparse_categorical_crossentropy",
        metrics: Sequence[str] = ("accuracy",),
    ) -> None:
        """The loss is softmax cross-entropy on logits (labels or one-hot rows alike), the metric is accuracy."""
        if loss not in LOSSES:
            raise ConfigError(f"[compile] loss must be one of {', '.join(LOSSES)}; got {loss!r}")
        if set(metrics) - {"accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy"}:
            raise ConfigError(f"[compile] the metric is accuracy; got {list(metrics)}")
        self.optimizer = optimizers.get(optimizer)
        self.steps = 0

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        batch_size: int = 32,
        epochs: int = 1,
        validation_data: tuple[ArrayLike, ArrayLike] | None = None,
        callbacks: Sequence[Callback] = (),
        *,
        teacher: Sequential | None = None,
        teacher_logits: ArrayLike | None = None,
        temperature: float = 4.0,
        alpha: float = 0.1,
        key: Key | int = 0,
    ) -> History:
        """Trains; returns the history. x (samples, *input_shape) raw, y labels (samples,) or one-hot rows.

        With a teacher (a model, or its logits (samples, classes) computed before) the loss is
        alpha * CE + (1 - alpha) * T^2 * KL(softmax(teacher / T) || softmax(logits / T)), Hinton et al. 2015.
        A pruning schedule goes on where the last fit ended; the optimiser's moments start anew.
        `key` orders the samples: same data, model and key, same bits. Ctrl-C raises KeyboardInterrupt; the model
        keeps what it has learnt. ValueError (DataError) for arrays that do not fit.
        """
        x = _inputs(x, "x", self.input_shape)
        y = self._labels(y, "y", len(x))
        if teacher is not None:
            teacher_logits = teacher.logits(x)
        logits = None if teacher_logits is None else np.ascontiguousarray(teacher_logits, dtype=np.float32)
        valid = None
        if validation_data is not None:
            x_valid = _inputs(validation_data[0], "validation x", self.input_shape)
            valid = x_valid, self._labels(validation_data[1], "validation y", len(x_valid))
        trainer = _core.Trainer(
            self.graph,
            x,
            y,
            logits,
            optimizers.core_name(self.optimizer),
            self.optimizer.options(),
            batch_size,
            _key(key),
            None if logits is None else (alpha, temperature),
            None if self.pruning_schedule is None else self.pruning_schedule.core(),
            self.steps,
        )
        return self._epochs(trainer, epochs, valid, callbacks)

    def _epochs(
        self,
        trainer: _core.Trainer,
        epochs: int,
        valid: tuple[FloatArray, NDArray[np.int32]] | None,
        callbacks: Sequence[Callback],
    ) -> History:
        history: dict[str, list[float]] = {}
        state = FitState(self.optimizer.learning_rate)
        for callback in callbacks:
            callback.on_train_begin(self, state)
        for epoch in range(epochs):
            rate = state.learning_rate
            loss, accuracy = trainer.epoch(epoch, rate)
            self.steps = trainer.steps
            logs: Logs = {"loss": loss, "accuracy": accuracy}
            if valid is not None:
                logs["val_loss"], logs["val_accuracy"] = _core.evaluate(self.graph, *valid)
            logs["learning_rate"] = rate
            for name, value in logs.items():
                history.setdefault(name, []).append(value)
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs, self, state)
            if state.stop:
                break
        for callback in callbacks:
            callback.on_train_end(self, state)
        return History(history)

    def logits(self, x: ArrayLike) -> FloatArray:
        """The network's last numbers before any softmax, float32 (samples, classes)."""
        return self.graph.predict(_inputs(x, "x", self.input_shape))

    def predict(self, x: ArrayLike) -> FloatArray:
        """Probabilities where the model ends in softmax, else logits; float32 (samples, classes)."""
        logits = self.logits(x)
        if not self.has_softmax:
            return logits
        e = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True), dtype=np.float32)

    def exact_logits(self, x: ArrayLike) -> NDArray[np.float64]:
        """The quantised network evaluated in float64 by its definition: the reference for the frozen integers."""
        return self.graph.evaluate(_inputs(x, "x", self.input_shape).astype(np.float64))

    def evaluate(self, x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
        """(mean cross-entropy, accuracy)."""
        x = _inputs(x, "x", self.input_shape)
        return _core.evaluate(self.graph, x, self._labels(y, "y", len(x)))

    def _labels(self, y: ArrayLike, name: str, samples: int) -> NDArray[np.int32]:
        """Labels 0 .. classes-1, int32 (samples,), of labels or one-hot rows."""
        array, classes = np.asarray(y), self.output_shape[-1]
        if array.ndim == 2 and array.shape[1] == classes > 1:
            array = array.argmax(axis=1)
        array = array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
        if array.shape != (samples,):
            raise DataError(
                f"[{name}] must hold {samples} labels, or rows of {classes}, one a row of x; got {np.asarray(y).shape}"
            )
        whole = array.dtype.kind in "biu" or bool(np.all(array == np.rint(array)))
        if not whole or array.min() < 0 or array.max() >= classes:
            raise DataError(
                f"[{name}] labels must be 0 to {classes - 1} for a network of {classes} outputs; got others"
            )
        return np.ascontiguousarray(array, dtype=np.int32)

    def get_weights(self) -> Weights:
        """Copies of all parameters and masks."""
        n = range(len(self.graph.param_names))
        return Weights(tuple(self.graph.value(i) for i in n), tuple(self.graph.mask(i) for i in n))

    def set_weights(self, weights: Weights) -> None:
        """Takes what get_weights gave. ValueError where a shape differs."""
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

    def summary(self) -> str:
        """A table of layers, shapes and parameters; printed, and returned."""
        rows = [("Layer", "Output shape", "Params")]
        for layer, (shape, params) in zip(self.layers, self._stages, strict=True):
            rows.append(
                (
                    f"{layer.name} ({type(layer).__name__})",
                    str(("batch", *shape)).replace("'", ""),
                    str(params),
                )
            )
        widths = [max(len(r[c]) for r in rows) for c in range(3)]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)).rstrip() for r in rows]
        lines.insert(1, "-" * max(map(len, lines)))
        text = "\n".join([f"Model: {self.name}", *lines, f"Total params: {self.count_params()}"])
        print(text)
        return text

    def save(self, directory: str | Path) -> None:
        """Writes model.json and model.npz (latent parameters and masks); same model, same bytes."""
        weights = self.get_weights()
        arrays = {}
        for name, value, mask in zip(self.graph.param_names, weights.values, weights.masks, strict=True):
            arrays[f"value/{name}"] = value
            if mask is not None:
                arrays[f"mask/{name}"] = mask
        config = {"format": FORMAT, "name": self.name, "layers": [layer.config() for layer in self.layers]}
        write_json(Path(directory) / "model.json", config)
        write_npz(Path(directory) / "model.npz", arrays)

    def _repr_html_(self) -> str:
        from qkdflow.report.html import table

        rows = [(a.name, type(a).__name__, str(s), str(p)) for a, (s, p) in zip(self.layers, self._stages, strict=True)]
        return str(table(("layer", "class", "output shape", "parameters"), rows, numeric=(3,)))


def load_model(directory: str | Path) -> Sequential:
    """The model that `save` wrote. DataError, naming the file, where it is damaged or of another kind."""
    path = Path(directory)
    config = read_json(path / "model.json")
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise DataError(f"[{path / 'model.json'}] must be a {FORMAT} file, as Sequential.save writes it")
    try:
        model = Sequential([layers.from_config(c) for c in config["layers"]], config["name"])
        arrays = read_npz(path / "model.npz")
        names = model.graph.param_names
        values = tuple(np.ascontiguousarray(arrays[f"value/{n}"], dtype=np.float32) for n in names)
        masks = tuple(arrays.get(f"mask/{n}") for n in names)
        model.set_weights(Weights(values, masks))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"[{path}] does not hold a whole model: {error}") from error
    return model


def _key(key: Key | int) -> Key:
    return Key(key) if isinstance(key, int) else key


def _is_softmax(layer: layers.Layer) -> bool:
    """Activation("softmax"), or Dense(..., activation="softmax")."""
    return getattr(layer, "activation", None) == "softmax"


def _first(chain: Sequence[layers.Layer]) -> layers.Input:
    first = chain[0] if chain else None
    if not isinstance(first, layers.Input):
        raise ConfigError("[Sequential] the first layer must be an Input(shape=...)")
    return first


def _named(chain: Sequence[layers.Layer]) -> tuple[layers.Layer, ...]:
    used = {layer.name for layer in chain if layer.name}
    named = []
    for layer in chain:
        name, n = layer.name or layer.base_name, 0
        while not layer.name and name in used:
            n += 1
            name = f"{layer.base_name}_{n}"
        used.add(name)
        named.append(layer if layer.name else replace(layer, name=name))
    return tuple(named)


def _graph(chain: tuple[layers.Layer, ...]) -> tuple[_core.Graph, list[tuple[tuple[int, ...], int]]]:
    """The engine's graph, and each layer's output shape and number of parameters."""
    source = _first(chain).shape
    core: list[_core.Layer] = []
    ends: list[int] = []
    shape = source
    for i, layer in enumerate(chain):
        if _is_softmax(layer) and i != len(chain) - 1:
            raise ConfigError(f"[{layer.name}] softmax must be the last layer")
        core += layer.core(shape)
        if core:
            shape = _core.Graph(source, core).output_shape
        ends.append(len(core))
    if not core:
        raise ConfigError("[Sequential] a model needs a layer after its Input")
    graph = _core.Graph(source, core)
    stages, before = [], 0
    for end in ends:
        shape = graph.layer_shape(end - 1) if end else source
        params = _core.Graph(source, core[:end]).count_params if end else 0
        stages.append((shape, params - before))
        before = params
    return graph, stages


def _inputs(x: ArrayLike, name: str, shape: tuple[int, ...]) -> FloatArray:
    array = np.ascontiguousarray(x, dtype=np.float32)
    if array.shape[1:] != shape or array.ndim == 0:
        raise DataError(f"[{name}] must be (samples, {', '.join(map(str, shape))}); got {array.shape}")
    if len(array) == 0:
        raise DataError(f"[{name}] holds no sample")
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.argwhere(~finite)[0][0])
        raise DataError(f"[{name}] must be finite numbers; got NaN or infinity in row {row}")
    return array
