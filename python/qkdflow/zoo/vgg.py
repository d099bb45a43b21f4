"""VGG16 (Simonyan & Zisserman 2015) as the letter's teacher, and a student of as many layers."""

from __future__ import annotations

from collections.abc import Sequence

from qkdflow import layers
from qkdflow._core import Key
from qkdflow.models import Sequential
from qkdflow.zoo.parts import mlp, q_conv_norm, q_mlp

BLOCKS = (2, 2, 3, 3, 3)  # convolutions before each pool
Shape = tuple[int, ...]


def vgg16(
    classes: int = 7,
    shape: Shape = (80, 80, 3),
    first: Sequence[layers.Layer] = (),
    key: Key | int = 0,
) -> Sequential:
    """13 convolutions, 14,714,688 parameters, and a head: the mean of each channel, dense 200 and the classes.

    With 7 classes it has the letter's 14,818,695 parameters; the letter does not describe the head.
    `first`: an Input and what scales raw counts, in place of Input(shape).
    """
    chain: list[layers.Layer] = []
    for count, width in zip(BLOCKS, (64, 128, 256, 512, 512), strict=True):
        for _ in range(count):
            conv = layers.Conv2D(width, 3, padding="same", kernel_initializer="he_uniform")
            chain += [conv, layers.Activation("relu")]
        chain += [layers.MaxPooling2D()]
    chain += [layers.GlobalAveragePooling2D(), *mlp((200, classes)), layers.Activation("softmax")]
    return Sequential([*(first or [layers.Input(shape)]), *chain], "vgg16", key)


def vgg16_student(bits: int = 8, classes: int = 7, shape: Shape = (80, 80, 3), key: Key | int = 0) -> Sequential:
    """13 convolutions, blocks of 2, 2, 8, 2 and 7 filters, dense 5-5: the letter's 3,207 parameters, with counters.

    The letter gives 16 layers and their parameters; the widths are ours.
    """
    chain: list[layers.Layer] = []
    for count, width in zip(BLOCKS, (2, 2, 8, 2, 7), strict=True):
        for _ in range(count):
            chain += q_conv_norm(width, bits)
        chain += [layers.MaxPooling2D()]
    chain += [layers.Flatten(), *q_mlp((5, 5, classes), bits), layers.Activation("softmax")]
    return Sequential([layers.Input(shape), *chain], "vgg16_student", key)
