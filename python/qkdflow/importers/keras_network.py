"""A Keras model, JSON and tensors, as a Network."""

from __future__ import annotations

import json
from typing import Any

from qkdflow._core import FixedPoint
from qkdflow.importers.keras_config import structure
from qkdflow.importers.keras_layers import nodes
from qkdflow.importers.keras_weights import Weights
from qkdflow.importers.network import Network, Node
from qkdflow.importers.shapes import Shape, infer
from qkdflow.refusal import refusal


def parse(text: str | bytes, where: str) -> Any:
    """JSON, from inside a file."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refusal(where, "the model's description must be JSON", str(error)) from error


def network(
    model: Any,
    weights: Weights,
    file: str,
    version: str,
    input_shape: Shape | None = None,
    own_type: FixedPoint | None = None,
) -> Network:
    """own_type: the input's, where the file names it.

    DataError where a layer, an option or a tensor is not supported or does not fit; it names them.
    """
    major = version.split(".")[0]
    if major not in ("2", "3"):
        raise refusal(file, "keras_version must be 2.0 to 2.15 or 3; save again with one of these", version)
    flat = structure(model, file)
    ends: dict[str, str] = {}  # a Keras layer's name to the node that gives its result
    shapes: dict[str, Shape] = {}
    made: list[Node] = []
    notes: list[str] = []
    for spec in flat.layers:
        sources = tuple(ends[s] for s in spec.sources)
        fed = [shapes[s] for s in sources]
        own, said = nodes(spec, file, weights, fed, major == "3")
        for node in own:
            at = sources if node is own[0] else node.sources
            arguments = node.arguments
            if node.kind == "Input":
                typed = {} if own_type is None else {"type": own_type}
                arguments = {"shape": input_shape or arguments["shape"], **typed}
            node = Node(node.name, node.kind, arguments, at, node.tensors, node.masks)
            where = f"{file}: {node.kind} {node.name}"
            if node.name in shapes:
                raise refusal(where, "layers must have names of their own")
            shapes[node.name], _ = infer(where, node.kind, arguments, [shapes[s] for s in at])
            made.append(node)
        ends[spec.name] = own[-1].name
        notes += said
    outputs = tuple(ends[name] for name in flat.outputs)
    return Network(flat.name, file, f"Keras {version}", tuple(made), outputs, tuple(notes))
