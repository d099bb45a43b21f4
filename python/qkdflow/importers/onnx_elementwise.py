"""Activations, sums, and arithmetic with constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from qkdflow.importers.onnx_graph import Op, positive
from qkdflow.importers.onnx_values import Const, Ref, spread

_EPSILON = 2.0**-10  # with a variance of 1 - _EPSILON a normalisation divides by exactly one
_FLOATS = (1, 10, 11, 16)  # ONNX's element types


def activation(name: str, is_positive: bool) -> Callable[[Op], None]:
    def rule(op: Op) -> None:
        op.give(positive(op.add("Activation", op.ref(), {"activation": name}), is_positive))

    return rule


def softmax(op: Op) -> None:
    source = op.ref()
    rank = len(source.order)
    if op.get("axis", -1) % rank != source.order[-1]:
        raise op.refuse("axis must be the channels'", op.get("axis", -1))
    op.give(op.add("Softmax", source, {}))


def clip(op: Op) -> None:
    low = float(op.const(1).array) if op.has(1) else -np.inf
    high = float(op.const(2).array) if op.has(2) else np.inf
    kind = op.graph.nodes[op.ref().name].arguments.get("type")  # of an Input that the file types
    if kind is not None and (np.float32(low), np.float32(high)) == (np.float32(kind.low), np.float32(kind.high)):
        op.give(positive(op.ref(), kind.low >= 0))
        return
    if low != 0 or not high > 0:
        raise op.refuse("min must be 0, and max above it or none", f"{low}, {high}")
    top = None if np.isinf(high) else high
    op.give(positive(op.add("ReLU", op.ref(), {"max_value": top, "negative_slope": 0.0})))


def leaky_relu(op: Op) -> None:
    op.give(op.add("LeakyReLU", op.ref(), {"alpha": float(op.get("alpha", 0.01))}))


def hard_sigmoid(op: Op) -> None:
    if not np.isclose(op.get("alpha", 0.2), 0.2) or not np.isclose(op.get("beta", 0.5), 0.5):
        raise op.refuse("alpha and beta must be 0.2 and 0.5", f"{op.get('alpha')}, {op.get('beta')}")
    activation("hard_sigmoid", True)(op)


def identity(op: Op) -> None:
    op.give(op.inputs[0])


def cast(op: Op) -> None:
    value = op.inputs[0]
    if isinstance(value, Ref) and op.get("to") not in _FLOATS:
        raise op.refuse("computed numbers must stay floating point", op.get("to"))
    op.give(value)


def dropout(op: Op) -> None:
    rate = float(op.const(1).array) if op.has(1) else 0.5
    op.give(replace(op.add("Dropout", op.ref(), {"rate": rate}), is_positive=op.ref().is_positive))


def constant(op: Op) -> None:
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if op.get(name) is not None:
            op.give(Const(np.asarray(op.get(name))))
            return
    raise op.refuse("a value of numbers is required")


def add(op: Op) -> None:
    """Add, and Sum, which takes any number of sources."""
    values = op.inputs
    refs = tuple(v for v in values if isinstance(v, Ref))
    if len(refs) == len(values) > 1:
        first = refs[0]
        for other in refs[1:]:
            same_places = first.flat is other.flat or np.array_equal(first.flat, other.flat)  # type: ignore[arg-type]
            if first.order != other.order or first.shape != other.shape or not same_places:
                raise op.refuse("sources must have one shape", ", ".join(str(r.onnx_shape) for r in refs))
        op.give(positive(op.add("Add", refs, {}), all(r.is_positive for r in refs)))
    elif len(values) == 2:
        _arithmetic(op, lambda ref, c: _biased(op, ref, c) or _rescaled(op, ref, 1.0, spread(c.array, ref)))
    elif len(values) == 1:
        op.give(values[0])
    else:
        raise op.refuse("of more than two sources all must be computed")


def minimum(op: Op) -> None:
    """A cap on what a LeakyRelu gives, or on what is never below zero."""
    source, top = op.ref(), op.const(1).array
    if len(op.inputs) != 2 or top.size != 1 or not float(top.reshape(-1)[0]) > 0:
        raise op.refuse("a computed source and one number above 0 are required", f"{top.reshape(-1)[:3]}")
    most, node = float(top.reshape(-1)[0]), op.graph.nodes[source.name]
    if source.is_positive:
        op.give(positive(op.add("ReLU", source, {"max_value": most, "negative_slope": 0.0})))
        return
    if node.kind != "LeakyReLU" or node.arguments["alpha"] < 0 or not op.graph.is_read_once(source):
        raise op.refuse("the source must come from a Relu, or from a LeakyRelu that nothing else reads")
    capped = {"max_value": most, "negative_slope": node.arguments["alpha"]}
    op.graph.nodes[source.name] = replace(node, kind="ReLU", arguments=capped)
    op.give(source)


def subtract(op: Op) -> None:
    def by(ref: Ref, c: Const) -> Ref:
        if op.inputs[0] is ref:
            return _rescaled(op, ref, 1.0, spread(-c.array, ref))
        return _rescaled(op, ref, -1.0, spread(c.array, ref))

    _arithmetic(op, by)


def multiply(op: Op) -> None:
    _arithmetic(op, lambda ref, c: _norm(op, ref, c) or _rescaled(op, ref, spread(c.array, ref), 0.0))


def divide(op: Op) -> None:
    if isinstance(op.inputs[1], Ref):
        raise op.refuse("the divisor must be constant")
    _arithmetic(op, lambda ref, c: _rescaled(op, ref, spread(1 / c.array, ref), 0.0))


_ON_CONSTANTS: dict[str, Any] = {"Add": np.add, "Sum": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}


def _arithmetic(op: Op, by: Callable[[Ref, Const], Ref]) -> None:
    """Of one computed source and one constant, in any order; or of two constants, at once."""
    values = op.inputs
    refs = [v for v in values if isinstance(v, Ref)]
    consts = [v for v in values if isinstance(v, Const)]
    if len(refs) == 2:
        raise op.refuse("one source must be constant")
    op.give(by(refs[0], consts[0]) if refs else Const(_ON_CONSTANTS[op.kind](*(c.array for c in consts))))


def _rescaled(op: Op, ref: Ref, scale: float | tuple[float, ...], offset: float | tuple[float, ...]) -> Ref:
    return op.add("Rescaling", ref, {"scale": scale, "offset": offset})


def _norm(op: Op, ref: Ref, slope: Const) -> Ref | None:
    """A frozen BatchNormalization, as our own files have it: a quantised factor a channel; `_biased` adds its beta."""
    if not op.graph.is_own or slope.quantizer is None or slope.array.shape != ref.shape[-1:] or not ref.is_plain:
        return None
    zeros = np.zeros(slope.array.shape)
    options = {"momentum": 0.99, "epsilon": _EPSILON, "center": True, "scale": True}
    tensors = {"beta": zeros, "moving_mean": zeros, "moving_variance": zeros + 1 - _EPSILON}
    return op.add("BatchNormalization", ref, options, gamma=slope.array, **tensors)


def _biased(op: Op, ref: Ref, bias: Const) -> Ref | None:
    """A bias that follows a product becomes that layer's own, where nothing else reads the product."""
    graph = op.graph
    node = graph.nodes[ref.name]
    units = ref.shape[-1]
    fits = bias.array.size == bias.array.shape[-1] == units if bias.array.ndim else False
    if node.kind == "BatchNormalization" and graph.is_own and graph.is_read_once(ref) and fits and ref.is_plain:
        beta = node.tensors["beta"] + bias.array.astype(np.float32)
        graph.nodes[ref.name] = replace(node, tensors={**node.tensors, "beta": beta})
        return replace(ref, is_positive=False)
    is_dense = node.kind in ("Dense", "QDense") and not node.arguments["use_bias"]
    if not (is_dense and graph.is_read_once(ref) and fits and ref.flat is None):
        return None
    arguments = {**node.arguments, "use_bias": True}
    if bias.quantizer is not None:
        arguments["bias_quantizer"] = bias.quantizer
    tensors = {**node.tensors, "bias": np.ascontiguousarray(bias.array.reshape(-1), dtype=np.float32)}
    kind = "QDense" if any(k.endswith("_quantizer") for k in arguments) else "Dense"
    graph.nodes[ref.name] = replace(node, kind=kind, arguments=arguments, tensors=tensors)
    return replace(ref, is_positive=False)
