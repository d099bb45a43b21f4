"""A frozen network as one value: its layers, its counts, its file, and the emulator that runs it."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError, DataError
from qkdflow.files import read_json, read_npz, write_json, write_npz
from qkdflow.fixed import files
from qkdflow.fixed.card import fixed_card
from qkdflow.fixed.layer import Codes, FixedLayer, need
from qkdflow.fixed.weighted import FixedDense, FixedScale, FixedWeighted
from qkdflow.limits import MOST_VALUES
from qkdflow.refusal import BROKEN, real_numbers

FORMAT = "qkdflow.fixed/1"
INPUT = "input"  # the name of the model's own input as a source
UNSIZED = FixedPoint(1, 1)  # a result type that is still to be found

AnyLayer = TypeVar("AnyLayer", bound=FixedLayer)


@dataclass(frozen=True)
class Link:
    """A layer with what it receives and gives: types, and shapes of one sample."""

    layer: FixedLayer
    input_types: tuple[FixedPoint, ...]
    input_shapes: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]

    @property
    def input_type(self) -> FixedPoint:
        """The first source's type."""
        return self.input_types[0]

    @property
    def n_in(self) -> int:
        """Numbers of the first source."""
        return math.prod(self.input_shapes[0])

    @property
    def n_out(self) -> int:
        """Numbers of the result."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False, repr=False)
class FixedModel:
    """A frozen network: raw counts in (codes of `input_type`), logits out (codes of `output_type`).

    Layers come in an order in which sources come first; the last one's result is the output. Raises ConfigError
    unless they fit each other and every sum holds, exactly, whatever codes of the input type may produce. Two
    models are the same when their `digest` is.
    """

    name: str
    input_shape: tuple[int, ...]
    input_type: FixedPoint
    layers: tuple[FixedLayer, ...]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", tuple(int(n) for n in self.input_shape))
        object.__setattr__(self, "layers", _with_inputs(tuple(self.layers)))
        object.__setattr__(self, "class_names", tuple(str(c) for c in self.class_names))
        where = f"FixedModel {self.name}"
        need(
            len(self.input_shape) >= 1 and all(n >= 1 for n in self.input_shape),
            where,
            f"an input of at least one axis is required; got shape {self.input_shape}",
        )
        size = math.prod(self.input_shape)
        need(size <= MOST_VALUES, where, f"an input of at most {MOST_VALUES:,} values is required; got {size:,}")
        need(len(self.layers) > 0, where, "at least one layer is required; got none")
        names = [layer.name for layer in self.layers]
        need(all(names), where, "every layer needs a name; got an empty one")
        need(len({INPUT, *names}) == len(names) + 1, where, f"layer names must differ; got {', '.join(names)}")
        need(len(self.emulator.shape(names[-1])) == 1, where, "the last layer must give one vector of logits")
        need(
            len(self.class_names) == self.outputs,
            where,
            f"one class name a logit is required ({self.outputs}); got {len(self.class_names)}",
        )

    def __repr__(self) -> str:
        size = f"{self.parameters} parameters, {self.bits} bits, {self.sparsity:.1%} zeros"
        return f"FixedModel({self.name}: {self.input_shape} to {self.outputs} logits, {size})"

    @cached_property
    def emulator(self) -> _core.Emulator:
        """The C++ engine's integer network with these layers."""
        emulator = _core.Emulator(self.input_shape, self.input_type)
        for layer in self.layers:
            append(emulator, layer)
        return emulator

    @property
    def links(self) -> tuple[Link, ...]:
        """The layers in order, each with its sources' types and shapes."""
        shape, kind = self.emulator.shape, self.emulator.type
        return tuple(
            Link(layer, tuple(map(kind, layer.inputs)), tuple(map(shape, layer.inputs)), shape(layer.name))
            for layer in self.layers
        )

    @property
    def dense(self) -> tuple[FixedDense, ...]:
        """The dense layers, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, FixedDense))

    @property
    def kernels(self) -> tuple[FixedWeighted, ...]:
        """Dense layers and convolutions: what a reuse factor folds. A GRU has kernels, but is not folded."""
        return tuple(
            layer for layer in self.layers if isinstance(layer, FixedWeighted) and not isinstance(layer, FixedScale)
        )

    @property
    def outputs(self) -> int:
        """How many numbers a sample gives: logits."""
        return self.emulator.shape(self.layers[-1].name)[-1]

    @property
    def output_type(self) -> FixedPoint:
        """The type of the last layer's results."""
        return self.layers[-1].result_type

    @property
    def parameters(self) -> int:
        """Weights and biases, scales and offsets."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def nonzero(self) -> int:
        """Parameters that are not zero."""
        return sum(layer.nonzero for layer in self.layers)

    @property
    def sparsity(self) -> float:
        """Zero kernel integers over kernel integers; biases count in neither."""
        kernels = [codes for layer in self.layers for codes, _ in layer.kernel_codes]
        size = sum(codes.size for codes in kernels)
        return (size - sum(int(np.count_nonzero(codes)) for codes in kernels)) / size if size else 0.0

    @property
    def bits(self) -> int:
        """The widest kernel, in bits; 0 without a kernel."""
        return max((kind.bits for layer in self.layers for _, kind in layer.kernel_codes), default=0)

    @property
    def size_bits(self) -> int:
        """Storage of the parameters at their types' widths, zeros included."""
        return sum(layer.size_bits for layer in self.layers)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything the model is."""
        sha = hashlib.sha256(json.dumps(_description(self), sort_keys=True).encode())
        for key, codes in _arrays(self).items():
            sha.update(key.encode() + codes.astype("<i8").tobytes())
        return sha.hexdigest()

    def run(self, codes: Codes) -> Codes:
        """Logit codes, int64 (n, outputs), of input codes, int64 (n, *input_shape), by integers alone."""
        return self.emulator.run(np.ascontiguousarray(codes, dtype=np.int64))

    def predict(self, x: ArrayLike) -> NDArray[np.float64]:
        """Logits, float64 (n, outputs), of raw inputs (n, *input_shape). DataError of what these are not."""
        return self.output_type.decode(self.run(self._encoded(x)))

    def _encoded(self, x: ArrayLike) -> Codes:
        raw = real_numbers(x, "x")
        if raw.ndim == 0 or raw.shape[1:] != self.input_shape:
            raise DataError(f"[x] must be (samples, {', '.join(map(str, self.input_shape))}); got {raw.shape}")
        return self.input_type.encode(raw.astype(np.float64, copy=False))

    def accuracy(self, x: ArrayLike, y: ArrayLike) -> float:
        """The share of raw inputs (n, *input_shape) whose largest logit is that of the label (n,).

        DataError unless there is one label a sample.
        """
        labels, found = np.asarray(y), self.predict(x).argmax(axis=1)
        if labels.shape != found.shape:
            raise DataError(f"[y] one label a sample is required: {found.shape}; got {labels.shape}")
        return float(np.mean(found == labels))

    def trace(self, x: ArrayLike) -> dict[str, NDArray[np.float64]]:
        """Every layer's result by name, float64 (n, *shape), for raw inputs (n, *input_shape)."""
        codes = self.emulator.trace(self._encoded(x))
        return {layer.name: layer.result_type.decode(codes[layer.name]) for layer in self.layers}

    def save(self, directory: str | Path) -> None:
        """Write model.json and model.npz (docs/formats.md); same model and versions, same bytes."""
        versions = {"qkdflow": version("qkdflow"), "numpy": np.__version__}
        write_json(Path(directory) / "model.json", {**_description(self), "versions": versions})
        write_npz(Path(directory) / "model.npz", _arrays(self))

    @classmethod
    def load(cls, directory: str | Path) -> FixedModel:
        """Read what `save` wrote. Raises DataError where a file is missing, damaged or of another format."""
        json_path = Path(directory) / "model.json"
        meta = read_json(json_path)
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            got = meta.get("format") if isinstance(meta, dict) else meta
            raise DataError(f"[{json_path}] format {FORMAT!r} is required; got {got!r}")
        arrays = read_npz(Path(directory) / "model.npz")
        try:
            return cls(
                name=meta["name"],
                input_shape=tuple(meta["input_shape"]),
                input_type=FixedPoint.from_dict(meta["input_type"]),
                layers=tuple(files.layer(entry, arrays) for entry in meta["layers"]),
                class_names=tuple(meta["class_names"]),
            )
        except BROKEN as error:
            raise DataError(f"[{json_path.parent}] a saved fixed-point model is required; {error}") from error

    def _repr_html_(self) -> str:
        return fixed_card(self)


def append(emulator: _core.Emulator, layer: FixedLayer) -> None:
    """Put a layer, its inputs named, on top of an emulator. Raises ConfigError where it does not fit."""
    need(
        len(layer.inputs) == layer.sources,
        layer.where,
        f"{layer.sources} inputs are required; got {', '.join(layer.inputs)}",
    )
    try:
        layer.check(tuple(emulator.shape(source) for source in layer.inputs))
        emulator.add(layer.core(), layer.inputs)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(str(error)) from error


def sized(emulator: _core.Emulator, layer: AnyLayer) -> AnyLayer:
    """The layer, its inputs named, with the smallest result type that holds exactly whatever it can give."""
    try:
        kind = emulator.exact_type(layer.core(), layer.inputs)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return replace(layer, result_type=kind)  # type: ignore[type-var]


def _with_inputs(layers: tuple[FixedLayer, ...]) -> tuple[FixedLayer, ...]:
    """Each layer with its sources named: the layer before it where it named none."""
    before = (INPUT, *(layer.name for layer in layers))
    return tuple(
        layer if layer.inputs else replace(layer, inputs=(source,))  # type: ignore[type-var]
        for layer, source in zip(layers, before, strict=False)
    )


def _description(model: FixedModel) -> dict[str, Any]:
    """The JSON part of a saved model."""
    before = (INPUT, *(layer.name for layer in model.layers))
    return {
        "format": FORMAT,
        "name": model.name,
        "input_shape": list(model.input_shape),
        "input_type": model.input_type.to_dict(),
        "class_names": list(model.class_names),
        "layers": [files.description(layer, source) for layer, source in zip(model.layers, before, strict=False)],
    }


def _arrays(model: FixedModel) -> dict[str, Codes]:
    """The NPZ part of a saved model: NAME.weights, NAME.bias and the like."""
    return {key: codes for layer in model.layers for key, codes in files.arrays(layer).items()}
