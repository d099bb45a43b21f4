"""Freezing: layer by layer, on an emulator that grows with them and knows every tensor's reach."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from qkdflow import _core, layers, quantizers
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.fixed import (
    FixedAdd,
    FixedConcatenate,
    FixedConv,
    FixedDense,
    FixedDepthwiseConv,
    FixedEmbedding,
    FixedLayer,
    FixedModel,
    FixedPooling,
    FixedReshape,
    FixedScale,
    FixedSoftmax,
    FixedWeighted,
    FixedZeroPadding,
)
from qkdflow.fixed.model import INPUT, UNSIZED, append, sized
from qkdflow.fixed.pointwise import SOFTMAX_TYPE
from qkdflow.freeze import activations
from qkdflow.freeze.activations import Function
from qkdflow.freeze.recurrent import gru
from qkdflow.freeze.rescaling import Affine
from qkdflow.freeze.weights import SCALE_BITS, Weights, covering, on_grid, trained
from qkdflow.layers import base, pooling
from qkdflow.models import Model
from qkdflow.models.normalization import line
from qkdflow.quantizers import Quantizer

EXACT_BITS = 53  # of a float64's significand
PROBABILITY = FixedPoint(16, 1, False, "RND", "SAT")
WEIGHTED = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.DepthwiseConv2D)


def freeze(
    model: Model,
    class_names: tuple[str, ...] | None = None,
    *,
    fold_batch_normalization: bool = False,
    softmax: str | None = None,
) -> FixedModel:
    """The model's integers, with a FixedPoint type each.

    Accumulators are as wide as the real weights need, so that nothing in them rounds or overflows. ConfigError,
    naming the layer, for a layer without quantisers, weights that are NaN or infinite, a Rescaling that is no power
    of two, or sums beyond 53 bits (float64 could then no longer tell the trained network's exact values). Exact, but
    for BatchNormalization, whose slopes are rounded to 18 bits, and for tanh and sigmoid, which become hls4ml's tables.

    A BatchNormalization becomes a layer of its own, which multiplies each result once. `fold_batch_normalization`
    takes it into the kernel of the layer before, where nothing else reads that one: no layer more, but kernels of 18
    bits in place of the few that were trained, zeros staying zeros; hence not the default. QConv2DBatchnorm and
    its kin, which are trained folded, are always folded, at their own bits.

    `softmax` adds hls4ml's after the logits: "latency" and "stable" (tables; probabilities of 16 bits) or "argmax"
    (1 for the largest logit). The highest 10 bits of the logits' type address the tables: end the network on
    QActivation(quantized_bits(...)) to say which. None leaves logits.
    """
    if not isinstance(model, Model):
        raise ConfigError(f"[model] a qkdflow Model is required to be frozen; got {type(model).__name__}")
    source = model.input
    if source.type is None:
        raise ConfigError(
            f"[{source.name}] the input needs a FixedPoint type to be frozen: "
            f"Input({source.shape}, type=FixedPoint(10, 10, False, 'RND', 'SAT')). A model that was loaded from a file "
            "gets one so: typed = Sequential([Input(shape, type=...), *model.layers[1:]]); "
            "typed.set_weights(model.get_weights())"
        )
    for name, values in zip(model.graph.param_names, model.get_weights().values, strict=True):
        lost = values.size - int(np.count_nonzero(np.isfinite(values)))
        if lost:
            raise ConfigError(f"[{name}] weights must be finite to be frozen; {lost} of {values.size} are not")
    folds = _folds(model) if fold_batch_normalization else {}
    freezer = _Freezer(model, _core.Emulator(source.shape, source.type), {source.name: INPUT}, folds)
    for layer in model.layers:
        if layer is not source:
            freezer.take(layer, model.inbound[layer.name])
    freezer.finish(model.layers[-1].name)
    if softmax is not None:
        freezer.softmax(softmax, model.layers[-1])
    names = class_names or tuple(str(i) for i in range(model.output_shape[0]))
    return FixedModel(model.name, source.shape, source.type, tuple(freezer.frozen), names)


@dataclass
class _Freezer:
    model: Model
    emulator: _core.Emulator
    at: dict[str, str]  # the frozen tensor that holds a trained layer's result
    folds: dict[str, layers.BatchNormalization]  # by the layer that takes it in
    frozen: list[FixedLayer] = field(default_factory=list)
    affine: dict[str, Affine] = field(default_factory=dict)  # what is still to be done to it: by trained layer
    function: dict[str, Function] = field(default_factory=dict)  # likewise
    embedding: dict[str, layers.Embedding] = field(default_factory=dict)  # tables still without a type

    def take(self, layer: layers.Layer, inbound: tuple[str, ...]) -> None:
        function = activations.of_layer(layer)
        if isinstance(layer, layers.QActivation):
            self.activation(layer.name, layer.quantizer, inbound[0])
        elif function is not None:
            self.at[layer.name] = self.source(inbound[0])
            self.function[layer.name] = function
        elif isinstance(layer, layers.Rescaling):
            self.rescaling(layer, inbound[0])
        elif isinstance(layer, (layers.Dropout, layers.Softmax, layers.Activation)):  # nothing, or softmax: logits stay
            self.at[layer.name] = self.source(inbound[0])
        elif isinstance(layer, WEIGHTED):
            self.weighted(layer, inbound[0])
        elif isinstance(layer, layers.SeparableConv2D):
            depthwise, pointwise = layer._parts()
            self.weighted(depthwise, inbound[0])
            self.weighted(pointwise, depthwise.name)
        elif isinstance(layer, layers.BatchNormalization):
            self.batch_normalization(layer, inbound[0])
        elif isinstance(layer, pooling._Pool):
            self.pooling(layer, inbound[0])
        elif isinstance(layer, layers.GRU):
            self.put(gru(self.model, layer, self.source(inbound[0]), self.emulator), layer.name)
        elif isinstance(layer, layers.Embedding):
            self.at[layer.name] = self.source(inbound[0])
            self.embedding[layer.name] = layer
        elif isinstance(layer, (layers.Add, layers.Concatenate)):
            self.merge(layer, inbound)
        elif isinstance(layer, (layers.Flatten, layers.Reshape, layers.ZeroPadding1D, layers.ZeroPadding2D)):
            self.moved(layer, inbound[0])
        else:
            raise ConfigError(f"[{layer.name}] a {type(layer).__name__} cannot be frozen")

    def source(self, name: str) -> str:
        """The frozen tensor of a trained layer's result, with nothing still to be done to it."""
        if name in self.function and self.function[name] != Function():
            raise ConfigError(
                f"[{name}] its {self.function[name].name} needs a quantiser to be frozen: put a QActivation after it"
            )
        if name in self.embedding:
            raise ConfigError(
                f"[{name}] its table needs a quantiser to be frozen: put QActivation(quantized_bits(...)) after it"
            )
        if name in self.affine:
            scaling = sized(self.emulator, self.affine.pop(name).layer(name, self.at[name]))
            self.put(scaling, name)
        return self.at[name]

    def put(self, layer: FixedLayer, name: str) -> None:
        append(self.emulator, layer)
        self.frozen.append(layer)
        self.at[name] = layer.name

    def finish(self, name: str) -> None:
        source = self.source(name)
        if not self.frozen or self.frozen[-1].name != source:
            raise ConfigError(f"[{name}] the last layer must leave integers that no other layer is behind")

    def softmax(self, implementation: str, last: layers.Layer) -> None:
        name = last.name if isinstance(last, (layers.Softmax, layers.Activation)) else f"{last.name}_softmax"
        source = self.at[last.name]
        kind, growth = self.emulator.type(source), (self.emulator.shape(source)[-1] - 1).bit_length()
        table = total = SOFTMAX_TYPE
        if implementation == "stable":  # exponentials of at most 1, the largest 1: their sum's inverse too
            table = FixedPoint(SOFTMAX_TYPE.bits, 2, True, "RND", "SAT")
            total = FixedPoint(SOFTMAX_TYPE.bits, 2 + growth, True, "RND", "SAT")
        accum = FixedPoint(table.bits + growth, table.integer + growth)
        softmax = FixedSoftmax(name, implementation, kind, PROBABILITY, table, table, accum, total, inputs=(source,))
        self.put(softmax, last.name)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.emulator.shape(self.at[name])

    def activation(self, name: str, quantizer: Quantizer, inbound: str) -> None:
        function, kind = activations.of_quantizer(quantizer, name)
        if inbound in self.embedding:
            self.rows(name, function, kind, self.embedding[inbound])
            return
        before = self.function.pop(inbound, Function())  # each of its readers quantises it anew
        function = activations.merged(before, function, name)
        self.put(function.frozen(name, kind, self.source(inbound)), name)
        if before != Function():
            self.function[inbound] = before

    def rows(self, name: str, function: Function, kind: FixedPoint, layer: layers.Embedding) -> None:
        """An Embedding and the quantiser after it: its rows, quantised once and for all."""
        if function.name not in ("linear", "relu"):
            raise ConfigError(f"[{name}] after an Embedding quantized_bits or quantized_relu can be frozen")
        table = np.asarray(self.model.effective(f"{layer.name}/embeddings"), dtype=np.float64)
        codes = kind.encode(np.maximum(table, 0) if function.name == "relu" else table)
        self.put(FixedEmbedding(name, codes, kind, (self.at[layer.name],)), name)

    def rescaling(self, layer: layers.Rescaling, inbound: str) -> None:
        source = self.source(inbound)
        self.affine[layer.name] = Affine.of(layer, self.emulator.shape(source)[-1])
        self.at[layer.name] = source

    # Layers with weights

    def weighted(self, layer: layers.Layer, inbound: str) -> None:
        weights, norm = trained(self.model, layer), self.folds.get(layer.name)
        if norm is not None:
            fraction = self.emulator.type(self.at[inbound]).fraction
            weights = weights.normalised(*line(self.model, norm), fraction)
        self.sums(self.fitted(layer, inbound, weights), inbound)
        activation = layer.activation  # type: ignore[attr-defined]
        if activation in (None, "linear", "softmax"):
            return
        if isinstance(activation, str) and activation in activations.NAMED:
            self.function[layer.name] = activations.NAMED[activation]
            return
        self.activation(f"{layer.name}_activation", quantizers.get(activation), layer.name)
        self.at[layer.name] = self.frozen[-1].name

    def fitted(self, layer: layers.Layer, inbound: str, made: Weights) -> FixedWeighted:
        """The frozen layer, its result type still to be found."""
        shape, name, inputs = self.shape(inbound), layer.name, (self.at[inbound],)
        weights, bias = made.kernel, made.bias
        types = made.kernel_type, made.bias_type, UNSIZED, inputs
        if isinstance(layer, layers.Dense):
            if len(shape) == 1:
                return FixedDense(name, weights, bias, *types)
            return FixedConv(name, weights.reshape((1,) * (len(shape) - 1) + weights.shape), bias, *types)
        size = weights.shape[:-2]
        if isinstance(layer, layers.Conv1D) and len(size) == 2:
            weights, size = weights[0], size[1:]
        strides = layer.strides  # type: ignore[attr-defined]
        strides = (strides,) if isinstance(strides, int) else tuple(strides)
        padding = _padding(layer.padding, shape[:-1], size, strides, name)  # type: ignore[attr-defined]
        if not isinstance(layer, layers.DepthwiseConv2D):
            return FixedConv(name, weights, bias, *types, strides, padding)
        if weights.shape[-1] != 1:
            raise ConfigError(f"[{name}] a depth_multiplier of 1 can be frozen; got {weights.shape[-1]}")
        return FixedDepthwiseConv(name, weights[..., 0], bias, *types, strides, padding)

    def sums(self, layer: FixedWeighted, inbound: str) -> None:
        """Put the layer, with a Rescaling before it taken in, and its result type found."""
        affine = self.affine.get(inbound)
        if affine and not affine.folds_into(layer):
            affine = None
        self.check_exact(layer, affine)
        layer = affine.folded(layer) if affine else replace(layer, inputs=(self.source(inbound),))
        self.put(sized(self.emulator, layer), layer.name)

    def check_exact(self, layer: FixedLayer, affine: Affine | None) -> None:
        """Every sum of the trained layer, offset included, must fit a float64: else it is no exact reference."""
        emulator, inputs = self.emulator, layer.inputs
        try:
            if affine:
                emulator = _core.Emulator(emulator.shape(inputs[0]), emulator.type(inputs[0]))
                emulator.add(sized(emulator, affine.layer("scaling", INPUT)).core(), (INPUT,))
                inputs = ("scaling",)
            bits = emulator.sum_bits(layer.core(), inputs)
        except ValueError as error:
            raise ConfigError(f"[{layer.name}] its sums must fit {EXACT_BITS} bits; {error}") from error
        if bits > EXACT_BITS + 1:  # the sign
            raise ConfigError(
                f"[{layer.name}] its sums need more than {EXACT_BITS} bits, so float64 cannot check them exactly. "
                "Use fewer bits for weights, biases, activations or offsets"
            )

    def batch_normalization(self, layer: layers.BatchNormalization, inbound: str) -> None:
        """Slopes of SCALE_BITS bits and offsets on the grid of the products, where no layer before took them in."""
        if layer in self.folds.values():
            self.at[layer.name] = self.at[inbound]
            return
        source = self.source(inbound)
        slope, offset = line(self.model, layer)
        kind = covering(slope, SCALE_BITS)
        bias_type = on_grid(offset, self.emulator.type(source).fraction + kind.fraction)
        scale = FixedScale(
            layer.name, kind.encode(slope), bias_type.encode(offset), kind, bias_type, UNSIZED, (source,)
        )
        self.put(sized(self.emulator, scale), layer.name)

    # Layers without

    def pooling(self, layer: pooling._Pool, inbound: str) -> None:
        source = self.source(inbound)
        shape, kind = self.emulator.shape(source), self.emulator.type(source)
        is_global = isinstance(layer, pooling._Global)
        if isinstance(layer, pooling._Global):
            if layer.keepdims:
                raise ConfigError(f"[{layer.name}] keepdims=False can be frozen; put a Reshape after it")
            size, strides, padding = shape[:-1], shape[:-1], ((0, 0),) * (len(shape) - 1)
        else:
            given = layer.pool_size, layer.strides  # type: ignore[attr-defined]
            size = _each(given[0], len(shape) - 1)
            strides = size if given[1] is None else _each(given[1], len(shape) - 1)
            padding = _padding(layer.padding, shape[:-1], size, strides, layer.name)  # type: ignore[attr-defined]
        accum = None
        if layer.average:
            accum = kind = self.accumulator(layer, kind, math.prod(size), any(n for p in padding for n in p))
        op = "average" if layer.average else "max"
        frozen = FixedPooling(layer.name, op, size, kind, accum, strides, padding, is_global, (source,))
        self.put(frozen, layer.name)

    def accumulator(self, layer: layers.Layer, kind: FixedPoint, count: int, padded: bool) -> FixedPoint:
        """Wide enough for every sum, and so fine that quotients round as the true means do.

        A mean q / n of codes and a point t where a quantiser's result changes are multiples of 2^-f / n, f the finer
        grid of q and t: cut towards zero on a grid finer than that, a mean neither meets nor passes such a point.
        """
        growth = (count - 1).bit_length()
        finer = growth
        if padded or count & (count - 1):
            readers = [r for r in self.model.layers if layer.name in self.model.inbound[r.name]]
            kinds = [r.quantizer.type() for r in readers if isinstance(r, layers.QActivation)]
            if len(kinds) < len(readers) or not readers:
                raise ConfigError(
                    f"[{layer.name}] means over {count} pixels are no binary numbers: put a QActivation after it"
                )
            finer += max(0, *(k.fraction + 1 - kind.fraction for k in kinds))
        return FixedPoint(kind.bits + growth + finer, kind.integer + growth, kind.is_signed)

    def merge(self, layer: layers.Layer, inbound: tuple[str, ...]) -> None:
        sources = [self.source(name) for name in inbound]
        make: Callable[..., FixedLayer] = FixedAdd if isinstance(layer, layers.Add) else FixedConcatenate
        if len(sources) < 2:
            raise ConfigError(f"[{layer.name}] at least two sources can be frozen; got {len(sources)}")
        result = sources[0]
        for i, source in enumerate(sources[1:], 2):  # two at a time
            name = layer.name if i == len(sources) else f"{layer.name}_{i}"
            self.put(sized(self.emulator, make(name, UNSIZED, (result, source))), layer.name)
            result = name

    def moved(self, layer: layers.Layer, inbound: str) -> None:
        source = self.source(inbound)
        shape, kind = self.emulator.shape(source), self.emulator.type(source)
        if isinstance(layer, layers.ZeroPadding1D):
            self.put(FixedZeroPadding(layer.name, (base.pair(layer.padding, "padding"),), kind, (source,)), layer.name)
            return
        if isinstance(layer, layers.ZeroPadding2D):
            self.put(FixedZeroPadding(layer.name, layer.padding, kind, (source,)), layer.name)
            return
        target = (-1,) if isinstance(layer, layers.Flatten) else tuple(getattr(layer, "target_shape"))  # noqa: B009
        known = math.prod(n for n in target if n != -1)
        target = tuple(math.prod(shape) // known if n == -1 else n for n in target)
        self.put(FixedReshape(layer.name, target, kind, (source,)), layer.name)


def _folds(model: Model) -> dict[str, layers.BatchNormalization]:
    """The normalisations that a layer with a kernel, read by nobody else, is followed by."""
    readers = [source for sources in model.inbound.values() for source in sources]
    by_name = {layer.name: layer for layer in model.layers}
    found = {}
    for norm in model.layers:
        if isinstance(norm, layers.BatchNormalization):
            before = by_name[model.inbound[norm.name][0]]
            linear = isinstance(before, (*WEIGHTED, layers.SeparableConv2D)) and getattr(
                before, "activation", None
            ) in (None, "linear")
            if linear and readers.count(before.name) == 1:
                found[before.name] = norm
    return found


def _each(value: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)


def _padding(
    padding: str, pixels: tuple[int, ...], size: tuple[int, ...], strides: tuple[int, ...], name: str
) -> tuple[tuple[int, int], ...]:
    """Keras's `valid` and `same`: as many positions as pixels / stride, the odd zero after."""
    if padding == "valid":
        return ((0, 0),) * len(size)
    if padding != "same":
        raise ConfigError(f"[{name}] padding 'valid' or 'same' can be frozen; got {padding!r}")
    zeros = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(pixels, size, strides, strict=True)]
    return tuple((z // 2, z - z // 2) for z in zeros)
