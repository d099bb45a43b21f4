"""Convolutional networks for MNIST and for the letter's moths."""

from __future__ import annotations

from collections.abc import Sequence

from qkdflow import layers
from qkdflow._core import Key
from qkdflow.models import Sequential
from qkdflow.regularizers import L1L2
from qkdflow.zoo.parts import mlp, q_conv, q_conv_norm, q_mlp

Shape = tuple[int, ...]


def mnist_cnn_teacher(key: Key | int = 0) -> Sequential:
    """Conv 8, 16 (3x3) and 64 (1x1), the mean of each channel, dense 32-10: 4,746 parameters."""
    chain = [
        *_conv(8, "valid"),
        layers.MaxPooling2D(),
        *_conv(16, "valid"),
        layers.MaxPooling2D(),
        *_conv(64, "valid", 1),
    ]
    return _mnist([*chain, layers.GlobalAveragePooling2D(), *mlp((32, 10))], "mnist_cnn_teacher", key)


def mnist_cnn_student(bits: int = 6, key: Key | int = 0) -> Sequential:
    """The same with 50 for 64 and 28 for 32, quantised: 3,816 parameters."""
    chain = [*q_conv(8, bits, padding="valid"), layers.MaxPooling2D(), *q_conv(16, bits, padding="valid")]
    chain += [layers.MaxPooling2D(), *q_conv(50, bits, 1, "valid"), layers.GlobalAveragePooling2D()]
    return _mnist([*chain, *q_mlp((28, 10), bits)], "mnist_cnn_student", key)


def mnist_cnn_teacher_33194(key: Key | int = 0) -> Sequential:
    """Conv 16-32-32, each with a pool, dense 64-10 with Dropout: 33,194 parameters."""
    chain = [layer for filters in (16, 32, 32) for layer in (*_conv(filters), layers.MaxPooling2D())]
    dense = [layers.Dense(64), layers.Activation("relu"), layers.Dropout(0.5), layers.Dense(10)]
    return _mnist([*chain, layers.Flatten(), *dense], "mnist_cnn_teacher_33194", key)


def mnist_cnn_student_1762(bits: int = 8, key: Key | int = 0) -> Sequential:
    """Conv 2-4, each with a pool, dense 8-10, quantised: 1,762 parameters."""
    chain = [layer for filters in (2, 4) for layer in (*q_conv(filters, bits), layers.MaxPooling2D())]
    return _mnist([*chain, layers.Flatten(), *q_mlp((8, 10), bits)], "mnist_cnn_student_1762", key)


def pest_teacher(
    filters: Sequence[int] = (48, 40, 88, 40),
    dense: Sequence[int] = (40, 10),
    classes: int = 3,
    shape: Shape = (80, 80, 3),
    key: Key | int = 0,
) -> Sequential:
    """The letter's 2D-CNN teachers: convolutions with BatchNormalization, a pool after every second, dense layers.

    The widths are one of the two choices in its search space (filters 32 to 128 by 8, dense 10 to 50 by 10) of four
    convolutional and three dense layers that have its 723,499 parameters; it does not give them.
    """
    chain: list[layers.Layer] = []
    for i, width in enumerate(filters):
        conv = layers.Conv2D(width, 3, padding="same", kernel_regularizer=L1L2(l2=1e-4))
        chain += [conv, layers.BatchNormalization(), layers.Activation("relu")]
        chain += [layers.MaxPooling2D()] if i % 2 else []
    chain += [layers.Flatten(), *mlp((*dense, classes)), layers.Activation("softmax")]
    return Sequential([layers.Input(shape), *chain], "pest_teacher", key)


def pest_student(bits: int = 8, classes: int = 3, shape: Shape = (80, 80, 3), key: Key | int = 0) -> Sequential:
    """The letter's 2D-CNN student as its file has it: 3,669 parameters with QKeras's counters (it says 3,699)."""
    chain: list[layers.Layer] = []
    for i, width in enumerate((2, 5, 3, 10, 7, 9, 2, 10)):
        chain += [*q_conv_norm(width, bits), *([layers.MaxPooling2D()] if i % 2 else [])]
    chain += [layers.Flatten(), *q_mlp((5, 5, 5, classes), bits), layers.Activation("softmax")]
    return Sequential([layers.Input(shape), *chain], "pest_student", key)


def _conv(filters: int, padding: str = "same", size: int = 3) -> list[layers.Layer]:
    return [layers.Conv2D(filters, size, padding=padding), layers.Activation("relu")]


def _mnist(chain: Sequence[layers.Layer], name: str, key: Key | int) -> Sequential:
    return Sequential([layers.Input((28, 28, 1)), *chain, layers.Activation("softmax")], name, key)
