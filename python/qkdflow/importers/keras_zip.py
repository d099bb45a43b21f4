"""Keras 3's .keras: a zip of metadata.json, config.json and model.weights.h5."""

from __future__ import annotations

from pathlib import Path

from qkdflow.hdf5 import open_hdf5
from qkdflow.importers.archive import read_members
from qkdflow.importers.keras_network import network, parse
from qkdflow.importers.keras_weights import NumberedWeights
from qkdflow.importers.network import Network
from qkdflow.importers.shapes import Shape
from qkdflow.refusal import refusal


def read_keras(path: Path, input_shape: Shape | None = None) -> Network:
    where = str(path)
    members = read_members(path, ("metadata.json", "config.json", "model.weights.h5"))
    metadata = parse(members["metadata.json"], f"{where}: metadata.json")
    if not isinstance(metadata, dict) or "keras_version" not in metadata:
        raise refusal(f"{where}: metadata.json", "keras_version is required")
    model = parse(members["config.json"], f"{where}: config.json")
    with open_hdf5(members["model.weights.h5"], f"{where}: model.weights.h5") as file:
        return network(model, NumberedWeights(file), where, str(metadata["keras_version"]), input_shape)
