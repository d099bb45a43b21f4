"""Keras 2's .h5, written with h5py alone: no dates, so that equal networks give equal bytes."""

from __future__ import annotations

import io
import json
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

KERAS = "2.14.0"  # the version whose files these are


def keras_file(
    config: dict[str, Any], weights: dict[str, dict[str, NDArray[np.float32]]], about: dict[str, str]
) -> bytes:
    """config: the model's JSON; weights: by layer, then by name; about: what else the file says."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("earliest", "v110"), track_order=False) as file:
        file.attrs["backend"] = "tensorflow"
        file.attrs["keras_version"] = KERAS
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["qkdflow"] = json.dumps({**about, "version": version("qkdflow"), "h5py": h5py.__version__})
        root = file.create_group("model_weights")
        root.attrs["backend"] = "tensorflow"
        root.attrs["keras_version"] = KERAS
        root.attrs["layer_names"] = [name.encode() for name in weights]
        for name, tensors in weights.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = np.array([f"{name}/{key}:0".encode() for key in tensors], dtype="S")
            for key, values in tensors.items():
                group.create_dataset(f"{name}/{key}:0", data=values, track_times=False)
    return buffer.getvalue()
