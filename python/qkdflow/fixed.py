"""The frozen network: integers with a FixedPoint type each, a chain of dense layers and activations.

Notation: a tensor of real values v is held as codes c = v * 2^F, F its type's fraction bits.
A dense layer computes, exactly,  c_out = (c_in @ W) * 2^(F - F_in - F_w) + b * 2^(F - F_b).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow import _core, intervals
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError, DataError
from qkdflow.files import read_json, read_npz, write_json, write_npz

Codes = NDArray[np.int64]

FORMAT = "qkdflow.fixed/1"
ACTIVATIONS = ("linear", "relu")


def _need(ok: bool, where: str, message: str) -> None:
    if not ok:
        raise ConfigError(f"[{where}] {message}")


def _integers(values: Any, ndim: int, kind: FixedPoint, where: str, what: str) -> Codes:
    """A read-only int64 copy of `values`, all of them codes of type `kind`."""
    array = np.asarray(values)
    _need(array.dtype.kind in "iu", where, f"{what} must be integer codes; got dtype {array.dtype}")
    _need(array.ndim == ndim and array.size > 0, where, f"{what} must have {ndim} axes; got {array.shape}")
    low, high = int(array.min()), int(array.max())
    _need(
        kind.low_code <= low and high <= kind.high_code,
        where,
        f"{what} must be codes of {kind.ap_type} ({kind.low_code} to {kind.high_code}); got {low} to {high}",
    )
    copy = np.array(array, dtype=np.int64, order="C")
    copy.setflags(write=False)
    return copy


@dataclass(frozen=True, eq=False)
class FixedDense:
    """A fully connected layer of integers.

    weights: int64 codes (n_in, n_out) of `weight_type`; bias: int64 codes (n_out,) of `bias_type`;
    result_type: accumulator and result at once, exact (nothing rounds, nothing overflows).
    """

    kind: ClassVar[str] = "dense"
    name: str
    weights: Codes
    bias: Codes
    weight_type: FixedPoint
    bias_type: FixedPoint
    result_type: FixedPoint

    def __post_init__(self) -> None:
        where = f"FixedDense {self.name}"
        weights = _integers(self.weights, 2, self.weight_type, where, "weights (n_in, n_out)")
        bias = _integers(self.bias, 1, self.bias_type, where, "bias (n_out,)")
        _need(
            bias.shape[0] == weights.shape[1],
            where,
            f"bias must have one code an output ({weights.shape[1]}); got {bias.shape[0]}",
        )
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "bias", bias)

    def shifts(self, input_fraction: int) -> tuple[int, int]:
        """The left shifts that bring products and bias to the result's fraction bits."""
        fraction = self.result_type.fraction
        return fraction - input_fraction - self.weight_type.fraction, fraction - self.bias_type.fraction

    @property
    def parameters(self) -> int:
        return self.weights.size + self.bias.size

    @property
    def nonzero(self) -> int:
        return int(np.count_nonzero(self.weights) + np.count_nonzero(self.bias))


@dataclass(frozen=True, eq=False)
class FixedActivation:
    """A cast of the previous result to `result_type`; `relu` makes negative values 0 first."""

    kind: ClassVar[str] = "activation"
    name: str
    activation: str
    result_type: FixedPoint

    def __post_init__(self) -> None:
        _need(
            self.activation in ACTIVATIONS,
            f"FixedActivation {self.name}",
            f"activation must be one of {', '.join(ACTIVATIONS)}; got {self.activation!r}",
        )


FixedLayer = FixedDense | FixedActivation


@dataclass(frozen=True)
class Link:
    """A layer with what it receives: the type and the number of the previous tensor's elements."""

    layer: FixedLayer
    input_type: FixedPoint
    n_in: int
    n_out: int


@dataclass(frozen=True, eq=False)
class FixedModel:
    """A frozen network: raw counts in (codes of `input_type`), logits out (codes of `output_type`).

    Raises ConfigError unless the layers fit each other and every dense result holds, exactly, whatever codes
    of the input type may produce. Two models are the same when their `digest` is.
    """

    name: str
    input_shape: tuple[int, ...]
    input_type: FixedPoint
    layers: tuple[FixedLayer, ...]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", tuple(int(n) for n in self.input_shape))
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "class_names", tuple(str(c) for c in self.class_names))
        where = f"FixedModel {self.name}"
        _need(
            len(self.input_shape) == 1 and self.input_shape[0] >= 1,
            where,
            f"a chain of dense layers takes inputs of one axis; got shape {self.input_shape}",
        )
        _need(len(self.layers) > 0, where, "at least one layer is required; got none")
        names = [layer.name for layer in self.layers]
        _need(all(names), where, "every layer needs a name; got an empty one")
        _need(len(set(names)) == len(names), where, f"layer names must differ; got {', '.join(names)}")
        _check_ranges(self)
        _need(
            len(self.class_names) == self.outputs,
            where,
            f"one class name a logit is required ({self.outputs}); got {len(self.class_names)}",
        )

    @property
    def links(self) -> tuple[Link, ...]:
        """The layers in order, each with its input's type and size."""
        links: list[Link] = []
        kind, size = self.input_type, self.input_shape[0]
        for layer in self.layers:
            n_out = layer.weights.shape[1] if isinstance(layer, FixedDense) else size
            links.append(Link(layer, kind, size, n_out))
            kind, size = layer.result_type, n_out
        return tuple(links)

    @property
    def dense(self) -> tuple[FixedDense, ...]:
        return tuple(layer for layer in self.layers if isinstance(layer, FixedDense))

    @property
    def outputs(self) -> int:
        return self.links[-1].n_out

    @property
    def output_type(self) -> FixedPoint:
        return self.layers[-1].result_type

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(layer.parameters for layer in self.dense)

    @property
    def nonzero(self) -> int:
        """Weights and biases that are not zero."""
        return sum(layer.nonzero for layer in self.dense)

    @property
    def sparsity(self) -> float:
        """Zero kernel integers over kernel integers; biases count in neither."""
        kernels = sum(layer.weights.size for layer in self.dense)
        zeros = sum(layer.weights.size - int(np.count_nonzero(layer.weights)) for layer in self.dense)
        return zeros / kernels if kernels else 0.0

    @property
    def bits(self) -> int:
        """The widest kernel, in bits; 0 without a kernel."""
        return max((layer.weight_type.bits for layer in self.dense), default=0)

    @property
    def size_bits(self) -> int:
        """Storage of weights and biases at their types' widths, zeros included."""
        return sum(
            layer.weights.size * layer.weight_type.bits + layer.bias.size * layer.bias_type.bits for layer in self.dense
        )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything the model is."""
        sha = hashlib.sha256(json.dumps(_description(self), sort_keys=True).encode())
        for key, codes in _arrays(self).items():
            sha.update(key.encode() + codes.astype("<i8").tobytes())
        return sha.hexdigest()

    @cached_property
    def emulator(self) -> _core.Emulator:
        """The C++ engine's integer network with these layers."""
        return _core.Emulator(self.input_shape[0], self.input_type, [_core_layer(layer) for layer in self.layers])

    def run(self, codes: Codes) -> Codes:
        """Logit codes, int64 (n, outputs), of input codes, int64 (n, *input_shape), by integers alone."""
        return self.emulator.run(np.ascontiguousarray(codes, dtype=np.int64))

    def predict(self, x: ArrayLike) -> NDArray[np.float64]:
        """Logits, float64 (n, outputs), of raw inputs (n, *input_shape)."""
        return self.output_type.decode(self.run(self.input_type.encode(np.asarray(x, dtype=np.float64))))

    def trace(self, x: ArrayLike) -> dict[str, NDArray[np.float64]]:
        """Every layer's result by name, float64 (n, width), for raw inputs (n, *input_shape)."""
        codes = self.emulator.trace(self.input_type.encode(np.asarray(x, dtype=np.float64)))
        return {layer.name: layer.result_type.decode(c) for layer, c in zip(self.layers, codes, strict=True)}

    def save(self, directory: str | Path) -> None:
        """Write model.json and model.npz (same model, same bytes)."""
        write_json(Path(directory) / "model.json", _description(self))
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
                input_type=FixedPoint(**meta["input_type"]),
                layers=tuple(_layer(entry, arrays) for entry in meta["layers"]),
                class_names=tuple(meta["class_names"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"[{json_path.parent}] a saved fixed-point model is required; {error}") from error


def _check_ranges(model: FixedModel) -> None:
    """Follow the interval of codes that each element can take; every dense result must contain its own."""
    interval = intervals.whole(model.input_type, model.input_shape[0])
    for link in model.links:
        layer, kind, fraction = link.layer, link.layer.result_type, link.input_type.fraction
        where = f"{type(layer).__name__} {layer.name}"
        if isinstance(layer, FixedActivation):
            _need(
                abs(fraction - kind.fraction) <= 63,
                where,
                f"types must be less than 64 bits apart; got {link.input_type.ap_type} to {kind.ap_type}",
            )
            interval = intervals.cast(kind, fraction, layer.activation == "relu", interval)
            continue
        _need(
            layer.weights.shape[0] == link.n_in,
            where,
            f"weights must have one row an input ({link.n_in}); got {layer.weights.shape[0]}",
        )
        exact = max(fraction + layer.weight_type.fraction, layer.bias_type.fraction)
        _need(
            kind.fraction == exact,
            where,
            f"result_type must have {exact} fraction bits, so that nothing rounds; got {kind.ap_type}",
        )
        interval = intervals.dense(layer.weights, layer.bias, layer.shifts(fraction), interval)
        smallest, largest = min(interval[0]), max(interval[1])
        _need(
            kind.low_code <= smallest and largest <= kind.high_code,
            where,
            f"result_type {kind.ap_type} must hold every sum ({smallest} to {largest}); "
            f"its codes are {kind.low_code} to {kind.high_code}",
        )


def _core_layer(layer: FixedLayer) -> _core.FixedDense | _core.FixedActivation:
    if isinstance(layer, FixedActivation):
        return _core.FixedActivation(layer.name, layer.activation == "relu", layer.result_type)
    types = layer.weight_type, layer.bias_type, layer.result_type
    return _core.FixedDense(layer.name, layer.weights, layer.bias, *types)


def _description(model: FixedModel) -> dict[str, Any]:
    """The JSON part of a saved model."""
    layers: list[dict[str, Any]] = []
    for layer in model.layers:
        entry: dict[str, Any] = {"kind": layer.kind, "name": layer.name}
        if isinstance(layer, FixedDense):
            entry["weight_type"] = layer.weight_type.to_dict()
            entry["bias_type"] = layer.bias_type.to_dict()
        else:
            entry["activation"] = layer.activation
        layers.append({**entry, "result_type": layer.result_type.to_dict()})
    return {
        "format": FORMAT,
        "name": model.name,
        "input_shape": list(model.input_shape),
        "input_type": model.input_type.to_dict(),
        "class_names": list(model.class_names),
        "layers": layers,
    }


def _arrays(model: FixedModel) -> dict[str, Codes]:
    """The NPZ part of a saved model: NAME.weights and NAME.bias of each dense layer."""
    arrays: dict[str, Codes] = {}
    for layer in model.dense:
        arrays[f"{layer.name}.weights"], arrays[f"{layer.name}.bias"] = layer.weights, layer.bias
    return arrays


def _layer(entry: dict[str, Any], arrays: Any) -> FixedLayer:
    name, result_type = entry["name"], FixedPoint(**entry["result_type"])
    if entry["kind"] == "activation":
        return FixedActivation(name, entry["activation"], result_type)
    if entry["kind"] != "dense":
        raise DataError(f"[{name}] kind must be dense or activation; got {entry['kind']!r}")
    return FixedDense(
        name=name,
        weights=arrays[f"{name}.weights"],
        bias=arrays[f"{name}.bias"],
        weight_type=FixedPoint(**entry["weight_type"]),
        bias_type=FixedPoint(**entry["bias_type"]),
        result_type=result_type,
    )
