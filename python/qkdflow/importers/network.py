"""What a file holds, in our words and before any engine: nodes with arguments, tensors and masks.

A Node's `kind` is the name of a class of qkdflow.layers, and `arguments` are its fields; `tensors` are the parameters
in Keras's shapes (HWIO), float32. Reading, checking, printing and building all work on this form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow.importers.shapes import Shape, infer
from qkdflow.quantizers import Quantizer
from qkdflow.refusal import refusal

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Node:
    """One layer, of the network `file`."""

    name: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    tensors: Mapping[str, FloatArray] = field(default_factory=dict)
    masks: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def quantizers(self) -> dict[str, Quantizer]:
        return {k: v for k, v in self.arguments.items() if isinstance(v, Quantizer)}

    @property
    def parameters(self) -> int:
        return sum(t.size for t in self.tensors.values())

    @property
    def zeros(self) -> int:
        """Zeros among the parameters as they are stored."""
        return sum(int(np.count_nonzero(t == 0)) for t in self.tensors.values())


@dataclass(frozen=True)
class Network:
    """Nodes in topological order; shapes without the batch axis. DataError where tensors and shapes disagree."""

    name: str
    file: str
    format: str  # such as "Keras 2.12.0"
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()  # what was changed on the way in
    shapes: Mapping[str, Shape] = field(init=False)

    def __post_init__(self) -> None:
        shapes: dict[str, Shape] = {}
        for node in self.nodes:
            where = f"{self.file}: {node.kind} {node.name}"
            shapes[node.name], wanted = infer(where, node.kind, node.arguments, [shapes[s] for s in node.sources])
            for name, shape in wanted.items():
                if name not in node.tensors:
                    raise refusal(where, f"{name} {shape} is required; the file has no such tensor")
                if node.tensors[name].shape != shape:
                    raise refusal(where, f"{name} must be {shape}", str(node.tensors[name].shape))
        object.__setattr__(self, "shapes", shapes)

    @property
    def parameters(self) -> int:
        """Numbers that Keras counts: BatchNormalization's statistics too."""
        return sum(n.parameters for n in self.nodes)

    @property
    def zeros(self) -> int:
        return sum(n.zeros for n in self.nodes)

    @property
    def nans(self) -> dict[str, int]:
        """How many numbers of a tensor are NaN or infinite, where any is."""
        counts = {
            f"{n.name}/{k}": int(np.count_nonzero(~np.isfinite(t))) for n in self.nodes for k, t in n.tensors.items()
        }
        return {name: count for name, count in counts.items() if count}

    @property
    def is_chain(self) -> bool:
        follows = zip(self.nodes, self.nodes[1:], strict=False)
        return all(b.sources == (a.name,) for a, b in follows) and self.outputs == (self.nodes[-1].name,)

    def with_shape(self, shape: Shape) -> Network:
        """The same network for one input of another shape."""
        inputs = [n for n in self.nodes if n.kind == "Input"]
        if len(inputs) != 1:
            raise refusal(self.file, "an input shape can be given for a network of one input", f"{len(inputs)} inputs")
        nodes = tuple(replace(n, arguments={"shape": shape}) if n is inputs[0] else n for n in self.nodes)
        return replace(self, nodes=nodes)
