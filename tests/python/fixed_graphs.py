"""Hand-built frozen graphs for the tests: random codes, sums sized by the emulator, activations that round."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fixed_models import codes
from qkdflow import FixedPoint, Key, _core
from qkdflow.fixed import (
    FixedActivation,
    FixedAdd,
    FixedConcatenate,
    FixedConv,
    FixedDense,
    FixedDepthwiseConv,
    FixedEmbedding,
    FixedGRU,
    FixedLayer,
    FixedModel,
    FixedPooling,
    FixedReshape,
    FixedScale,
    FixedSoftmax,
    FixedTable,
    FixedZeroPadding,
)
from qkdflow.fixed.model import INPUT, UNSIZED, append, sized

INDEX = FixedPoint(4, 4, False)
PIXEL = FixedPoint(8, 3, True, "TRN", "SAT")
WEIGHT, BIAS = FixedPoint(5, 1), FixedPoint(7, 2)
RELU = FixedPoint(6, 3, False, "RND", "SAT")
CUT = FixedPoint(6, 3, True, "RND_CONV", "SAT_SYM")
SHARE = FixedPoint(12, 2, True, "RND", "SAT")
Padding = tuple[tuple[int, int], ...]


def same(size: tuple[int, ...], kernel: tuple[int, ...], strides: tuple[int, ...]) -> Padding:
    """Keras's `same`: as many positions as pixels / stride, the odd zero after."""
    total = (max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, strides, strict=True))
    return tuple((t // 2, t - t // 2) for t in total)


@dataclass
class Build:
    """Layers put on one another; each method takes the last result, or the one named, and gives its own name."""

    key: Key
    shape: tuple[int, ...] = (6, 7, 2)
    kind: FixedPoint = PIXEL
    layers: list[FixedLayer] = field(default_factory=list)
    last: str = INPUT

    def __post_init__(self) -> None:
        self.emulator = _core.Emulator(self.shape, self.kind)

    def put(self, layer: FixedLayer) -> str:
        append(self.emulator, layer)
        self.layers.append(layer)
        self.last = layer.name
        return layer.name

    def name(self, kind: str) -> str:
        return f"{kind}{len(self.layers) + 1}"

    def drawn(self, name: str, weights: tuple[int, ...], n_out: int) -> tuple[Any, ...]:
        """weights, bias and their types; two thirds of the weights stay, so that there are zeros."""
        key = self.key.fold(name)
        w = codes(key.fold("weights"), WEIGHT, weights)
        w[codes(key.fold("mask"), FixedPoint(2, 2, False), weights) == 0] = 0
        return w, codes(key.fold("bias"), BIAS, (n_out,)), WEIGHT, BIAS, UNSIZED

    def dense(self, n_out: int) -> str:
        name, n_in = self.name("fc"), self.emulator.shape(self.last)[0]
        return self.put(sized(self.emulator, FixedDense(name, *self.drawn(name, (n_in, n_out), n_out), (self.last,))))

    def window(self, size: tuple[int, ...], strides: tuple[int, ...], padding: str, source: str) -> tuple[Any, ...]:
        strides = strides or (1,) * len(size)
        pixels = self.emulator.shape(source)[:-1]
        return strides, same(pixels, size, strides) if padding == "same" else ((0, 0),) * len(size)

    def conv(
        self, n_out: int, size: tuple[int, ...], strides: tuple[int, ...] = (), padding: str = "valid", source: str = ""
    ) -> str:
        name, source = self.name("conv"), source or self.last
        drawn = self.drawn(name, (*size, self.emulator.shape(source)[-1], n_out), n_out)
        layer = FixedConv(name, *drawn, (source,), *self.window(size, strides, padding, source))
        return self.put(sized(self.emulator, layer))

    def depthwise(self, size: tuple[int, ...], strides: tuple[int, ...] = (), padding: str = "valid") -> str:
        name, channels = self.name("dw"), self.emulator.shape(self.last)[-1]
        drawn = self.drawn(name, (*size, channels), channels)
        layer = FixedDepthwiseConv(name, *drawn, (self.last,), *self.window(size, strides, padding, self.last))
        return self.put(sized(self.emulator, layer))

    def scale(self) -> str:
        name, channels = self.name("bn"), self.emulator.shape(self.last)[-1]
        scale, *rest = self.drawn(name, (channels,), channels)
        layer = FixedScale(name, np.where(scale == 0, 7, scale), *rest, (self.last,))
        return self.put(sized(self.emulator, layer))

    def relu(self, kind: FixedPoint = RELU) -> str:
        return self.put(FixedActivation(self.name("relu"), "relu", kind, inputs=(self.last,)))

    def cut(self, kind: FixedPoint = CUT) -> str:
        return self.put(FixedActivation(self.name("cut"), "linear", kind, inputs=(self.last,)))

    def activation(self, function: str, kind: FixedPoint = CUT) -> str:
        options: dict[str, Any] = {}
        if function not in ("linear", "relu", "relu6"):
            options |= {"slope": 5, "slope_type": FixedPoint(4, 0, False)}
        if function.startswith("hard"):
            options |= {"shift": 2, "shift_type": FixedPoint(3, 1, False)}
        name = self.name(function)
        return self.put(FixedActivation(name, function, kind, **options, inputs=(self.last,)))

    def table(self, function: str, kind: FixedPoint = CUT) -> str:
        return self.put(FixedTable(self.name(function), function, kind, inputs=(self.last,)))

    def softmax(self, implementation: str, kind: FixedPoint = SHARE) -> str:
        source = self.emulator.type(self.last)
        return self.put(FixedSoftmax(self.name("softmax"), implementation, source, kind, inputs=(self.last,)))

    def pool(
        self,
        op: str,
        size: tuple[int, ...] = (),
        strides: tuple[int, ...] = (),
        padding: str = "valid",
        kind: FixedPoint = CUT,
        extra: int = 2,
    ) -> str:
        """Over the whole image where no size is given. extra: the accumulator's fraction bits beyond the source's."""
        shape, source = self.emulator.shape(self.last), self.emulator.type(self.last)
        is_global, size = not size, size or shape[:-1]
        count = 1
        for n in size:
            count *= n
        growth = (count - 1).bit_length()
        accum = FixedPoint(source.bits + growth + extra, source.integer + growth, source.is_signed)
        window = self.window(size, strides or size, padding, self.last)
        return self.put(
            FixedPooling(
                self.name(op),
                op,
                size,
                kind if op == "average" else source,
                accum if op == "average" else None,
                *window,
                is_global,
                (self.last,),
            )
        )

    def embedding(self, rows: int, width: int, kind: FixedPoint) -> str:
        name = self.name("rows")
        table = codes(self.key.fold(name), kind, (rows, width))
        return self.put(FixedEmbedding(name, table, kind, (self.last,)))

    def gru(self, units: int, return_sequences: bool, state: FixedPoint, accum: FixedPoint) -> str:
        name, n = self.name("gru"), self.emulator.shape(self.last)[-1]
        kernel, first, *_ = self.drawn(name, (n, 3 * units), 3 * units)
        inner, second, *_ = self.drawn(f"{name}_inner", (units, 3 * units), 3 * units)
        types = WEIGHT, WEIGHT, BIAS, accum, state
        layer = FixedGRU(name, kernel, inner, np.stack([first, second]), *types, return_sequences, inputs=(self.last,))
        return self.put(layer)

    def add(self, a: str, b: str) -> str:
        return self.put(sized(self.emulator, FixedAdd(self.name("add"), UNSIZED, (a, b))))

    def concatenate(self, a: str, b: str) -> str:
        return self.put(sized(self.emulator, FixedConcatenate(self.name("concat"), UNSIZED, (a, b))))

    def reshape(self, *shape: int) -> str:
        count = 1
        for n in self.emulator.shape(self.last):
            count *= n
        kind = self.emulator.type(self.last)
        return self.put(FixedReshape(self.name("flat"), shape or (count,), kind, (self.last,)))

    def pad(self, *padding: tuple[int, int]) -> str:
        return self.put(FixedZeroPadding(self.name("pad"), padding, self.emulator.type(self.last), (self.last,)))

    def model(self) -> FixedModel:
        n = self.emulator.shape(self.last)[0]
        return FixedModel("graph", self.shape, self.kind, tuple(self.layers), tuple(f"c{i}" for i in range(n)))


def conv2d(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    """Strides, both paddings, a pooling that leaves a row out, and a flattening."""
    b = Build(key, kind=kind)
    b.conv(4, (3, 3), padding="same")
    b.relu()
    b.conv(3, (2, 3), strides=(2, 1))
    b.cut()
    b.pool("max", (2, 2))
    b.reshape()
    b.dense(3)
    return b.model()


def conv1d(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    b = Build(key, (12, 2), kind)
    b.conv(4, (3,), strides=(2,), padding="same")
    b.relu()
    b.conv(3, (1,))
    b.cut()
    b.pool("average", (2,))
    b.reshape()
    b.dense(3)
    return b.model()


def residual(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    """Two convolutions beside a shortcut, a projection, global average pooling: a piece of a ResNet."""
    b = Build(key, (5, 5, 3), kind)
    start = b.conv(3, (3, 3), padding="same")
    start = b.relu()
    b.conv(3, (3, 3), padding="same")
    b.relu()
    b.conv(3, (3, 3), padding="same")
    b.cut()
    b.add(b.last, start)
    start = b.relu()
    b.conv(5, (3, 3), (2, 2), "same")
    branch = b.cut()
    b.conv(5, (1, 1), (2, 2), source=start)
    b.add(branch, b.last)
    b.relu()
    b.pool("average")
    b.dense(4)
    return b.model()


def depthwise(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    """Depthwise, pointwise and zero padding: a block of a MobileNet, and its global maximum."""
    b = Build(key, (6, 6, 3), kind)
    b.pad((0, 1), (0, 1))
    b.depthwise((3, 3), (2, 2))
    b.cut()
    b.conv(5, (1, 1))
    b.relu()
    b.depthwise((3, 3), padding="same")
    b.cut()
    b.pool("max")
    b.dense(3)
    return b.model()


def pooling(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    """Every pooling of three pixels, whose means no binary number is, and a concatenation."""
    b = Build(key, (6, 9, 2), kind)
    b.conv(3, (1, 1))
    b.cut()
    start = b.last
    b.pool("average", (3, 3))
    a = b.cut(FixedPoint(7, 3, True, "RND_CONV", "SAT"))
    b.last = start
    b.pool("max", (3, 3))
    b.concatenate(a, b.last)
    b.pool("average", extra=0, kind=FixedPoint(8, 3))
    b.dense(3)
    return b.model()


def scaled(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    """BatchNormalization as a layer of its own, on an image and on a vector."""
    b = Build(key, (4, 4, 3), kind)
    b.scale()
    b.relu()
    b.conv(4, (2, 2))
    b.scale()
    b.relu()
    b.reshape()
    b.dense(6)
    b.scale()
    b.cut()
    b.dense(3)
    return b.model()


def activations(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    b = Build(key, (8,), kind)
    for function in ("relu6", "leaky_relu", "hard_sigmoid", "hard_tanh"):
        b.dense(8)
        b.activation(function)
    b.dense(4)
    return b.model()


def tables(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    b = Build(key, (8,), kind)
    for function in ("sigmoid", "tanh"):
        b.dense(8)
        b.table(function, FixedPoint(10, 2, True, "RND", "SAT"))
    b.dense(4)
    return b.model()


def softmaxes(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    """Each of hls4ml's softmaxes on 5 logits of 8 bits."""
    b = Build(key, (8,), kind)
    b.dense(5)
    logits = b.cut(FixedPoint(8, 4, True, "RND", "SAT"))
    made = []
    for implementation in ("latency", "stable", "argmax"):
        b.last = logits
        made.append(b.softmax(implementation))
    b.concatenate(b.concatenate(made[0], made[1]), made[2])
    return b.model()


def padded_pooling(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    """Poolings whose window hangs over the edge: hls4ml can do them in parallel alone."""
    b = Build(key, (5, 5, 2), kind)
    b.conv(3, (2, 2))
    b.cut()
    b.pool("max", (3, 3), (2, 2), "same")
    b.pool("average", (2, 2), (1, 1), "same")
    b.reshape()
    b.dense(3)
    return b.model()


def embedding(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    """A table of fewer rows than its index has codes."""
    b = Build(key, (7,), INDEX)
    b.embedding(11, 3, kind)
    b.reshape()
    b.dense(5)
    b.relu()
    b.dense(3)
    return b.model()


def gru(key: Key, kind: FixedPoint = PIXEL) -> FixedModel:
    """Two, the first of which gives every state; states that round and saturate, an accumulator that rounds."""
    b = Build(key, (5, 3), kind)
    b.cut(FixedPoint(7, 2, True, "RND", "SAT"))
    b.gru(4, True, FixedPoint(8, 1, True, "RND", "SAT"), FixedPoint(22, 9))
    b.gru(3, False, FixedPoint(6, 0, True, "RND_CONV", "SAT_SYM"), FixedPoint(25, 9, True, "RND", "SAT"))
    b.dense(3)
    return b.model()


GRAPHS = {
    "conv2d": conv2d,
    "conv1d": conv1d,
    "residual": residual,
    "depthwise": depthwise,
    "pooling": pooling,
    "scaled": scaled,
    "activations": activations,
    "tables": tables,
    "softmaxes": softmaxes,
    "padded_pooling": padded_pooling,
    "embedding": embedding,
    "gru": gru,
}
