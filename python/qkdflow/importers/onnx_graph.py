"""An ONNX graph, operator by operator, as a Network. What an operator means is in the onnx_* modules beside this."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import FixedPoint
from qkdflow.importers.network import Network, Node
from qkdflow.importers.onnx_values import Const, Ref, channels_last, plain
from qkdflow.importers.shapes import Shape, infer
from qkdflow.refusal import reading, refusal

_QUANT = ("Quant", "IntQuant", "BipolarQuant")
CHANNELS_LAST = "qonnx.custom_op.channels_last"  # the domain of operators that have them so
_SPATIAL = ("Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")  # ops that take (N, C, ...)
_ELEMENTWISE = (
    *("Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "Identity", "Dropout", "Cast"),
    *("Add", "Sub", "Mul", "Div", "BatchNormalization", "Pad", *_QUANT),
)


class Op:
    """One operator: its inputs as values, its attributes as Python's."""

    def __init__(self, graph: Graph, proto: Any) -> None:
        self.graph = graph
        self.kind: str = proto.op_type
        self.label = proto.name or proto.output[0]
        self.where = f"{graph.file}: {self.kind} {self.label}"
        self.output: str = proto.output[0]
        self._inputs = list(proto.input)
        self._attributes = {a.name: graph.attribute(a) for a in proto.attribute}

    def refuse(self, required: str, got: object = None) -> Exception:
        return refusal(self.where, required, got)

    def get(self, name: str, default: Any = None) -> Any:
        return self._attributes.get(name, default)

    def must(self, name: str, *accepted: Any) -> None:
        value = self.get(name, accepted[0])
        if value not in accepted:
            raise self.refuse(f"{name} must be {' or '.join(map(str, accepted))}", value)

    def has(self, i: int) -> bool:
        return i < len(self._inputs) and bool(self._inputs[i])

    @property
    def inputs(self) -> list[Const | Ref]:
        return [self.graph.value(name, self.where) for name in self._inputs if name]

    def ref(self, i: int = 0) -> Ref:
        value = self.graph.value(self._inputs[i], self.where)
        if isinstance(value, Const):
            raise self.refuse(f"input {i} must be computed, not constant")
        return value

    def const(self, i: int) -> Const:
        value = self.graph.value(self._inputs[i], self.where)
        if isinstance(value, Ref):
            raise self.refuse(f"input {i} must be constant, not computed")
        return value

    def numbers(self, i: int, attribute: str = "") -> list[int] | None:
        """Whole numbers given as an input, or in older opsets as an attribute."""
        if self.has(i):
            return [int(v) for v in self.const(i).array.reshape(-1)]
        return [int(v) for v in self.get(attribute, [])] or None if attribute else None

    def add(self, kind: str, source: Ref | tuple[Ref, ...], arguments: dict[str, Any], **tensors: Any) -> Ref:
        """A node fed by `source`; its Ref, in the order of the (first) source."""
        return self.graph.add(self, kind, source if isinstance(source, tuple) else (source,), arguments, tensors)

    def put(self, i: int, value: Const | Ref) -> None:
        """Another value in the place of input i, for this operator alone."""
        self._inputs[i] = f"{self.output}, input {i}"
        self.graph.values[self._inputs[i]] = value

    def give(self, value: Const | Ref) -> None:
        self.graph.values[self.output] = value

    @property
    def given(self) -> Const | Ref:
        return self.graph.values[self.output]


Rule = Callable[[Op], None]


class Graph:
    def __init__(self, file: str, to_array: Callable[[Any], NDArray[Any]], is_own: bool = False) -> None:
        self.file, self.is_own = file, is_own
        self.values: dict[str, Const | Ref] = {}
        self.nodes: dict[str, Node] = {}
        self.notes: list[str] = []
        self.uses: Counter[str] = Counter()  # how often a name is read
        self._to_array = to_array

    def value(self, name: str, where: str) -> Const | Ref:
        if name not in self.values:
            raise refusal(where, "every input must be computed before it is read", name)
        return self.values[name]

    def is_read_once(self, ref: Ref) -> bool:
        """Whether one operator alone reads what this node computes, under any of its names."""
        names = [name for name, value in self.values.items() if isinstance(value, Ref) and value.name == ref.name]
        return sum(self.uses[name] for name in names) == 1

    def attribute(self, proto: Any) -> Any:
        if proto.type in (5, 10):  # a graph, or graphs
            raise refusal(self.file, "branches and loops inside an operator are not supported", proto.name)
        if proto.type == 4:
            return self._to_array(proto.t)
        value = {1: proto.f, 2: proto.i, 3: proto.s, 6: proto.floats, 7: proto.ints, 8: proto.strings}.get(proto.type)
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return list(value) if value is not None and not isinstance(value, (int, float)) else value

    def add(self, op: Op, kind: str, sources: tuple[Ref, ...], arguments: dict[str, Any], tensors: Any) -> Ref:
        name = self._unique(op.label)
        with reading(op.where):
            shape, _ = infer(op.where, kind, arguments, [s.shape for s in sources])
            kept = {k: np.ascontiguousarray(t, dtype=np.float32) for k, t in tensors.items() if t is not None}
        self.nodes[name] = Node(name, kind, arguments, tuple(s.name for s in sources), kept)
        first = sources[0]
        same = len(first.order) == len(shape) + 1
        return Ref(name, shape, first.order if same else plain(len(shape)), first.flat if same else None)

    def _unique(self, label: str) -> str:
        base = re.sub(r"\W+", "_", label).strip("_") or "layer"
        base = f"layer_{base}" if base[0].isdigit() else base
        name, n = base, 1
        while name in self.nodes:
            name, n = f"{base}_{n}", n + 1
        return name


def translate(
    proto: Any,
    tensors: Mapping[str, NDArray[Any]],
    file: str,
    version: str,
    to_array: Callable[[Any], NDArray[Any]],
    input_shape: Shape | None,
    own_type: FixedPoint | None = None,
    is_own: bool = False,
) -> Network:
    """The network of a GraphProto. is_own: qkdflow wrote it, channels last; own_type: as it says of the input."""
    from qkdflow.importers.onnx_channels_last import RULES as LAST
    from qkdflow.importers.onnx_rules import RULES

    graph = Graph(file, to_array, is_own)
    graph.values = {name: Const(array) for name, array in tensors.items()}
    graph.uses.update(name for node in proto.node for name in node.input)
    graph.uses.update(o.name for o in proto.output)
    for value in proto.input:
        if value.name not in tensors:
            first = not is_own and _meets_spatial(proto, value.name)
            _input(graph, value, input_shape, first, {} if own_type is None else {"type": own_type})
    for node in proto.node:
        where = f"{file}: {node.op_type} {node.name or node.output[0]}"
        rules = LAST if node.domain == CHANNELS_LAST else RULES
        is_known = node.domain in ("", "ai.onnx", CHANNELS_LAST) or node.op_type in _QUANT
        if not is_known or node.op_type not in rules:
            domain = f"{node.domain}." if node.domain else ""
            raise refusal(
                where, f"this operator is not supported. Supported are {', '.join(rules)}", domain + node.op_type
            )
        with reading(where):
            rules[node.op_type](Op(graph, node))
    outputs = tuple(_output(graph, o.name) for o in proto.output)
    name = re.sub(r"\W+", "_", proto.name) or "onnx"
    return Network(name, file, version, tuple(graph.nodes.values()), outputs, tuple(graph.notes))


def _input(
    graph: Graph, value: Any, input_shape: Shape | None, channels_first: bool, arguments: dict[str, Any]
) -> None:
    where = f"{graph.file}: input {value.name}"
    kind = value.type.tensor_type
    if kind.elem_type not in (1, 10, 11):
        raise refusal(where, "floating-point numbers are required")
    dims = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
    rank = len(dims) - 1
    if rank < 1:
        raise refusal(where, "a batch axis and at least one more are required", dims)
    order = channels_last(rank) if rank > 1 and channels_first else plain(rank)
    shape = tuple(dims[axis] for axis in order[1:])
    shape = shape if input_shape is None else tuple(input_shape)
    name = graph._unique(value.name)
    graph.nodes[name] = Node(name, "Input", {"shape": shape, **arguments})
    known, _ = infer(where, "Input", {"shape": shape}, [])
    graph.values[value.name] = Ref(name, known, order)


def _meets_spatial(proto: Any, name: str) -> bool:
    """Whether the first operator that cares about axes wants (N, C, ...): else the input has the channels last."""
    names = {name}
    for node in proto.node:
        if names & set(node.input):
            if node.op_type in _SPATIAL:
                return bool(node.domain != CHANNELS_LAST)
            if node.op_type not in _ELEMENTWISE:
                return node.op_type in ("Flatten", "Reshape", "ReduceMean")
            names.update(node.output)
    return False


def _output(graph: Graph, name: str) -> str:
    where = f"{graph.file}: output {name}"
    value = graph.value(name, where)
    if isinstance(value, Const):
        raise refusal(where, "a result must be computed, not constant")
    if value.flat is not None:
        raise refusal(where, "a flattened image cannot be a result: its numbers are in another order here")
    return value.name


def positive(ref: Ref, is_positive: bool = True) -> Ref:
    return replace(ref, is_positive=is_positive)
