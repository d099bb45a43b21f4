"""QONNX of a frozen network: the same integers as real values, a Quant node wherever the hardware rounds.

Channels come last, so that hls4ml reads the file as it is. Quant's own modes are ROUND (half to even), FLOOR, CEIL,
DOWN (towards zero), HALF_UP and HALF_DOWN (away from and towards zero); ap_fixed's half up is floor(x + half), half
down ceil(x - half), the half being put into the bias before where there is one: a sum's grid is finer than that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.export import SIGNIFICAND_BITS
from qkdflow.export.onnx_graph import LAST, QUANT, OnnxGraph
from qkdflow.fixed import (
    FixedActivation,
    FixedAdd,
    FixedConcatenate,
    FixedConv,
    FixedDense,
    FixedDepthwiseConv,
    FixedEmbedding,
    FixedGRU,
    FixedModel,
    FixedPooling,
    FixedReshape,
    FixedWeighted,
    FixedZeroPadding,
    Link,
)
from qkdflow.fixed.model import INPUT

HLS4ML_MODES = ("ROUND", "FLOOR")
MODES = {  # ap_fixed's rounding: Quant's mode, and what is added before, in steps
    "TRN": ("FLOOR", 0.0),
    "TRN_ZERO": ("DOWN", 0.0),
    "RND": ("FLOOR", 0.5),
    "RND_ZERO": ("HALF_DOWN", 0.0),
    "RND_INF": ("HALF_UP", 0.0),
    "RND_MIN_INF": ("CEIL", -0.5),
    "RND_CONV": ("ROUND", 0.0),
}


def write_qonnx(fixed: FixedModel, path: str | Path, batch: int | None = 1) -> tuple[str, ...]:
    """Write a frozen network as QONNX; same network, same bytes. Returns sentences on what to know.

    The input takes raw values, float32 (batch, *input_shape); its quantiser is the first node. Raises ConfigError for
    what QONNX cannot say (overflow other than saturation, tables), ToolError where onnx is missing.
    """
    writer = _Writer(fixed, OnnxGraph(fixed.name, batch, {INPUT_NAME}))
    output = writer.walk()
    properties = {"qkdflow.digest": fixed.digest, "qkdflow.input_type": fixed.input_type.hls4ml_type}
    writer.graph.write(Path(path), INPUT_NAME, output, properties)
    return tuple(writer.notes)


INPUT_NAME = "network_input"


@dataclass
class _Writer:
    fixed: FixedModel
    graph: OnnxGraph
    tensors: dict[str, str] = field(default_factory=dict)  # by layer
    added: dict[str, float] = field(default_factory=dict)  # what a layer's bias holds beyond its own, by layer
    notes: list[str] = field(default_factory=list)

    def walk(self) -> str:
        kind = self.fixed.input_type
        if kind.overflow not in ("SAT", "SAT_SYM"):
            self.notes.append(f"inputs beyond {kind.ap_type} saturate in QONNX; in hardware: {kind.overflow}")
            kind = _with_overflow(kind, "SAT")
        self.graph.shapes[INPUT_NAME] = self.fixed.input_shape
        self.tensors[INPUT] = self.quantised("input_quant", INPUT_NAME, kind, self.fixed.input_shape, INPUT, None)
        for link in self.fixed.links:
            self.tensors[link.layer.name] = self.layer(link)
        return self.tensors[self.fixed.layers[-1].name]

    def layer(self, link: Link) -> str:
        layer, graph, shape = link.layer, self.graph, link.shape
        sources = [self.tensors[source] for source in layer.inputs]
        match layer:
            case FixedWeighted():
                return self.weighted(layer, sources[0], shape)
            case FixedActivation():
                return self.activation(layer, link, sources[0])
            case FixedPooling():
                return self.pooling(layer, link, sources[0])
            case FixedAdd():
                return graph.node("Add", layer.name, sources, shape)
            case FixedConcatenate():
                return graph.node("Concat", layer.name, sources, shape, axis=len(shape))
            case FixedReshape():
                target = graph.constant(f"{layer.name}_shape", [0, *shape], np.int64)
                return graph.node("Reshape", layer.name, [sources[0], target], shape)
            case FixedZeroPadding():
                sides = [(0, 0), *layer.padding, (0, 0)]
                pads = graph.constant(f"{layer.name}_pads", [s[i] for i in (0, 1) for s in sides], np.int64)
                return graph.node("Pad", layer.name, [sources[0], pads], shape)
        if isinstance(layer, (FixedEmbedding, FixedGRU)):
            raise ConfigError(f"[qonnx] layer {layer.name}: {layer.kind} cannot be written; write hls4ml's project")
        raise ConfigError(
            f"[qonnx] layer {layer.name}: QONNX has no tables like hls4ml's {layer.kind}; end the network on logits, "
            "or use relu or quantized_bits in its place"
        )

    # Sums

    def weighted(self, layer: FixedWeighted, source: str, shape: tuple[int, ...]) -> str:
        self.check_float(layer.name, layer.result_type)
        bias = layer.bias_type.decode(layer.bias) + self.half(layer.name)
        grid = max(layer.bias_type.fraction, self.finer(layer.name))
        name, graph, bits = layer.name, self.graph, layer.weight_type.bits
        weights = layer.weight_type.decode(layer.weights)
        if isinstance(layer, (FixedConv, FixedDepthwiseConv)):
            groups = 1
            if isinstance(layer, FixedDepthwiseConv):
                groups, weights = weights.shape[-1], weights[..., np.newaxis]
                weights = np.moveaxis(weights, -2, 0)  # (channels, *size, 1)
            else:
                weights = np.moveaxis(weights, -1, 0)  # (n_out, *size, channels)
            w = self.constant(f"{name}_weights", weights, layer.weight_type.fraction, bits)
            b = self.constant(f"{name}_bias", bias, grid)
            size = weights.shape[1:-1]
            window = {"kernel_shape": size, "strides": layer.strides, "pads": _pads(layer.padding)}
            ones = (1,) * len(size)
            return graph.node("Conv", name, [source, w, b], shape, LAST, dilations=ones, group=groups, **window)
        w = self.constant(f"{name}_weights", weights, layer.weight_type.fraction, bits)
        product = "MatMul" if isinstance(layer, FixedDense) else "Mul"
        if not bias.any():
            return graph.node(product, name, [source, w], shape)
        sums = graph.node(product, f"{name}_products", [source, w], shape)
        return graph.node("Add", name, [sums, self.constant(f"{name}_bias", bias, grid)], shape)

    def constant(self, name: str, values: NDArray[np.float64], fraction: int, bits: int = 2) -> str:
        """Values on a grid, behind a Quant that gives them their width: `bits`, or more where they need it."""
        codes = np.ldexp(values, fraction)
        low, high = int(codes.min()), int(codes.max())
        bits = max(bits, high.bit_length() + 1, (-low - 1).bit_length() + 1 if low < 0 else 0, 2)
        if max(high, -low) >= 2**SIGNIFICAND_BITS:
            self.notes.append(f"{name} needs more than {SIGNIFICAND_BITS} bits: a float32 rounds it")
        source = self.graph.constant(f"{name}_values", values)
        return self.quant(name, source, FixedPoint(bits, bits - fraction, True, "RND_CONV", "SAT"), None, values.shape)

    def check_float(self, name: str, kind: FixedPoint) -> None:
        if kind.bits - kind.is_signed > SIGNIFICAND_BITS:
            self.notes.append(
                f"layer {name}: its sums need {kind.bits} bits; executors that compute in float32 hold "
                f"{SIGNIFICAND_BITS}, and may differ there. hls4ml computes them exactly"
            )

    # Rounding

    def half(self, name: str) -> float:
        """What the layer's one reader, an activation, wants added before it rounds; noted, so that it adds no more."""
        readers = [layer for layer in self.fixed.layers if name in layer.inputs]
        if len(readers) != 1 or not isinstance(readers[0], FixedActivation):
            return 0.0
        if readers[0].activation not in ("linear", "relu") or name == self.fixed.layers[-1].name:
            return 0.0
        own, kind = self.fixed.emulator.type(name), readers[0].result_type
        if own.fraction <= kind.fraction:
            return 0.0
        self.added[name] = MODES[kind.rounding][1] * kind.step
        return self.added[name]

    def finer(self, name: str) -> int:
        """Fraction bits that `added` needs."""
        step = abs(self.added.get(name, 0.0))
        return -int(np.log2(step)) if step else -64

    def activation(self, layer: FixedActivation, link: Link, source: str) -> str:
        graph, shape, kind = self.graph, link.shape, layer.result_type
        held, before = link.input_type, layer.inputs[0]
        if layer.activation == "relu":
            source = graph.node("Relu", f"{layer.name}_relu", [source], shape)
        elif layer.activation == "relu6":
            low, high = graph.constant(f"{layer.name}_low", 0), graph.constant(f"{layer.name}_high", 6)
            source = graph.node("Clip", f"{layer.name}_clip", [source, low, high], shape)
            self.notes.append(f"layer {layer.name}: hls4ml 1.3 reads no Clip, which relu6 needs")
        elif layer.activation == "leaky_relu" and layer.slope is not None and layer.slope_type is not None:
            slope = float(layer.slope * layer.slope_type.step)
            held = FixedPoint(held.bits + layer.slope_type.bits, held.integer + layer.slope_type.integer, True)
            self.check_float(layer.name, held)
            source = graph.node("LeakyRelu", f"{layer.name}_leaky", [source], shape, alpha=slope)
        elif layer.activation != "linear":
            raise ConfigError(
                f"[qonnx] layer {layer.name}: {layer.activation} cannot be written; use relu or quantized_bits"
            )
        return self.quantised(layer.name, source, kind, shape, before, held)

    def quantised(
        self, name: str, source: str, kind: FixedPoint, shape: tuple[int, ...], before: str, held: FixedPoint | None
    ) -> str:
        """A cast to `kind` of what `held` says can come, anything where it is None."""
        if kind.overflow not in ("SAT", "SAT_SYM"):
            if held is None or not _holds(kind, held):
                raise ConfigError(
                    f"[qonnx] {name}: QONNX saturates and has no {kind.overflow}; use SAT or SAT_SYM in {kind.ap_type}"
                )
            kind = _with_overflow(kind, "SAT")
        if kind.bits == 1 and kind.is_signed:
            raise ConfigError(f"[qonnx] {name}: one bit with a sign means +1 and -1 in QONNX; use two bits")
        mode, steps = MODES[kind.rounding]
        missing = steps * kind.step - self.added.get(before, 0.0)
        if held is not None and held.fraction <= kind.fraction:
            missing, mode = 0.0, "ROUND"  # nothing is rounded
        if missing:
            half = self.graph.constant(f"{name}_half", [missing])
            source = self.graph.node("Add", f"{name}_shifted", [source, half], shape)
        if mode not in HLS4ML_MODES:
            self.notes.append(f"{name}: hls4ml 1.3 reads no Quant that rounds {mode}, which {kind.rounding} needs")
        return self.quant(name, source, kind, mode, shape, batch=True)

    def quant(
        self, name: str, source: str, kind: FixedPoint, mode: str | None, shape: tuple[int, ...], batch: bool = False
    ) -> str:
        scale = self.graph.constant(f"{name}_scale", kind.step)
        zero, bits = self.graph.constant(f"{name}_zero", 0), self.graph.constant(f"{name}_bits", kind.bits)
        make = self.graph.node if batch else self.graph.weights
        narrow = kind.overflow == "SAT_SYM" and kind.is_signed
        options = {"signed": int(kind.is_signed), "narrow": int(narrow), "rounding_mode": mode or "ROUND"}
        return make("Quant", name, [source, scale, zero, bits], shape, QUANT, **options)

    # Pooling

    def pooling(self, layer: FixedPooling, link: Link, source: str) -> str:
        graph, name, shape = self.graph, layer.name, link.shape
        options = {"kernel_shape": layer.size, "strides": layer.strides, "pads": _pads(layer.padding)}
        if layer.accum_type is None:
            if layer.is_global:
                axes = tuple(range(1, 1 + len(layer.size)))
                self.notes.append(f"layer {name}: hls4ml 1.3 reads no ReduceMax, which a global maximum is here")
                return graph.node("ReduceMax", name, [source], shape, axes=axes, keepdims=0)
            return graph.node("MaxPool", name, [source], shape, LAST, **options)
        count = int(np.prod(layer.size))
        if not layer.is_global or any(n for pair in layer.padding for n in pair):
            raise ConfigError(f"[qonnx] layer {name}: of average poolings the global one can be written; got windows")
        if layer.accum_type.bits + count.bit_length() > SIGNIFICAND_BITS:
            self.notes.append(
                f"layer {name}: its means need more than {SIGNIFICAND_BITS} bits; float32 may round them otherwise"
            )
        image = graph.constant(f"{name}_axes", list(range(1, 1 + len(layer.size))), np.int64)
        sums = graph.node("ReduceSum", f"{name}_sum", [source, image], shape, keepdims=0)
        means = graph.node("Div", f"{name}_mean", [sums, graph.constant(f"{name}_count", count)], shape)
        self.notes.append(f"layer {name}: hls4ml 1.3 reads no ReduceSum, which a global average is here")
        kind = layer.accum_type  # quotients are cut towards zero on its grid
        cut = self.quant(f"{name}_cut", means, _with_overflow(kind, "SAT"), "DOWN", shape, batch=True)
        return self.quantised(name, cut, layer.result_type, shape, "", kind)


def _with_overflow(kind: FixedPoint, overflow: str) -> FixedPoint:
    return FixedPoint(kind.bits, kind.integer, kind.is_signed, kind.rounding, overflow)


def _holds(kind: FixedPoint, held: FixedPoint) -> bool:
    """Whether no value of `held` overflows `kind`, rounded up or not."""
    return kind.low <= held.low and held.high + kind.step <= kind.high + kind.step * (held.fraction <= kind.fraction)


def _pads(padding: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    return tuple(pair[i] for i in (0, 1) for pair in padding)
