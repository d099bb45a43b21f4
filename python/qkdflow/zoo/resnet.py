"""ResNets for CIFAR-10 (He et al. 2016, section 4.2) as Keras's cifar10_resnet has them, with and without skips."""

from __future__ import annotations

from collections.abc import Sequence

from qkdflow import layers
from qkdflow._core import Key
from qkdflow.errors import ConfigError
from qkdflow.layers import Tensor
from qkdflow.models import Model
from qkdflow.regularizers import L1L2
from qkdflow.zoo.parts import begun


def resnet(
    depth: int = 20,
    skips: bool = True,
    classes: int = 10,
    shape: tuple[int, ...] = (32, 32, 3),
    first: Sequence[layers.Layer] = (),
    key: Key | int = 0,
) -> Model:
    """6n + 2 layers: three stages of n blocks of two convolutions, 16, 32 and 64 filters wide.

    A skip is added to each block's result, through a 1x1 convolution where the width changes; without `skips` neither
    is there. Depth 8 is MLPerf Tiny's network. `first`: an Input and what scales raw counts, in place of Input(shape).
    ConfigError for a depth that is not 6n + 2.
    """
    if depth < 8 or depth % 6 != 2:
        raise ConfigError(f"[resnet] depth must be 6n + 2 and at least 8; got {depth}")
    source, x = begun(shape, first)
    x = _relu(_conv(x, 16))
    for stage in range(3):
        for block in range((depth - 2) // 6):
            stride = 2 if stage and not block else 1
            y = _conv(_relu(_conv(x, 16 << stage, stride)), 16 << stage)
            if skips:
                y = layers.Add()([_widened(x, 16 << stage) if stride > 1 else x, y])
            x = _relu(y)
    x = layers.Dense(classes)(layers.GlobalAveragePooling2D()(x))
    return Model(source, layers.Activation("softmax")(x), f"resnet{depth}{'' if skips else '_no_skips'}", key)


def _conv(x: Tensor | layers.Input, filters: int, strides: int = 1) -> Tensor:
    conv = layers.Conv2D(filters, 3, strides=strides, padding="same", kernel_regularizer=L1L2(l2=1e-4))
    return layers.BatchNormalization()(conv(x))


def _widened(x: Tensor, filters: int) -> Tensor:
    return layers.Conv2D(filters, 1, strides=2, padding="same", kernel_regularizer=L1L2(l2=1e-4))(x)


def _relu(x: Tensor) -> Tensor:
    return layers.Activation("relu")(x)
