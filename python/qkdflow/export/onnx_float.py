"""Standard ONNX of a float network, such as a teacher: opset 13, raw inputs with channels last, for any runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qkdflow import layers
from qkdflow.errors import ConfigError
from qkdflow.export.onnx_graph import OnnxGraph
from qkdflow.layers import base, pooling
from qkdflow.layers.folded import Batchnorm
from qkdflow.models import Model
from qkdflow.models.normalization import folded, line

INPUT_NAME, OUTPUT_NAME = "input", "output"
PLAIN = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softmax": "Softmax"}
Shape = tuple[int, ...]


def write_onnx(model: Model, path: str | Path) -> tuple[str, ...]:
    """Write a network as ONNX; same model, same bytes. Returns sentences on what to know.

    float32 (n, *input_shape) in, what `Model.predict` gives out, within float32's rounding. An input that has a type is
    cut to its range but not rounded: what comes must be on its grid. Raises ConfigError, naming the layer, for
    quantised activations and for GRU and Embedding, ToolError where onnx is missing.
    Quantised and pruned weights are written as the values that the network computes with.
    """
    writer = _Writer(model, OnnxGraph(model.name, None, {INPUT_NAME, OUTPUT_NAME}))
    for layer, stage in zip(model.layers, model.stages, strict=True):
        writer.take(layer, stage.shape)
    last = writer.tensors[model.layers[-1].name]
    writer.graph.names.remove(OUTPUT_NAME)  # kept for this node
    output = writer.graph.node("Identity", OUTPUT_NAME, [last], model.output_shape)
    kind = model.input.type
    properties = {} if kind is None else {"qkdflow.input_type": kind.hls4ml_type}
    writer.graph.write(Path(path), INPUT_NAME, output, properties)
    if kind is None:
        return ()
    return (f"inputs are cut to the range of {kind.ap_type}, not rounded to its step of {kind.step}",)


@dataclass
class _Writer:
    model: Model
    graph: OnnxGraph
    tensors: dict[str, str] = field(default_factory=dict)  # by layer

    def take(self, layer: layers.Layer, shape: Shape) -> None:
        if isinstance(layer, layers.Input):
            self.graph.shapes[INPUT_NAME] = shape
            self.tensors[layer.name] = self.input(layer)
            return
        sources = [self.tensors[name] for name in self.model.inbound[layer.name]]
        source, name = sources[0], layer.name
        if isinstance(layer, layers.Add):
            made = self.graph.node("Sum", name, sources, shape)
        elif isinstance(layer, layers.Concatenate):
            made = self.graph.node("Concat", name, sources, shape, axis=-1)
        elif isinstance(layer, layers.SeparableConv2D):
            depthwise, pointwise = layer._parts()
            between = self.weighted(depthwise, source, self.image(depthwise, source))
            made = self.weighted(pointwise, between, shape)
        elif isinstance(layer, (layers.Dense, layers.Conv1D, layers.Conv2D, layers.DepthwiseConv2D)):
            made = self.weighted(layer, source, shape)
        elif isinstance(layer, pooling._Pool):
            made = self.pooling(layer, source, shape)
        else:
            made = self.elementwise(layer, source, shape)
        self.tensors[name] = made

    def input(self, layer: layers.Input) -> str:
        """Raw values as they come; where they have a type they saturate, but are not rounded to its step."""
        if layer.type is None:
            return INPUT_NAME
        kind = layer.type
        return self.clip(f"{layer.name}_range", INPUT_NAME, kind.low, kind.high, layer.shape)

    def image(self, layer: layers.Layer, source: str) -> Shape:
        shape = self.graph.shapes[source]
        for made in layer.core(shape):
            shape = tuple(made.infer([list(shape)]))
        return shape

    def elementwise(self, layer: layers.Layer, source: str, shape: Shape) -> str:
        graph, name = self.graph, layer.name
        match layer:
            case layers.Dropout():
                return source
            case layers.Flatten() | layers.Reshape():
                return graph.node("Reshape", name, [source, self.whole(f"{name}_shape", [0, *shape])], shape)
            case layers.ZeroPadding1D() | layers.ZeroPadding2D():
                one = isinstance(layer, layers.ZeroPadding1D)
                sides: Any = [base.pair(layer.padding, "padding")] if one else layer.padding
                pads = [side[i] for i in (0, 1) for side in ((0, 0), *sides, (0, 0))]
                return graph.node("Pad", name, [source, self.whole(f"{name}_pads", pads)], shape)
            case layers.Rescaling():
                scale = graph.constant(f"{name}_scale", np.reshape(layer.scale, _like(layer.scale, shape)))
                offset = graph.constant(f"{name}_offset", np.reshape(layer.offset, _like(layer.offset, shape)))
                return graph.node(
                    "Add", name, [graph.node("Mul", f"{name}_scaled", [source, scale], shape), offset], shape
                )
            case layers.BatchNormalization():
                return self.normalization(layer, source, shape)
            case layers.Activation():
                return self.function(layer.activation, name, source, shape)
            case layers.Softmax():
                return self.function("softmax", name, source, shape)
            case layers.LeakyReLU():
                return graph.node("LeakyRelu", name, [source], shape, alpha=float(layer.alpha))
            case layers.ReLU():
                slope, most = float(layer.negative_slope), layer.max_value
                if most is not None and slope == 0.0:
                    return self.clip(name, source, 0.0, float(most), shape)
                if slope == 0.0:
                    return graph.node("Relu", name, [source], shape)
                made = graph.node("LeakyRelu", f"{name}_relu", [source], shape, alpha=slope)
                return made if most is None else self.capped(name, made, float(most), shape)
        raise ConfigError(
            f"[onnx] layer {name}: a {type(layer).__name__} cannot be written as float ONNX; {_instead(layer)}"
        )

    def function(self, activation: Any, name: str, source: str, shape: Shape) -> str:
        if activation in (None, "linear"):
            return source
        if activation == "leaky_relu":
            return self.graph.node("LeakyRelu", name, [source], shape, alpha=0.2)
        if activation == "hard_sigmoid":
            return self.graph.node("HardSigmoid", name, [source], shape, alpha=0.2, beta=0.5)
        if activation == "relu6":
            return self.clip(name, source, 0.0, 6.0, shape)
        if activation not in PLAIN:
            raise ConfigError(
                f"[onnx] layer {name}: activation {activation} is quantised; write QONNX of the frozen network"
            )
        return self.graph.node(PLAIN[activation], name, [source], shape)

    def clip(self, name: str, source: str, low: float, high: float, shape: Shape) -> str:
        ends = [self.graph.constant(f"{name}_{k}", v) for k, v in (("low", low), ("high", high))]
        return self.graph.node("Clip", name, [source, *ends], shape)

    def capped(self, name: str, source: str, most: float, shape: Shape) -> str:
        return self.graph.node("Min", name, [source, self.graph.constant(f"{name}_most", most)], shape)

    def weighted(self, layer: Any, source: str, shape: Shape) -> str:
        graph, name = self.graph, layer.name
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        if isinstance(layer, Batchnorm):
            kernel, offset = folded(self.model, layer)
            bias = [graph.constant(f"{name}_bias", offset)]
        else:
            kernel = self.model.effective(f"{name}/{'depthwise_kernel' if depthwise else 'kernel'}")
            bias = [graph.constant(f"{name}_bias", self.model.effective(f"{name}/bias"))] if layer.use_bias else []
        if isinstance(layer, layers.Dense):
            sums = graph.node("MatMul", f"{name}_products", [source, graph.constant(f"{name}_kernel", kernel)], shape)
            sums = graph.node("Add", f"{name}_sums", [sums, *bias], shape) if bias else sums
            return self.function(layer.activation, f"{name}_{layer.activation}", sums, shape)
        if isinstance(layer, layers.Conv1D) and kernel.ndim == 4:
            kernel = kernel[0]
        rank, groups = kernel.ndim - 2, kernel.shape[-2] if depthwise else 1
        flat = kernel.reshape(*kernel.shape[:rank], 1, -1) if depthwise else kernel
        weights = graph.constant(f"{name}_kernel", np.moveaxis(flat, (-1, -2), (0, 1)))
        options = {"strides": _each(layer.strides, rank), "group": groups, **_padding(layer.padding)}
        sums = self.first(layer, "Conv", source, shape, [weights, *bias], options)
        return self.function(layer.activation, f"{name}_{layer.activation}", sums, shape)

    def first(
        self, layer: layers.Layer, kind: str, source: str, shape: Shape, more: list[str], options: dict[str, Any]
    ) -> str:
        """A node that wants channels first, between two transpositions."""
        name, before = layer.name, self.graph.shapes[source]
        axes = range(1, len(before))
        there, back = (0, len(before), *axes), (0, *(a + 1 for a in axes), 1)
        turned = self.graph.node("Transpose", f"{name}_in", [source], (before[-1], *before[:-1]), perm=there)
        made = self.graph.node(kind, f"{name}_first", [turned, *more], (shape[-1], *shape[:-1]), **options)
        return self.graph.node("Transpose", f"{name}_out", [made], shape, perm=back)

    def pooling(self, layer: Any, source: str, shape: Shape) -> str:
        rank = layer.rank - 1
        if isinstance(layer, pooling._Global):
            kind, keep = ("ReduceMean" if layer.average else "ReduceMax"), int(layer.keepdims)
            return self.graph.node(kind, layer.name, [source], shape, axes=list(range(1, rank + 1)), keepdims=keep)
        size = _each(layer.pool_size, rank)
        strides = size if layer.strides is None else _each(layer.strides, rank)
        options = {"kernel_shape": size, "strides": strides, **_padding(layer.padding)}
        return self.first(layer, "AveragePool" if layer.average else "MaxPool", source, shape, [], options)

    def normalization(self, layer: layers.BatchNormalization, source: str, shape: Shape) -> str:
        """x * slope + offset, computed in float64 and rounded once."""
        name = layer.name
        slope, offset = line(self.model, layer)
        scaled = self.graph.node("Mul", f"{name}_scaled", [source, self.graph.constant(f"{name}_slope", slope)], shape)
        return self.graph.node("Add", name, [scaled, self.graph.constant(f"{name}_offset", offset)], shape)

    def whole(self, name: str, numbers: list[int]) -> str:
        return self.graph.constant(name, numbers, np.int64)


def _like(value: float | tuple[float, ...], shape: Shape) -> Shape:
    """One number, one a channel, or one an element."""
    count = len(value) if isinstance(value, tuple) else 1
    return (count,) if count in (1, shape[-1]) else shape


def _instead(layer: layers.Layer) -> str:
    """What to write of a network with this layer."""
    if isinstance(layer, layers.GRU):
        return "freeze its quantised form and write hls4ml's project"
    if isinstance(layer, layers.Embedding):
        return "freeze its quantised form and write Keras's file or hls4ml's project"
    return "of quantised networks write QONNX of the frozen one"


def _each(value: Any, count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)


def _padding(padding: str) -> dict[str, Any]:
    return {"auto_pad": "SAME_UPPER" if padding == "same" else "VALID"}
