"""From layers and the tensors between them to the engine's graph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from qkdflow import _core, layers
from qkdflow.errors import ConfigError
from qkdflow.layers import Layer, Shape, Tensor
from qkdflow.layers.activations import is_softmax

Inbound = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Topology:
    """Layers in an order in which sources come first, and the names of each one's sources. The last is the output."""

    layers: tuple[Layer, ...]
    inbound: Inbound


@dataclass(frozen=True)
class Stage:
    """What a layer became in the engine: the shape of its result, and places in lists of nodes and parameters."""

    shape: Shape
    nodes: range
    params: tuple[int, ...]


def chain(given: Sequence[Layer]) -> Topology:
    """Layers one after the other; the first must be an Input."""
    if isinstance(given, Layer) or not given:
        raise ConfigError(
            "[Sequential] a list of layers is required, the first an Input(shape=...): "
            "Sequential([Input((4,)), Dense(2)]), with no add afterwards"
        )
    for layer in given:
        _need_layer(layer)
    if not isinstance(given[0], layers.Input):
        raise ConfigError("[Sequential] the first layer must be an Input(shape=...)")
    _need_once(given, "Sequential")
    named = _named(given)
    names = [layer.name for layer in named]
    return Topology(named, {n: tuple(names[i - 1 : i]) for i, n in enumerate(names)})


def between(inputs: Layer | Tensor, outputs: Layer | Tensor) -> Topology:
    """What lies between an Input and a tensor, in the order in which the tensors were made."""
    source, end = _one(inputs, "inputs"), _one(outputs, "outputs")
    if not isinstance(source.layer, layers.Input):
        raise ConfigError("[Model] inputs must be one Input(shape=...)")
    order: list[Tensor] = []
    waiting = [(end, False)]
    seen: set[int] = set()
    while waiting:  # depth first, without recursion: networks may be hundreds of layers deep
        tensor, ready = waiting.pop()
        if ready:
            order.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            waiting.append((tensor, True))
            waiting += [(s, False) for s in reversed(tensor.sources)]
    strangers = [t.layer for t in order if isinstance(t.layer, layers.Input) and t is not source]
    if strangers or source not in order:
        raise ConfigError("[Model] outputs must be computed from inputs, and from no other Input")
    _need_once([t.layer for t in order], "Model")
    named = _named([t.layer for t in order])
    name_of = {id(t): layer.name for t, layer in zip(order, named, strict=True)}
    return Topology(named, {name_of[id(t)]: tuple(name_of[id(s)] for s in t.sources) for t in order})


def build(topology: Topology) -> tuple[_core.Graph, tuple[Stage, ...]]:
    """The engine's graph, and what each layer became in it. ValueError names the first layer that does not fit."""
    source = next(layer for layer in topology.layers if isinstance(layer, layers.Input))
    nodes: list[tuple[_core.Layer, list[int]]] = []
    ends: dict[str, tuple[int, Shape]] = {}  # a layer's last node, -1 for the input, and the shape of its result
    spans: list[range] = []
    for layer in topology.layers:
        begin = len(nodes)
        sources = [ends[name] for name in topology.inbound[layer.name]]
        if is_softmax(layer) and layer is not topology.layers[-1]:
            raise ConfigError(f"[{layer.name}] softmax must be the last layer")
        if layer is source:
            sources = [(-1, source.shape)]
        places, shapes = [p for p, _ in sources], [list(s) for _, s in sources]
        for made in _core_layers(layer, tuple(shapes[0])):
            shapes = [list(made.infer(shapes))]
            nodes.append((made, places))
            places = [len(nodes) - 1]
        if len(places) != 1:
            raise ConfigError(f"[{layer.name}] takes one source; got {len(places)}")
        ends[layer.name] = places[0], tuple(shapes[0])
        spans.append(range(begin, len(nodes)))
    if not nodes:
        raise ConfigError("[model] a model needs a layer after its Input")
    graph = _core.Graph(source.shape, nodes)
    stages = []
    for layer, span in zip(topology.layers, spans, strict=True):
        params = tuple(p for node in span for p in graph.node_params(node))
        stages.append(Stage(ends[layer.name][1], span, params))
    return graph, tuple(stages)


def _core_layers(layer: Layer, src: Shape) -> list[_core.Layer]:
    try:
        return layer.core(src)
    except TypeError as error:
        if "incompatible constructor arguments" not in str(error):  # the binding's words
            raise
        given = [(f, getattr(layer, f.name)) for f in fields(layer) if f.name != "name"]
        told = ", ".join(f"{f.name}={value!r}" for f, value in given if value != f.default)
        raise ConfigError(
            f"[{layer.name}] {type(layer).__name__}'s options must be of their kinds, numbers below 2^31; got {told}"
        ) from error


def count(graph: _core.Graph, params: Sequence[int]) -> int:
    """Numbers in these parameter tensors."""
    return sum(math.prod(graph.param_shape(i)) for i in params)


def _one(given: object, what: str) -> Tensor:
    """A tensor. ConfigError for a list of them."""
    if isinstance(given, list | tuple):
        raise ConfigError(
            f"[Model] {what} must be one tensor; got a list of {len(given)}. A model has one input and one output: "
            "give the tensor itself; Concatenate joins several"
        )
    if not isinstance(given, Layer | Tensor):
        raise ConfigError(f"[Model] {what} must be one tensor; got {given!r}")
    return layers.base.tensor(given)


def _need_layer(given: object) -> None:
    """ConfigError for what cannot stand in a chain."""
    if isinstance(given, Layer):
        return
    got, cure = type(given).__name__, ""
    if isinstance(given, type):
        got, cure = f"the class {given.__name__}", ". Call it"
    elif isinstance(given, Tensor):
        cure = ". Tensors are of the functional API: Model(inputs, outputs)"
    elif hasattr(given, "layers"):
        cure = ". A model is no layer: list its layers, *model.layers[1:] without its Input; their weights start anew"
    elif isinstance(given, str):
        got = repr(given)
    raise ConfigError(f"[Sequential] only layers may be listed; got {got}{cure}")


def _need_once(given: Sequence[Layer], where: str) -> None:
    if len({id(layer) for layer in given}) < len(given):
        word = "called" if where == "Model" else "listed"
        raise ConfigError(f"[{where}] a layer may be {word} once: layers do not share weights. Make another layer")


def _named(given: Sequence[Layer]) -> tuple[Layer, ...]:
    names = [layer.name for layer in given if layer.name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"[{twice[0]}] layers' names must differ; several layers are called so")
    used = {layer.name for layer in given if layer.name}
    named = []
    for layer in given:
        name, n = layer.name or layer.base_name, 0
        while not layer.name and name in used:
            n += 1
            name = f"{layer.base_name}_{n}"
        used.add(name)
        named.append(layer if layer.name else replace(layer, name=name))
    return tuple(named)
