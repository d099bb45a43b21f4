"""From a Network to a model that trains."""

from __future__ import annotations

import os
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from qkdflow import layers, models
from qkdflow.errors import ConfigError
from qkdflow.importers import read
from qkdflow.importers.lowering import lower
from qkdflow.importers.network import Network, Node
from qkdflow.importers.shapes import Shape
from qkdflow.models import Model, Sequential, Weights
from qkdflow.models.topology import Topology
from qkdflow.refusal import refusal
from qkdflow.regularizers import L1L2


def load_model(path: str | Path, input_shape: Shape | None = None) -> Model:
    """A trainable model: of a directory that `Model.save` wrote, or of a .h5, .keras, .json or .onnx file.

    What could not be taken over as it is, and tensors that hold NaN, are named in warnings. DataError (a ValueError)
    names file, layer and option of what is damaged, not supported or unsafe; nothing in a file is ever run.
    `input_shape`, without the batch axis, is for files that leave an axis open.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ConfigError(f"[load_model] the path of a file or folder is required; got {path!r}")
    path = Path(path)
    if path.is_dir():
        return models.load_model(path)
    network = read(path, input_shape)
    if network.nans:
        found = ", ".join(f"{name} ({count})" for name, count in network.nans.items())
        warnings.warn(f"[{path}] weights should be finite; NaN or infinity in {found}", UserWarning, stacklevel=2)
    lowered = lower(network)
    if lowered.notes:
        warnings.warn(f"[{path}] {'; '.join(lowered.notes)}", UserWarning, stacklevel=2)
    return build(lowered)


def build(network: Network) -> Model:
    """The model of a lowered network. DataError where the engine cannot compute a layer of it."""
    if len(network.outputs) != 1:
        raise refusal(network.file, "a model must have one output", ", ".join(network.outputs))
    if sum(n.kind == "Input" for n in network.nodes) != 1:
        raise refusal(
            network.file, "a model must have one input", f"{[n.name for n in network.nodes if not n.sources]}"
        )
    needed = _needed(network)
    made = tuple(_layer(node, network.file) for node in needed)
    inbound = {n.name: n.sources for n in needed}
    try:
        if network.is_chain and len(needed) == len(network.nodes):
            model: Model = Sequential(made, network.name)
        else:
            model = Model.of(Topology(made, inbound), network.name)
    except ValueError as error:  # ours, or the engine's
        raise refusal(network.file, "the engine must be able to compute every layer", str(error)) from error
    _set(model, needed, network.file)
    return model


def _needed(network: Network) -> list[Node]:
    """The nodes that the output needs; the output is the last."""
    by_name = {n.name: n for n in network.nodes}
    waiting, wanted = [network.outputs[0]], set()
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += by_name[name].sources
    last = by_name[network.outputs[0]]
    return [*(n for n in network.nodes if n.name in wanted and n is not last), last]


def _layer(node: Node, file: str) -> layers.Layer:
    kind = getattr(layers, node.kind, None)
    where = f"{file}: {node.kind} {node.name}"
    if kind is None:
        raise refusal(where, "the engine has no such layer")
    known = {f.name for f in fields(kind)}
    arguments: dict[str, Any] = {}
    for key, value in node.arguments.items():
        if key.endswith("_regularizer"):
            if key in ("kernel_regularizer", "depthwise_regularizer"):
                arguments["kernel_regularizer"] = L1L2(*value)
        elif key in known:
            arguments[key] = value
        elif value is not None and value != 0:
            raise refusal(f"{where}: {key}", "the engine's layer has no such option", value)
    if node.kind == "ZeroPadding1D":
        arguments["padding"] = arguments["padding"][0]
    try:
        made: layers.Layer = kind(name=node.name, **arguments)
    except (ConfigError, TypeError) as error:
        raise refusal(where, str(error)) from error
    return made


def _set(model: Model, nodes: list[Node], file: str) -> None:
    """Gives the model its tensors and masks by name."""
    values: dict[str, Any] = {}
    masks: dict[str, Any] = {}
    for node in nodes:
        for name, tensor in node.tensors.items():
            own = _parameter(node, name)
            values[own], masks[own] = tensor, node.masks.get(name)
    names = model.graph.param_names
    if set(names) != set(values):
        raise refusal(file, f"tensors must be {', '.join(names)}", ", ".join(values))
    weights = tuple(np.ascontiguousarray(values[n]) for n in names)
    model.set_weights(Weights(weights, tuple(masks[n] for n in names)))


def _parameter(node: Node, tensor: str) -> str:
    """The engine's name; a separable convolution is two layers there."""
    if "Separable" in node.kind and tensor == "depthwise_kernel":
        return f"{node.name}_depthwise/depthwise_kernel"
    return f"{node.name}/{'kernel' if tensor == 'pointwise_kernel' else tensor}"
