"""Multilayer perceptrons: pulses of a detector, and MNIST through a narrow first layer."""

from __future__ import annotations

from qkdflow import layers
from qkdflow._core import Key
from qkdflow.models import Sequential
from qkdflow.quantizers import quantized_bits
from qkdflow.regularizers import L1L2
from qkdflow.zoo.parts import mlp, q_mlp


def psd_teacher(key: Key | int = 0) -> Sequential:
    """The letter's 1D-MLP teacher, 30-72-92-50-50-4: the one network of its search space with 16,352 parameters."""
    return Sequential([layers.Input((30,)), *mlp((72, 92, 50, 50, 4), L1L2(l2=1e-4)), _softmax()], "psd_teacher", key)


def psd_student(bits: int = 8, key: Key | int = 0) -> Sequential:
    """The letter's 1D-MLP student, 30-15-4: 529 parameters, a 31st of the teacher."""
    return Sequential([layers.Input((30,)), *q_mlp((15, 4), bits), _softmax()], "psd_student", key)


def clyc_teacher(key: Key | int = 0) -> Sequential:
    """Gamma and neutron pulses of 161 samples: 13-15-7-5-6-2, 2,518 parameters, Dropout behind the third to fifth."""
    chain, dropped = [layers.Input((161,)), *mlp((13, 15, 7, 5, 6, 2), L1L2(l2=1e-3))], {5: 0.1, 7: 0.2, 9: 0.2}
    made = [a for i, layer in enumerate(chain) for a in (layer, *_dropout(dropped.get(i - 1)))]
    return Sequential([*made, _softmax()], "clyc_teacher", key)


def clyc_student(bits: int = 8, key: Key | int = 0) -> Sequential:
    """161-5-4-4-5-3-2, 905 parameters; kernels without alpha, so with a power of two for each output."""
    return Sequential(
        [layers.Input((161,)), *q_mlp((5, 4, 4, 5, 3, 2), bits, quantized_bits(bits, 4)), _softmax()],
        "clyc_student",
        key,
    )


def mnist_mlp_teacher(key: Key | int = 0) -> Sequential:
    """784-5-128-32-10, 9,151 parameters: no layer has more than 4,096 products."""
    return Sequential(
        [layers.Input((784,)), *mlp((5, 128, 32, 10), L1L2(l2=1e-3)), _softmax()], "mnist_mlp_teacher", key
    )


def mnist_mlp_student(bits: int = 6, key: Key | int = 0) -> Sequential:
    """784-5-120-32-10, 8,847 parameters."""
    return Sequential([layers.Input((784,)), *q_mlp((5, 120, 32, 10), bits), _softmax()], "mnist_mlp_student", key)


def _softmax() -> layers.Layer:
    return layers.Activation("softmax")


def _dropout(rate: float | None) -> list[layers.Layer]:
    return [] if rate is None else [layers.Dropout(rate)]
