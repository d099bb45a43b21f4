"""Models as files: model.json and model.npz in a directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qkdflow import layers
from qkdflow.errors import DataError
from qkdflow.files import read_json, read_npz, write_json, write_npz
from qkdflow.models.topology import Topology
from qkdflow.models.weights import Weights
from qkdflow.refusal import BROKEN

if TYPE_CHECKING:
    from qkdflow.models.model import Model

FORMAT = "qkdflow.model/1"


def save(model: Model, directory: Path) -> None:
    """Writes latent parameters and masks beside the layers' configuration; same model, same bytes."""
    from qkdflow.models.model import Sequential

    weights = model.get_weights()
    arrays = {}
    for name, value, mask in zip(model.graph.param_names, weights.values, weights.masks, strict=True):
        arrays[f"value/{name}"] = value
        if mask is not None:
            arrays[f"mask/{name}"] = mask
    described = [layer.config() for layer in model.layers]
    config: dict[str, Any] = {"format": FORMAT, "name": model.name, "layers": described}
    if not isinstance(model, Sequential):
        config["inbound"] = {name: list(sources) for name, sources in model.inbound.items()}
    write_json(directory / "model.json", config)
    write_npz(directory / "model.npz", arrays)


def load_model(directory: str | Path) -> Model:
    """The model that `save` wrote. DataError, naming the file, where it is damaged or of another kind."""
    from qkdflow.models.model import Model, Sequential

    path = Path(directory)
    config = read_json(path / "model.json")
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise DataError(f"[{path / 'model.json'}] must be a {FORMAT} file, as Model.save writes it")
    try:
        made = [layers.from_config(c) for c in config["layers"]]
        if "inbound" in config:
            inbound = {str(name): tuple(map(str, sources)) for name, sources in config["inbound"].items()}
            model = Model.of(Topology(tuple(made), inbound), config["name"])
        else:
            model = Sequential(made, config["name"])
        arrays = read_npz(path / "model.npz")
        names = model.graph.param_names
        values = tuple(np.ascontiguousarray(arrays[f"value/{n}"], dtype=np.float32) for n in names)
        masks = tuple(arrays.get(f"mask/{n}") for n in names)
        model.set_weights(Weights(values, masks))
    except (StopIteration, *BROKEN) as error:
        raise DataError(f"[{path}] does not hold a whole model: {error}") from error
    return model
