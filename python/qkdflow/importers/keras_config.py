"""The structure that Keras writes as JSON, flattened: one Spec a layer, sources by name, wrappers and nesting undone.

Seen in files: Sequential as a list (2.0 to 2.2) or a dict, Functional and Model, nested models, Keras 3's inbound
nodes, and PruneLowMagnitude around any layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from qkdflow.refusal import reading, refusal

_MODELS = ("Sequential", "Functional", "Model")
_DEEPEST, _MOST = 16, 10_000  # models in models, layers
_HARMLESS = {"training": (None, False, True), "mask": (None,)}  # arguments of a call that change no inference


@dataclass(frozen=True)
class Spec:
    """One layer as Keras describes it. `path`: the names of the models that it is in (the outermost left out), then its
    own; `places`: for files that number layers by class, the same path in such words."""

    name: str
    class_name: str
    config: Mapping[str, Any]
    sources: tuple[str, ...]
    path: tuple[str, ...]
    places: tuple[str, ...]
    is_pruned: bool = False


@dataclass(frozen=True)
class Structure:
    name: str
    layers: tuple[Spec, ...]  # topological
    outputs: tuple[str, ...]


def structure(model: Any, where: str) -> Structure:
    """The flat structure of a model's JSON. DataError where it is damaged or holds what is not supported."""
    with reading(where):
        class_name, config = _model(model, where)
        name = config["name"] if isinstance(config, dict) and "name" in config else class_name.lower()
        flat = _Flattener(where)
        outputs = flat.model(class_name, config, (), (), None)
        return Structure(str(name), tuple(_sorted(flat.layers, where)), outputs)


def _model(model: Any, where: str) -> tuple[str, Any]:
    if not isinstance(model, dict) or model.get("class_name") not in _MODELS:
        got = model.get("class_name") if isinstance(model, dict) else model
        raise refusal(where, f"the model must be {', '.join(_MODELS)}: custom classes are not run", got)
    return str(model["class_name"]), model["config"]


class _Flattener:
    def __init__(self, where: str) -> None:
        self.where = where
        self.layers: dict[str, Spec] = {}

    def model(
        self,
        class_name: str,
        config: Any,
        path: tuple[str, ...],
        places: tuple[str, ...],
        sources: tuple[str, ...] | None,
    ) -> tuple[str, ...]:
        """Adds a model's layers, fed by `sources` where it stands in another; the names of its outputs."""
        if len(path) > _DEEPEST:
            raise refusal(self.where, f"at most {_DEEPEST} models in models are read")
        if class_name == "Sequential":
            return self._sequential(config, path, places, sources)
        return self._functional(config, path, places, sources)

    def _sequential(
        self, config: Any, path: tuple[str, ...], places: tuple[str, ...], sources: tuple[str, ...] | None
    ) -> tuple[str, ...]:
        layers = config if isinstance(config, list) else config["layers"]
        here = sources
        for layer, place in _placed(layers):
            kind = _unwrapped(layer)[0]
            if kind == "InputLayer":
                if here is None:
                    here = self._add(layer, (), path, (*places, place))
                continue
            if here is None:
                here = (self._first(layers, config, path),)
            here = self._add(layer, here, path, (*places, place))
        if here is None:
            raise refusal(self.where, "a model must have layers")
        return here

    def _first(self, layers: Sequence[Any], config: Any, path: tuple[str, ...]) -> str:
        """An Input for a Sequential model that has none: its first layer, or the model itself, knows the shape."""
        shape = _first_shape(layers[0])
        if shape is None and isinstance(config, dict):
            shape = config.get("build_input_shape")
        if shape is None:
            raise refusal(self.where, "the model's input shape is required: neither model nor first layer has it")
        name = self._unique("input", path)
        batch = {"batch_input_shape": shape}
        self.layers[name] = Spec(name, "InputLayer", batch, (), (*path, name), ("input_layer",))
        return name

    def _functional(
        self, config: Any, path: tuple[str, ...], places: tuple[str, ...], sources: tuple[str, ...] | None
    ) -> tuple[str, ...]:
        made: dict[str, tuple[str, ...]] = {}
        if sources is not None:
            made = dict(zip(_ends(config["input_layers"]), ((s,) for s in sources), strict=True))
        waiting = [(layer, place) for layer, place in _placed(config["layers"]) if _name(layer) not in made]
        while waiting:
            ready = [(a, p) for a, p in waiting if all(s in made for s in _inbound(a, self.where))]
            if not ready:
                raise refusal(self.where, "every layer's sources must be in the model", _name(waiting[0][0]))
            for layer, place in ready:
                feeds = tuple(made[s][0] for s in _inbound(layer, self.where))
                made[_name(layer)] = self._add(layer, feeds, path, (*places, place))
            waiting = [(a, p) for a, p in waiting if _name(a) not in made]
        return tuple(made[name][0] for name in _ends(config["output_layers"]))

    def _add(
        self, layer: Any, sources: tuple[str, ...], path: tuple[str, ...], places: tuple[str, ...]
    ) -> tuple[str, ...]:
        kind, config, wrapped = _unwrapped(layer)
        own = _name(layer)
        if kind in _MODELS:
            return self.model(kind, config, (*path, own), places, sources)
        name = self._unique(str(config.get("name", own)) if wrapped else own, path)
        where = (*path, own)
        self.layers[name] = Spec(name, kind, config, sources, where, places, wrapped)
        if len(self.layers) > _MOST:
            raise refusal(self.where, f"at most {_MOST} layers are read")
        return (name,)

    def _unique(self, name: str, path: tuple[str, ...]) -> str:
        for parent in ("", *reversed(path)):
            name = f"{parent}_{name}" if parent else name
            if name not in self.layers:
                return name
        return next(free for free in (f"{name}_{i}" for i in count(1)) if free not in self.layers)


def _unwrapped(layer: Any) -> tuple[str, Mapping[str, Any], bool]:
    """(class, configuration, whether it was wrapped by PruneLowMagnitude)."""
    class_name, config = str(layer["class_name"]), layer["config"]
    if class_name.split(">")[-1] != "PruneLowMagnitude":
        return class_name, config, False
    kind, inner, _ = _unwrapped(config["layer"])
    shape = {k: v for k, v in config.items() if k in ("batch_input_shape", "batch_shape")}
    return kind, {**shape, **inner}, True


def _name(layer: Any) -> str:
    config = layer["config"]
    return str(layer["name"] if "name" in layer else config["name"])


def _first_shape(layer: Any) -> Any:
    """What a Sequential's first layer says about its source, in any Keras's words."""
    _, config, _ = _unwrapped(layer)
    for key in ("batch_input_shape", "batch_shape"):
        if isinstance(config, dict) and config.get(key):
            return config[key]
    inner = layer["config"].get("layers") if isinstance(layer["config"], dict) else None
    if inner:
        return _first_shape(inner[0])
    return (layer.get("build_config") or {}).get("input_shape")


def _placed(layers: Sequence[Any]) -> Iterator[tuple[Any, str]]:
    """Each layer with the name that `.keras` files give it: its class in snake case, numbered."""
    seen: dict[str, int] = {}
    for layer in layers:
        place = snake(str(layer["class_name"]).split(">")[-1])
        n = seen.get(place, 0)
        seen[place] = n + 1
        yield layer, f"{place}_{n}" if n else place


def snake(name: str) -> str:
    """BatchNormalization as batch_normalization, Conv2D as conv2d, LeakyReLU as leaky_re_lu: Keras's own rule."""
    out = ""
    for i, c in enumerate(name):
        before, after = name[i - 1 : i], name[i + 1 : i + 2]
        if c.isupper() and i and (after.islower() or before.islower()):
            out += "_"
        out += c.lower()
    return out


def _ends(ends: Any) -> list[str]:
    """The layers' names of input_layers or output_layers: one [name, 0, 0] or a list or dict of them."""
    if isinstance(ends, dict):
        ends = list(ends.values())
    if isinstance(ends, list) and ends and isinstance(ends[0], str):
        ends = [ends]
    return [str(end[0]) for end in ends]


def _inbound(layer: Any, where: str) -> list[str]:
    """The names of the layers that feed this one."""
    nodes = layer.get("inbound_nodes") or []
    place = f"{where}: {layer['class_name']} {_name(layer)}"
    if len(nodes) > 1:
        raise refusal(place, "a layer may be used once; shared layers are not supported", f"{len(nodes)} uses")
    return [_one(tensor, place) for node in nodes for tensor in _tensors(node, place)]


def _one(tensor: Any, place: str) -> str:
    name, _, index = tensor[:3]  # the second counts calls, those outside the model too
    if index:
        raise refusal(place, "its source must be the first result of a layer", f"{name}[{index}]")
    _check_call(tensor[3] if len(tensor) > 3 else {}, place)
    return str(name)


def _tensors(node: Any, place: str) -> Iterator[Any]:
    if isinstance(node, dict):  # Keras 3
        _check_call(node.get("kwargs") or {}, place)
        yield from _histories(node.get("args") or [])
    elif node and isinstance(node[0], str):
        yield node
    else:
        yield from node


def _histories(value: Any) -> Iterator[Any]:
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        yield value["config"]["keras_history"]
    elif isinstance(value, dict):
        raise ValueError(f"an argument must be a tensor; got {str(value)[:80]}")
    elif isinstance(value, list):
        for inner in value:
            yield from _histories(inner)


def _check_call(kwargs: Any, place: str) -> None:
    for key, value in kwargs.items():
        if key not in _HARMLESS or value not in _HARMLESS[key]:
            raise refusal(place, "a call may have no arguments but its sources", f"{key}={str(value)[:80]}")


def _sorted(layers: Mapping[str, Spec], where: str) -> Iterator[Spec]:
    """As they were added: sources first, and only what is there."""
    seen: set[str] = set()
    for spec in layers.values():
        if set(spec.sources) - seen:
            raise refusal(where, f"the sources of {spec.name} must come before it")
        seen.add(spec.name)
        yield spec
