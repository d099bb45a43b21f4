"""Keras's and QKeras's layers as ours: options in, nodes with tensors out. What is not here is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qkdflow.importers.keras_config import Spec
from qkdflow.importers.keras_options import Options
from qkdflow.importers.keras_weights import Weights, as_float32
from qkdflow.importers.network import Node
from qkdflow.importers.shapes import Shape
from qkdflow.quantizers import Quantizer
from qkdflow.refusal import reading, refusal

DENSE = ("kernel", "bias")
DEPTHWISE = ("depthwise_kernel", "bias")
SEPARABLE = ("depthwise_kernel", "pointwise_kernel", "bias")
NORM = ("gamma", "beta", "moving_mean", "moving_variance")
_FOREVER = 2**31
_NEVER = ("Lambda", "TFOpLambda", "SlicingOpLambda", "Operation")
_NO_EFFECT = ("GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization")


@dataclass
class Layer:
    """One layer while it is translated: nodes are added in order, each fed by the one before."""

    spec: Spec
    file: str
    weights: Weights
    shapes: list[Shape]  # of the sources
    is_keras3: bool
    nodes: list[Node] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        return f"{self.file}: {self.spec.class_name} {self.spec.name}"

    @property
    def options(self) -> Options:
        return Options(self.where, self.spec.config)

    def tensors(self, names: tuple[str, ...], use_bias: bool = True) -> tuple[str, ...]:
        return tuple(n for n in names if n != "bias" or use_bias)

    def add(self, kind: str, arguments: dict[str, Any], names: tuple[str, ...] = (), name: str = "") -> None:
        arrays, mask = self.weights.of(self.spec, names) if names else ({}, None)
        tensors = as_float32(arrays)
        masks = {}
        if mask is not None:
            pruned = [n for n, t in tensors.items() if t.ndim > 1 and t.shape == mask.shape]
            if not pruned:
                raise refusal(self.where, "the pruning mask must have a kernel's shape", str(mask.shape))
            masks[pruned[-1]] = np.ascontiguousarray(mask != 0, dtype=np.float32)
        sources = (self.nodes[-1].name,) if self.nodes else self.spec.sources
        own = f"{self.spec.name}_{name}" if name else self.spec.name
        self.nodes.append(Node(own, kind, arguments, sources, tensors, masks))

    def activate(self, activation: str | Quantizer | None) -> None:
        """A node of its own where our layer has no such argument."""
        if isinstance(activation, Quantizer):
            self.add("QActivation", {"activation": activation}, name="activation")
        elif activation == "leaky_relu":
            self.add("LeakyReLU", {"alpha": 0.2}, name="leaky_relu")  # both Kerases' function, not their layer's 0.3
        elif activation is not None:
            self.add("Activation", {"activation": _plain(self, activation)}, name=activation)


Rule = Callable[[Layer], None]


def nodes(
    spec: Spec, file: str, weights: Weights, shapes: list[Shape], is_keras3: bool
) -> tuple[list[Node], list[str]]:
    """(the layer as our nodes, the last one under any name; notes on what was changed)."""
    layer = Layer(spec, file, weights, shapes, is_keras3)
    kind = spec.class_name.split(">")[-1]
    if kind in _NEVER:
        raise refusal(layer.where, "a layer with code inside is never run; replace it by layers and save again", kind)
    if kind not in RULES:
        raise refusal(layer.where, f"this layer is not supported. Supported are {', '.join(RULES)}")
    with reading(layer.where):
        layer.options.must("data_format", "channels_last")
        RULES[kind](layer)
    return layer.nodes, layer.notes


def _plain(layer: Layer, activation: str) -> str:
    if activation == "hard_sigmoid" and layer.is_keras3:
        raise refusal(layer.where, "hard_sigmoid must be Keras 2's (x/5 + 1/2); Keras 3's is another function")
    return activation


def _with_activation(layer: Layer, kind: str, arguments: dict[str, Any], names: tuple[str, ...]) -> None:
    activation = layer.options.activation()
    if isinstance(activation, str) and activation != "leaky_relu":
        layer.add(kind, {**arguments, "activation": _plain(layer, activation)}, names)
    else:
        layer.add(kind, arguments, names)
        layer.activate(activation)


def _input(layer: Layer) -> None:
    batch = layer.options.get("batch_input_shape", layer.options.get("batch_shape", layer.options.get("shape")))
    layer.add("Input", {"shape": tuple(batch[1:])})


def _dense(layer: Layer) -> None:
    o = layer.options
    arguments = {"units": o.whole("units"), "use_bias": o.flag("use_bias", True)}
    _kernel(layer, "Dense", arguments, DENSE)


def _kernel(
    layer: Layer, kind: str, arguments: dict[str, Any], names: tuple[str, ...], more: tuple[str, ...] = ()
) -> None:
    """What all layers with a kernel share: quantisers, regularisers, activation; `more` tensors have neither."""
    o, quantized = layer.options, layer.spec.class_name.split(">")[-1].startswith("Q")
    for name in names:
        key = name.replace("_kernel", "")
        regularizer = o.regularizer(f"{key}_regularizer")
        if regularizer is not None:
            arguments[f"{key}_regularizer"] = regularizer
        quantizer = o.quantizer(f"{key}_quantizer", name != "bias") if quantized else None
        if quantizer is not None:
            arguments[f"{key}_quantizer"] = quantizer
    tensors = (*layer.tensors(names, arguments["use_bias"]), *more)
    _with_activation(layer, f"{'Q' if quantized else ''}{kind}", arguments, tensors)


def _windowed(layer: Layer, axes: int) -> dict[str, Any]:
    o = layer.options
    o.must("dilation_rate", 1)
    o.must("groups", 1)
    return {
        "kernel_size": o.sizes("kernel_size", axes),
        "strides": o.sizes("strides", axes, 1),
        "padding": o.padding(),
        "use_bias": o.flag("use_bias", True),
    }


def _conv(axes: int) -> Rule:
    def rule(layer: Layer) -> None:
        _kernel(layer, f"Conv{axes}D", {"filters": layer.options.whole("filters"), **_windowed(layer, axes)}, DENSE)

    return rule


def _depthwise(layer: Layer) -> None:
    many = {"depth_multiplier": layer.options.whole("depth_multiplier", 1)}
    _kernel(layer, "DepthwiseConv2D", {**many, **_windowed(layer, 2)}, DEPTHWISE)


def _separable(layer: Layer) -> None:
    o = layer.options
    arguments = {"filters": o.whole("filters"), "depth_multiplier": o.whole("depth_multiplier", 1)}
    _kernel(layer, "SeparableConv2D", {**arguments, **_windowed(layer, 2)}, SEPARABLE)


def _statistics(layer: Layer) -> dict[str, Any]:
    o, rank = layer.options, len(layer.shapes[0])
    axis = o.get("axis", -1)
    if (axis[0] if isinstance(axis, list) and len(axis) == 1 else axis) not in (-1, rank):
        raise o.refuse("axis", f"must be the last, -1 or {rank}")
    o.must("renorm", False)
    return {
        "momentum": o.number("momentum", 0.99),
        "epsilon": o.number("epsilon", 1e-3),
        "center": o.flag("center", True),
        "scale": o.flag("scale", True),
    }


def _norm_names(arguments: dict[str, Any]) -> tuple[str, ...]:
    kept = {"gamma": arguments["scale"], "beta": arguments["center"]}
    return tuple(n for n in NORM if kept.get(n, True))


def _norm(layer: Layer) -> None:
    arguments = _statistics(layer)
    layer.add("BatchNormalization", arguments, _norm_names(arguments))


def _q_norm(layer: Layer) -> None:
    o, arguments = layer.options, _statistics(layer)
    for key, is_kernel in (("gamma", True), ("beta", False), ("mean", False), ("variance", True)):
        quantizer = o.quantizer(f"{key}_quantizer", is_kernel)
        if quantizer is not None:
            arguments[f"{key}_quantizer"] = quantizer
    layer.add("QBatchNormalization", arguments, _norm_names(arguments))


def _conv_norm(kind: str, names: tuple[str, ...]) -> Rule:
    """QKeras counts steps from -1, in a variable that not every file keeps; we from 0."""

    def rule(layer: Layer) -> None:
        o = layer.options
        o.must("folding_mode", "ema_stats_folding", "batch_stats_folding")
        delay = o.whole("ema_freeze_delay", -1, low=-_FOREVER)
        many = "depth_multiplier" if kind == "DepthwiseConv2D" else "filters"
        arguments = {
            many: o.whole(many, 1 if kind == "DepthwiseConv2D" else None),
            **_windowed(layer, 2),
            **_statistics(layer),
            "ema_freeze_delay": None if delay < 0 else delay,
            "folding_mode": o.get("folding_mode", "ema_stats_folding"),
        }
        _kernel(layer, f"{kind}Batchnorm", arguments, names, (*_norm_names(arguments), "iteration"))
        for i, node in enumerate(layer.nodes):
            if node.kind == f"Q{kind}Batchnorm":
                tensors = dict(node.tensors)
                steps = np.reshape(tensors.pop("iteration", np.float32(-1)) + 1, 1).astype(np.float32)
                layer.nodes[i] = replace(node, tensors={**tensors, "steps": steps})

    return rule


def _pool(kind: str, axes: int) -> Rule:
    def rule(layer: Layer) -> None:
        o = layer.options
        size = o.sizes("pool_size", axes, 2)
        strides = size if o.get("strides") is None else o.sizes("strides", axes)
        layer.add(kind, {"pool_size": size, "strides": strides, "padding": o.padding()})
        if layer.spec.class_name.split(">")[-1].startswith("Q"):
            _average(layer, int(np.prod(size)))

    return rule


def _global(kind: str) -> Rule:
    def rule(layer: Layer) -> None:
        layer.add(kind, {"keepdims": layer.options.flag("keepdims", False)})
        if layer.spec.class_name.split(">")[-1].startswith("Q"):
            _average(layer, int(np.prod(layer.shapes[0][:-1])))

    return rule


def _average(layer: Layer, area: int) -> None:
    """QKeras multiplies the sum by a quantised 1/area."""
    quantizer = layer.options.quantizer("average_quantizer")
    if quantizer is not None:
        share = float(quantizer.effective(np.float32(1 / area)))
        layer.add("Rescaling", {"scale": float(np.float32(area) * np.float32(share)), "offset": 0.0}, name="average")
    layer.activate(layer.options.activation())


def _activation(layer: Layer) -> None:
    activation = layer.options.activation()
    if isinstance(activation, Quantizer):
        layer.add("QActivation", {"activation": activation})
    elif activation == "leaky_relu":
        layer.add("LeakyReLU", {"alpha": 0.2})
    else:
        layer.add("Activation", {"activation": _plain(layer, activation or "linear")})


def _relu(layer: Layer) -> None:
    o = layer.options
    o.must("threshold", 0)
    top = o.number("max_value") if o.get("max_value") is not None else None
    layer.add("ReLU", {"max_value": top, "negative_slope": o.number("negative_slope", 0.0)})


def _leaky(layer: Layer) -> None:
    o = layer.options
    layer.add("LeakyReLU", {"alpha": o.number("alpha" if "alpha" in o.config else "negative_slope", 0.3)})


def _softmax(layer: Layer) -> None:
    layer.options.must("axis", -1, len(layer.shapes[0]))
    layer.add("Softmax", {})


def _add(layer: Layer) -> None:
    layer.add("Add", {})


def _concatenate(layer: Layer) -> None:
    layer.options.must("axis", -1, len(layer.shapes[0]))
    layer.add("Concatenate", {"axis": -1})


def _reshape(layer: Layer) -> None:
    layer.add("Reshape", {"target_shape": tuple(int(n) for n in layer.options.get("target_shape"))})


def _zero_padding(axes: int) -> Rule:
    def rule(layer: Layer) -> None:
        value = layer.options.get("padding", 1)
        value = [value] * axes if isinstance(value, int) else ([value] if axes == 1 and len(value) == 2 else value)
        pairs = tuple((p, p) if isinstance(p, int) else (int(p[0]), int(p[1])) for p in value)
        if any(n < 0 for pair in pairs for n in pair):
            raise layer.options.refuse("padding", "must be at least 0")
        layer.add(f"ZeroPadding{axes}D", {"padding": pairs})

    return rule


def _dropout(layer: Layer) -> None:
    layer.options.must("noise_shape", None)
    layer.add("Dropout", {"rate": layer.options.number("rate", 0.5)})


def _dropped(layer: Layer) -> None:
    layer.notes.append(f"{layer.spec.class_name} {layer.spec.name} is left out: it acts in training alone")
    layer.add("Activation", {"activation": "linear"})


def _flatten(layer: Layer) -> None:
    layer.add("Flatten", {})


def _rescaling(layer: Layer) -> None:
    o = layer.options
    layer.add("Rescaling", {"scale": o.number("scale"), "offset": o.number("offset", 0.0)})


def _embedding(layer: Layer) -> None:
    o = layer.options
    o.must("mask_zero", False)
    layer.add("Embedding", {"input_dim": o.whole("input_dim"), "output_dim": o.whole("output_dim")}, ("embeddings",))


def _gru(layer: Layer) -> None:
    o = layer.options
    o.must("activation", "tanh")
    o.must("recurrent_activation", "sigmoid")
    for key in ("go_backwards", "stateful", "return_state", "time_major"):
        o.must(key, False)
    use_bias = o.flag("use_bias", True)
    arguments: dict[str, Any] = {
        "units": o.whole("units"),
        "return_sequences": o.flag("return_sequences", False),
        "reset_after": o.flag("reset_after", layer.is_keras3),
        "use_bias": use_bias,
    }
    quantized = layer.spec.class_name.split(">")[-1].startswith("Q")
    for key in ("kernel", "recurrent", "bias", "state") if quantized else ():
        arguments[f"{key}_quantizer"] = o.quantizer(f"{key}_quantizer", key in ("kernel", "recurrent"))
    kind = "QGRU" if quantized else "GRU"
    layer.add(kind, arguments, layer.tensors(("kernel", "recurrent_kernel", "bias"), use_bias))


RULES: dict[str, Rule] = {
    "InputLayer": _input,
    **{f"{q}Dense": _dense for q in ("", "Q")},
    **{f"{q}Conv{d}D": _conv(d) for q in ("", "Q") for d in (1, 2)},
    **{f"{q}DepthwiseConv2D": _depthwise for q in ("", "Q")},
    **{f"{q}SeparableConv2D": _separable for q in ("", "Q")},
    "BatchNormalization": _norm,
    "QBatchNormalization": _q_norm,
    "QConv2DBatchnorm": _conv_norm("Conv2D", DENSE),
    "QDepthwiseConv2DBatchnorm": _conv_norm("DepthwiseConv2D", DEPTHWISE),
    **{f"{how}Pooling{d}D": _pool(f"{how}Pooling{d}D", d) for how in ("Max", "Average") for d in (1, 2)},
    "QAveragePooling2D": _pool("AveragePooling2D", 2),
    **{f"Global{how}Pooling{d}D": _global(f"Global{how}Pooling{d}D") for how in ("Max", "Average") for d in (1, 2)},
    "QGlobalAveragePooling2D": _global("GlobalAveragePooling2D"),
    "Activation": _activation,
    "QActivation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky,
    "Softmax": _softmax,
    "Add": _add,
    "Concatenate": _concatenate,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "ZeroPadding1D": _zero_padding(1),
    "ZeroPadding2D": _zero_padding(2),
    "Dropout": _dropout,
    **{f"SpatialDropout{d}D": _dropped for d in (1, 2)},
    **dict.fromkeys(_NO_EFFECT, _dropped),
    "Rescaling": _rescaling,
    "Embedding": _embedding,
    **{f"{q}GRU": _gru for q in ("", "Q")},
}
