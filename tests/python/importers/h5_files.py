"""Keras's .h5 written by hand, so that a test can have any version, any layer and any damage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Layer = dict[str, Any]
Tensors = Mapping[str, Mapping[str, NDArray[Any]]]


def layer(class_name: str, name: str, **config: Any) -> Layer:
    return {"class_name": class_name, "config": {"name": name, **config}}


def dense(name: str, units: int, **config: Any) -> Layer:
    return layer("Dense", name, units=units, activation="linear", use_bias=True, **config)


def sequential(*layers: Layer, shape: Sequence[int | None] = (None, 3)) -> dict[str, Any]:
    first = {**layers[0], "config": {"batch_input_shape": list(shape), **layers[0]["config"]}}
    return {"class_name": "Sequential", "config": {"name": "net", "layers": [first, *layers[1:]]}}


def tensors_of(name: str, n: int, units: int, value: float = 0.5) -> dict[str, dict[str, NDArray[Any]]]:
    kernel = np.full((n, units), value, np.float32)
    return {name: {f"{name}/kernel:0": kernel, f"{name}/bias:0": np.arange(units, dtype=np.float32)}}


def write_h5(path: Path, model: Any, tensors: Tensors, version: str = "2.12.0", as_bytes: bool = False) -> Path:
    text = json.dumps(model)
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version.encode() if as_bytes else version
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = text.encode() if as_bytes else text
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = np.array([n.encode() for n in tensors])
        for name, arrays in tensors.items():
            group = weights.create_group(name)
            group.attrs["weight_names"] = np.array([n.encode() for n in arrays])
            for key, array in arrays.items():
                group[key] = array
    return path


def small(path: Path, **kwargs: Any) -> Path:
    """Three numbers to two, one Dense."""
    return write_h5(path, sequential(dense("fc", 2)), tensors_of("fc", 3, 2), **kwargs)
