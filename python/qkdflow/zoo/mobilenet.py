"""MobileNetV2 (Sandler et al. 2018), alpha 1.0, as the letter's teacher, and its student."""

from __future__ import annotations

from collections.abc import Sequence

from qkdflow import layers
from qkdflow._core import Key
from qkdflow.layers import Tensor
from qkdflow.models import Model, Sequential
from qkdflow.zoo.parts import begun, q_conv_norm, q_mlp

BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
Shape = tuple[int, ...]


def mobilenetv2(
    classes: int = 2,
    shape: Shape = (80, 80, 3),
    dense: int | None = 100,
    first: Sequence[layers.Layer] = (),
    key: Key | int = 0,
) -> Model:
    """2,257,984 parameters and a head: all of the last image, dense 100 and the classes, or with `dense` None the mean
    of each channel and the classes.

    With 80 x 80 pixels and 2 classes it has the letter's 3,410,286 parameters.
    `first`: an Input and what scales raw counts, in place of Input(shape).
    """
    source, x = begun(shape, first)
    x = _normed(layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False)(x))
    width = 32
    for expansion, filters, count, stride in BLOCKS:
        for i in range(count):
            x = _inverted(x, width, expansion, filters, stride if i == 0 else 1)
            width = filters
    x = _normed(layers.Conv2D(1280, 1, use_bias=False)(x))
    if dense is None:
        x = layers.GlobalAveragePooling2D()(x)
    else:
        x = layers.Activation("relu")(layers.Dense(dense)(layers.Flatten()(x)))
    x = layers.Activation("softmax")(layers.Dense(classes)(x))
    return Model(source, x, "mobilenetv2", key)


def mobilenetv2_student(bits: int = 8, key: Key | int = 0) -> Sequential:
    """The letter's: convolutions 2-7-3-5, a pool after every second, dense 2; 4,595 parameters, with counters."""
    chain: list[layers.Layer] = []
    for i, width in enumerate((2, 7, 3, 5)):
        chain += [*q_conv_norm(width, bits), *([layers.MaxPooling2D()] if i % 2 else [])]
    chain += [layers.Flatten(), *q_mlp((2,), bits), layers.Activation("softmax")]
    return Sequential([layers.Input((80, 80, 3)), *chain], "mobilenetv2_student", key)


def _inverted(x: Tensor, width: int, expansion: int, filters: int, stride: int) -> Tensor:
    """Expand, filter each channel, project; a skip where the shape stays."""
    y = x
    if expansion > 1:
        y = _normed(layers.Conv2D(expansion * width, 1, use_bias=False)(y))
    y = _normed(layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(y))
    y = _norm(layers.Conv2D(filters, 1, use_bias=False)(y))
    return layers.Add()([x, y]) if stride == 1 and width == filters else y


def _normed(x: Tensor) -> Tensor:
    return layers.Activation("relu6")(_norm(x))


def _norm(x: Tensor) -> Tensor:
    # Keras's momentum for ImageNet, 0.999, would still remember the first step after a thousand, which are many here.
    return layers.BatchNormalization(momentum=0.9)(x)
