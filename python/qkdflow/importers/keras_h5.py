"""Keras's .h5: structure and weights in one HDF5 file, or weights beside a .json."""

from __future__ import annotations

from pathlib import Path

from qkdflow.hdf5 import Hdf5, open_hdf5
from qkdflow.importers.input_type import described
from qkdflow.importers.keras_network import network, parse
from qkdflow.importers.keras_weights import NamedWeights, NumberedWeights, Weights
from qkdflow.importers.network import Network
from qkdflow.importers.shapes import Shape
from qkdflow.refusal import refusal


def read_h5(path: Path, input_shape: Shape | None = None) -> Network:
    """A whole model, or weights whose .json lies beside them."""
    with open_hdf5(path, str(path)) as file:
        config = file.text("model_config")
        if config is not None:
            version = file.text("keras_version") or file.text("keras_version", "model_weights") or "2"
            weights = NamedWeights(file, "model_weights")
            own_type = described(file.text("qkdflow"), str(path))
            return network(parse(config, str(path)), weights, str(path), version, input_shape, own_type)
    beside = _existing(path, json_names(path))
    if beside is None:
        names = ", ".join(json_names(path))
        raise refusal(str(path), f"there are weights alone: their structure is required beside them, as {names}")
    return read_json_beside(beside, path, input_shape)


def read_json(path: Path, input_shape: Shape | None = None) -> Network:
    """A structure whose weights lie beside it."""
    weights = _existing(path, weight_names(path))
    if weights is None:
        raise refusal(str(path), f"its weights are required beside it, as {', '.join(weight_names(path))}")
    return read_json_beside(path, weights, input_shape)


def read_json_beside(structure: Path, weights: Path, input_shape: Shape | None) -> Network:
    try:
        model = parse(structure.read_bytes(), str(structure))
    except OSError as error:
        raise refusal(str(structure), "a readable file is required", error.strerror) from error
    given = model if isinstance(model, dict) else {}
    version = str(given.get("keras_version") or ("3" if "module" in given else "2"))  # Keras 3 leaves it out
    with open_hdf5(weights, str(weights)) as file:
        return network(model, _weights(file), str(weights), version, input_shape)


def _weights(file: Hdf5) -> Weights:
    if file.has_attribute("layer_names"):
        return NamedWeights(file, "")
    if file.has("model_weights"):
        return NamedWeights(file, "model_weights")
    return NumberedWeights(file)


def json_names(weights: Path) -> list[str]:
    stem = weights.name.removesuffix(".h5")
    return [f"{s}.json" for s in dict.fromkeys((stem, stem.removesuffix("_weights"), stem.removesuffix(".weights")))]


def weight_names(structure: Path) -> list[str]:
    stem = structure.stem
    return [f"{stem}.h5", f"{stem}_weights.h5", f"{stem}.weights.h5"]


def _existing(path: Path, names: list[str]) -> Path | None:
    return next((path.with_name(n) for n in names if path.with_name(n).is_file()), None)
