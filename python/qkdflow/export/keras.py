"""A frozen network as a Keras 2 .h5 in QKeras's words, written with h5py alone.

QKeras rounds half to even; other roundings are that one after a small shift (keras_quantizers.py), which goes into the
bias before where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.export import SIGNIFICAND_BITS
from qkdflow.export.keras_file import keras_file
from qkdflow.export.keras_quantizers import (
    Config,
    covering,
    fraction_bits,
    quantized_bits,
    quantized_relu,
    rounding_shift,
)
from qkdflow.files import write_atomic
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
    FixedScale,
    FixedWeighted,
    FixedZeroPadding,
    Link,
)
from qkdflow.fixed.model import INPUT

INPUT_NAME = "network_input"
EPSILON = 2.0**-10  # a BatchNormalization whose variance is 1 - EPSILON divides by exactly one


def write_keras(fixed: FixedModel, path: str | Path) -> tuple[str, ...]:
    """Write a frozen network as .h5; same network, same bytes. Returns sentences on what to know.

    Raw values in, logits out; the first layer is the input's quantiser. Raises ConfigError for what QKeras cannot say.
    """
    writer = _Writer(fixed)
    writer.walk()
    about = {"digest": fixed.digest, "input_type": fixed.input_type.hls4ml_type}
    write_atomic(path, keras_file(writer.config(), writer.weights, about))
    return tuple(writer.notes)


@dataclass
class _Writer:
    fixed: FixedModel
    layers: list[Config] = field(default_factory=list)
    weights: dict[str, dict[str, NDArray[np.float32]]] = field(default_factory=dict)  # by layer, then by name
    ends: dict[str, str] = field(default_factory=dict)  # the Keras layer with a frozen layer's result
    shifts: dict[str, float] = field(default_factory=dict)  # what a frozen layer's bias holds beyond its own
    notes: list[str] = field(default_factory=list)

    def config(self) -> Config:
        first, last = self.layers[0]["name"], self.ends[self.fixed.layers[-1].name]
        ends = {"input_layers": [[first, 0, 0]], "output_layers": [[last, 0, 0]]}
        inner = {"name": self.fixed.name, "trainable": True, "layers": self.layers, **ends}
        return {"class_name": "Functional", "config": inner}

    def put(self, kind: str, name: str, sources: list[str], config: Config, weights: Mapping[str, Any] = {}) -> str:
        inbound = [[[source, 0, 0, {}] for source in sources]] if sources else []
        trainable = {"trainable": True} if sources else {}
        described = {"name": name, **trainable, "dtype": "float32", **config}
        self.layers.append({"class_name": kind, "config": described, "name": name, "inbound_nodes": inbound})
        self.weights[name] = {key: np.asarray(value, dtype=np.float32) for key, value in weights.items()}
        return name

    def walk(self) -> None:
        fixed, kind = self.fixed, self.fixed.input_type
        shape = {"batch_input_shape": [None, *fixed.input_shape], "sparse": False, "ragged": False}
        first = self.put("InputLayer", INPUT_NAME, [], shape)
        if kind.rounding != "RND_CONV":
            self.notes.append(f"inputs between two codes are rounded half to even; in hardware: {kind.rounding}")
        if kind.overflow not in ("SAT", "SAT_SYM"):
            self.notes.append(f"inputs beyond {kind.ap_type} saturate; in hardware: {kind.overflow}")
        quantizer = quantized_bits(kind.bits, kind.integer, kind.is_signed, kind.overflow == "SAT_SYM")
        self.ends[INPUT] = self.activation_layer("input_quant", first, quantizer)
        for link in fixed.links:
            self.ends[link.layer.name] = self.layer(link)

    def layer(self, link: Link) -> str:
        layer, name = link.layer, link.layer.name
        sources = [self.ends[source] for source in layer.inputs]
        match layer:
            case FixedWeighted():
                return self.weighted(layer, link, sources[0])
            case FixedActivation():
                return self.activation(layer, link, sources[0])
            case FixedPooling():
                return self.pooling(layer, link, sources[0])
            case FixedAdd():
                return self.put("Add", name, sources, {})
            case FixedConcatenate():
                return self.put("Concatenate", name, sources, {"axis": -1})
            case FixedReshape():
                if len(layer.shape) == 1:
                    return self.put("Flatten", name, sources, {"data_format": "channels_last"})
                return self.put("Reshape", name, sources, {"target_shape": list(layer.shape)})
            case FixedZeroPadding():
                return self.zeros(name, sources[0], layer.padding)
            case FixedEmbedding():
                return self.embedding(layer, sources[0])
        if isinstance(layer, FixedGRU):
            raise ConfigError(f"[keras] layer {name}: a GRU cannot be written; write hls4ml's project")
        raise ConfigError(
            f"[keras] layer {name}: QKeras has no tables like hls4ml's {layer.kind}; end the network on logits, or use "
            "relu or quantized_bits in its place"
        )

    def embedding(self, layer: FixedEmbedding, source: str) -> str:
        """The rows, and after them their quantiser, which changes nothing."""
        kind, (rows, width) = layer.result_type, layer.embeddings.shape
        table = {"embeddings": kind.decode(layer.embeddings)}
        options = {"input_dim": rows, "output_dim": width, "mask_zero": False}
        made = self.put("Embedding", f"{layer.name}_rows", [source], options, table)
        return self.cast(FixedActivation(layer.name, "linear", kind), kind, made, 0.0)

    # Sums

    def weighted(self, layer: FixedWeighted, link: Link, source: str) -> str:
        name, kind = layer.name, layer.weight_type
        self.check_float(name, layer.result_type, self.shift(name))
        bias = layer.bias_type.decode(layer.bias) + self.shifts.get(name, 0.0)
        weights = kind.decode(layer.weights)
        if isinstance(layer, FixedScale):
            ones = np.ones(weights.shape)
            tensors = {"gamma": weights, "beta": bias, "moving_mean": 0 * ones, "moving_variance": (1 - EPSILON) * ones}
            self.notes.append(f"layer {name} is a BatchNormalization, which names no types of its own")
            options: Config = {"axis": [len(link.shape)], "momentum": 0.99, "epsilon": EPSILON}
            return self.put("BatchNormalization", name, [source], {**options, "center": True, "scale": True}, tensors)
        options = {"use_bias": bool(bias.any()), "activation": "linear"}
        quantizer = covering(max(kind.bits, 2), kind.integer + (kind.bits == 1), kind.is_signed)
        if bias.any():
            options["bias_quantizer"] = self.bias_quantizer(name, bias, layer.bias_type)
        tensors = {"bias": bias} if bias.any() else {}
        if isinstance(layer, FixedDense):
            options |= {"units": weights.shape[-1], "kernel_quantizer": quantizer}
            return self.put("QDense", name, [source], options, {"kernel": weights, **tensors})
        if not isinstance(layer, (FixedConv, FixedDepthwiseConv)):
            raise ConfigError(f"[keras] layer {name}: a {layer.kind} cannot be written")
        source, padding = self.padded(layer, link, source)
        options |= {"strides": list(layer.strides), "padding": padding, "data_format": "channels_last"}
        if isinstance(layer, FixedDepthwiseConv):
            if layer.image_axes == 1:
                raise ConfigError(f"[keras] layer {name}: QKeras has no depthwise convolution over a series")
            options |= {
                "kernel_size": list(weights.shape[:-1]),
                "depth_multiplier": 1,
                "depthwise_quantizer": quantizer,
            }
            return self.put(
                "QDepthwiseConv2D", name, [source], options, {"depthwise_kernel": weights[..., np.newaxis], **tensors}
            )
        options |= {
            "kernel_size": list(weights.shape[:-2]),
            "filters": weights.shape[-1],
            "kernel_quantizer": quantizer,
        }
        kind_name = f"QConv{layer.image_axes}D"
        return self.put(kind_name, name, [source], options, {"kernel": weights, **tensors})

    def bias_quantizer(self, name: str, bias: NDArray[np.float64], kind: FixedPoint) -> Config:
        shift = abs(self.shifts.get(name, 0.0))
        fraction = max(kind.fraction, fraction_bits(shift))
        codes = np.ldexp(bias, fraction)
        reach = max(int(np.abs(codes).max()).bit_length(), 1) + 1
        if reach > SIGNIFICAND_BITS + 1:
            self.notes.append(f"layer {name}: its bias needs {reach} bits; a float32 rounds it to {SIGNIFICAND_BITS}")
        return covering(max(reach, 2), max(reach, 2) - fraction, True)

    def check_float(self, name: str, kind: FixedPoint, shift: float) -> None:
        bits = kind.bits - kind.is_signed + max(fraction_bits(abs(shift)) - kind.fraction, 0)
        if bits > SIGNIFICAND_BITS:
            self.notes.append(
                f"layer {name}: its sums need {bits} bits; Keras computes in float32, which holds {SIGNIFICAND_BITS}, "
                "and may differ"
            )

    def padded(self, layer: Any, link: Link, source: str) -> tuple[str, str]:
        """The source, with zeros around it where Keras has no word for this padding; and the word."""
        pixels, size = link.input_shapes[0][:-1], _size(layer)
        if not any(n for pair in layer.padding for n in pair):
            return source, "valid"
        if layer.padding == _same(pixels, size, layer.strides):
            return source, "same"
        if isinstance(layer, FixedPooling):
            raise ConfigError(
                f"[keras] layer {layer.name}: Keras pads a pooling `same` or not at all; got {layer.padding}"
            )
        return self.zeros(f"{layer.name}_zeros", source, layer.padding), "valid"

    def zeros(self, name: str, source: str, padding: tuple[tuple[int, int], ...]) -> str:
        sides: Any = [list(pair) for pair in padding]
        config = {"padding": sides if len(sides) == 2 else sides[0]}
        return self.put(f"ZeroPadding{len(sides)}D", name, [source], config)

    # Rounding

    def shift(self, name: str) -> float:
        """What the layer's one reader, an activation, wants added before it rounds; noted, so that it adds no more."""
        readers = [layer for layer in self.fixed.layers if name in layer.inputs]
        if (
            len(readers) == 1
            and isinstance(readers[0], FixedActivation)
            and readers[0].activation in ("linear", "relu")
        ):
            self.shifts[name] = rounding_shift(readers[0], self.fixed.emulator.type(name))
        return self.shifts.get(name, 0.0)

    def activation(self, layer: FixedActivation, link: Link, source: str) -> str:
        source, held = self.function(layer, link.input_type, source)
        return self.cast(layer, held, source, rounding_shift(layer, held) - self.shifts.get(layer.inputs[0], 0.0))

    def function(self, layer: FixedActivation, held: FixedPoint, source: str) -> tuple[str, FixedPoint]:
        """What is to be rounded, and the type that holds it; quantized_relu is function and rounding in one."""
        name = layer.name
        match layer.activation:
            case "relu" if layer.result_type.is_signed:
                source = self.put("ReLU", f"{name}_relu", [source], {"max_value": None})
            case "relu6":
                source = self.put("ReLU", f"{name}_relu", [source], {"max_value": 6.0})
            case "leaky_relu" if layer.slope is not None and layer.slope_type is not None:
                slope, kind = float(layer.slope * layer.slope_type.step), layer.slope_type
                held = FixedPoint(held.bits + kind.bits, held.integer + kind.integer, True)
                self.check_float(name, held, 0.0)
                source = self.put("LeakyReLU", f"{name}_leaky", [source], {"alpha": slope})
            case "hard_sigmoid" | "hard_tanh":
                raise ConfigError(
                    f"[keras] layer {name}: {layer.activation} cannot be written; use relu or quantized_bits"
                )
        return source, held

    def cast(self, layer: FixedActivation, held: FixedPoint, source: str, missing: float) -> str:
        """held: what comes; missing: what must still be added to it."""
        name, kind = layer.name, layer.result_type
        if missing:
            self.notes.append(
                f"layer {name}: a Rescaling before its rounding shifts by {missing}; hls4ml reads no Rescaling"
            )
            source = self.put("Rescaling", f"{name}_shift", [source], {"scale": 1.0, "offset": missing})
        exact = held.fraction <= kind.fraction and kind.low <= held.low and held.high <= kind.high
        if kind.overflow not in ("SAT", "SAT_SYM") and not exact:
            raise ConfigError(
                f"[keras] layer {name}: QKeras saturates and has no {kind.overflow}; use SAT in {kind.ap_type}"
            )
        if kind.integer < kind.is_signed:
            raise ConfigError(
                f"[keras] layer {name}: QKeras takes no negative integer; got {kind.ap_type}; use more bits"
            )
        if kind.bits == 1 and kind.is_signed:
            raise ConfigError(f"[keras] layer {name}: one bit with a sign has no word in QKeras; use two bits")
        if layer.activation == "relu" and not kind.is_signed:
            return self.activation_layer(name, source, quantized_relu(kind))
        self.notes.append(
            f"layer {name}: hls4ml 1.3 drops it from this file unless the layer before has a precision that is not auto"
            + (", and reads its symmetric=1 as SAT" if kind.overflow == "SAT_SYM" else "")
        )
        quantizer = quantized_bits(kind.bits, kind.integer, kind.is_signed, kind.overflow == "SAT_SYM")
        return self.activation_layer(name, source, quantizer)

    def activation_layer(self, name: str, source: str, quantizer: Config) -> str:
        """QKeras reads a QActivation's quantiser from a text alone."""
        c, kind = quantizer["config"], quantizer["class_name"]
        text = f"{kind}({c['bits']},{c['integer']}"
        text += f",{c['symmetric']},{int(c['keep_negative'])},alpha=1)" if kind == "quantized_bits" else ")"
        return self.put("QActivation", name, [source], {"activation": text})

    def pooling(self, layer: FixedPooling, link: Link, source: str) -> str:
        op, rank = layer.op.capitalize(), len(layer.size)
        name = layer.name if layer.accum_type is None else f"{layer.name}_mean"
        if layer.is_global:
            made = self.put(f"Global{op}Pooling{rank}D", name, [source], {"keepdims": False})
        else:
            source, padding = self.padded(layer, link, source)
            options = {"pool_size": list(layer.size), "strides": list(layer.strides), "padding": padding}
            made = self.put(f"{op}Pooling{rank}D", name, [source], options)
        return made if layer.accum_type is None else self.mean(layer, layer.accum_type, link.input_type, made)

    def mean(self, layer: FixedPooling, accum: FixedPoint, pixel: FixedPoint, source: str) -> str:
        """The cast of a mean to its type. Only means that are binary numbers are what float32 gives."""
        count = int(np.prod(layer.size))
        padded = any(n for pair in layer.padding for n in pair)
        if count & (count - 1) or padded or accum.fraction < pixel.fraction + count.bit_length() - 1:
            self.notes.append(f"layer {layer.name}: its means are rounded as float32 rounds them, not as hardware does")
        cast = FixedActivation(layer.name, "linear", layer.result_type)
        return self.cast(cast, accum, source, rounding_shift(cast, accum))


def _size(layer: Any) -> tuple[int, ...]:
    return tuple(layer.size) if isinstance(layer, FixedPooling) else tuple(layer.weights.shape[: len(layer.strides)])


def _same(pixels: tuple[int, ...], size: tuple[int, ...], strides: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    zeros = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(pixels, size, strides, strict=True)]
    return tuple((z // 2, z - z // 2) for z in zeros)
