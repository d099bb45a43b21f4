"""What the engine has no layer for, in layers that it has, with the same results at inference; each change is a note.

QBatchNormalization's parameters become their quantised values; kernels with a quantiser that the engine does not train
keep their quantised values, folded convolutions' as plain ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from qkdflow.errors import ConfigError
from qkdflow.importers.network import FloatArray, Network, Node
from qkdflow.quantizers import Quantizer, TrainedRounding

_KEYS = {"kernel": "kernel", "depthwise_kernel": "depthwise", "pointwise_kernel": "pointwise", "bias": "bias"}
_OF_THE_NORM = ("momentum", "epsilon", "center", "scale", "ema_freeze_delay", "folding_mode")
Lowered = tuple[Node, str]  # the node, and what was changed


def lower(network: Network) -> Network:
    """The network in layers of the engine's."""
    nodes, notes = [], list(network.notes)
    for node in network.nodes:
        for rule in (_RULES.get(node.kind), _baked):
            if rule is not None:
                node, note = rule(node)
                notes += [f"{node.name}: {note}"] if note else []
        nodes.append(node)
    return replace(network, nodes=tuple(nodes), notes=tuple(notes))


def _input(node: Node) -> Lowered:
    """A type that raw values are brought to, where the engine trains with it; the quantiser behind it stays."""
    kind = node.arguments.get("type")
    if kind is None or (kind.rounding in get_args(TrainedRounding) and kind.overflow in ("SAT", "SAT_SYM")):
        return node, ""
    note = f"the engine does not train with inputs of {kind.ap_type}: the model's Input has no type"
    return replace(node, arguments={"shape": node.arguments["shape"]}), note


def _norm(node: Node) -> Lowered:
    """QKeras quantises gamma, beta and the statistics before it normalises."""
    tensors = dict(node.tensors)
    for name in tensors:
        quantizer = node.arguments.get(f"{name.removeprefix('moving_')}_quantizer")
        if quantizer is not None:
            tensors[name] = quantizer.effective(tensors[name])
    arguments = {k: v for k, v in node.arguments.items() if not isinstance(v, Quantizer)}
    note = "QBatchNormalization is kept at its quantised values" if node.quantizers else ""
    return replace(node, kind="BatchNormalization", arguments=arguments, tensors=tensors), note


def _folded(kind: str, key: str) -> Callable[[Node], Lowered]:
    """Where the engine does not train its quantisers:

    W gamma / sqrt(variance + epsilon), and (bias - mean) gamma / sqrt(variance + epsilon) + beta; then quantised.
    """

    def rule(node: Node) -> Lowered:
        t, a = node.tensors, node.arguments
        if all(_is_trained(q) for k, q in node.quantizers.items() if k.endswith("_quantizer")):
            return node, ""
        inverse = t.get("gamma", np.float32(1)) / np.sqrt(t["moving_variance"] + np.float32(a["epsilon"]))
        bias = inverse * (t.get("bias", np.float32(0)) - t["moving_mean"]) + t.get("beta", np.float32(0))
        kernel = t[key] * (inverse if key == "kernel" else inverse.reshape(t[key].shape[2:]))
        kept = {k: v for k, v in a.items() if k not in _OF_THE_NORM}
        arguments = {**kept, "use_bias": True}
        tensors = {key: _float32(kernel), "bias": _float32(bias)}
        note = f"{node.kind} is folded into its convolution"
        return replace(node, kind=kind, arguments=arguments, tensors=tensors), note

    return rule


def _baked(node: Node) -> Lowered:
    """Weights whose quantiser the engine does not have, as numbers."""
    arguments, tensors, names = dict(node.arguments), dict(node.tensors), []
    for name in node.tensors:
        quantizer = arguments.get(f"{_KEYS.get(name, name)}_quantizer")
        if quantizer is not None and not _is_trained(quantizer):
            values = tensors[name] * node.masks.get(name, np.float32(1))
            tensors[name] = _float32(quantizer.effective(values))
            del arguments[f"{_KEYS.get(name, name)}_quantizer"]
            names.append(f"{name} ({quantizer})")
    note = f"the engine does not train {', '.join(names)}: kept at quantised values" if names else ""
    return replace(node, arguments=arguments, tensors=tensors), note


def _is_trained(quantizer: Quantizer) -> bool:
    try:
        return quantizer.scaled() is not None or quantizer.type() is not None
    except ConfigError:
        return False


def _float32(x: Any) -> FloatArray:
    return np.ascontiguousarray(x, dtype=np.float32)


_RULES: Mapping[str, Callable[[Node], Lowered]] = {
    "Input": _input,
    "QBatchNormalization": _norm,
    "QConv2DBatchnorm": _folded("QConv2D", "kernel"),
    "QDepthwiseConv2DBatchnorm": _folded("QDepthwiseConv2D", "depthwise_kernel"),
}
