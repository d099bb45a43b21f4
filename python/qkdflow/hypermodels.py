"""The networks that a search may build. One function of `hp` a network: what is searched is what is trained.

Spaces are the letter's (Molina et al. 2024, section II-A): teacher widths 32 to 300, student widths 1 to 20, learning
rates 0.01, 0.001 and 0.0001.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qkdflow._core import Key
from qkdflow.datasets import Dataset
from qkdflow.layers import Dense, Input, QActivation, QDense, Rescaling
from qkdflow.models import Sequential
from qkdflow.optimizers import Adam
from qkdflow.quantizers import csd_bits, quantized_bits, quantized_relu
from qkdflow.tune import HyperParameters

LEARNING_RATES = (1e-2, 1e-3, 1e-4)
BIAS_BITS = 16  # biases cost one adder input each; more bits than the weights' let them be of any size


def standardization(dataset: Dataset) -> Rescaling:
    """(x - mean) / deviation, per feature, from the training part: for float networks."""
    x = dataset.train.x.reshape(len(dataset.train.x), -1).astype(np.float64)
    deviation = np.maximum(x.std(axis=0), 1e-3 * max(float(x.std()), 1e-12))
    scale = (1.0 / deviation).astype(np.float32)
    return Rescaling(scale, -x.mean(axis=0) * scale, name="rescaling")


def power_of_two_scaling(dataset: Dataset) -> Rescaling:
    """(x - round(mean)) * 2^-k, one k for all features, from the training part: exact in fixed point.

    k takes the spread of all features together to between 1/2 and 1.
    """
    x = dataset.train.x.reshape(len(dataset.train.x), -1).astype(np.float64)
    step = dataset.input_type.step
    mean = np.round(x.mean(axis=0) / step) * step
    spread = max(float(np.sqrt(np.mean((x - mean) ** 2))), step)
    scale = 2.0 ** -math.ceil(math.log2(spread))
    return Rescaling(scale, -mean * scale, name="rescaling")


@dataclass(frozen=True)
class TeacherMLP:
    """Four hidden layers of float32."""

    dataset: Dataset

    @cached_property
    def scaling(self) -> Rescaling:
        return standardization(self.dataset)

    def __call__(self, hp: HyperParameters, key: Key | int = 0) -> Sequential:
        widths = [
            hp.Int("fc1", 32, 300, step=10),
            hp.Int("fc2", 32, 100, step=10),
            hp.Int("fc3", 10, 50, step=10),
            hp.Int("fc4", 10, 50, step=10),
        ]
        rate = hp.Choice("learning_rate", LEARNING_RATES, default=1e-3)
        hidden = [Dense(w, "relu", kernel_initializer="he_uniform", name=f"fc{i + 1}") for i, w in enumerate(widths)]
        model = Sequential(
            [
                Input(self.dataset.shape, self.dataset.input_type, name="input"),
                self.scaling,
                *hidden,
                Dense(self.dataset.classes, name="output"),
            ],
            name="teacher",
            key=key,
        )
        model.compile(Adam(rate))
        return model


@dataclass(frozen=True)
class StudentMLP:
    """One or two hidden layers, weights and activations of `bits` bits, rounded half up.

    digits: signed digits that a weight may have (csd_bits); with two, no product needs a DSP. The hyper-parameters
    temperature and alpha belong to the distillation that trains it.
    """

    dataset: Dataset
    bits: int
    digits: int | None = None

    @cached_property
    def scaling(self) -> Rescaling:
        return power_of_two_scaling(self.dataset)

    def __call__(self, hp: HyperParameters, key: Key | int = 0) -> Sequential:
        depth = hp.Int("depth", 1, 2)
        widths = [hp.Int("fc1", 1, 20, default=15)]
        with hp.conditional_scope("depth", [2]):
            second = hp.Int("fc2", 1, 20, default=10)
        if depth == 2:
            widths.append(second)
        reach = hp.Int("relu_integer", 0, min(3, self.bits), default=min(2, self.bits))
        rate = hp.Choice("learning_rate", LEARNING_RATES, default=1e-2)
        hp.Choice("temperature", [1.0, 2.0, 4.0, 8.0], default=2.0)
        hp.Float("alpha", 0.1, 0.9, step=0.1, default=0.5)

        chain: list[QDense | QActivation] = []
        for i, width in enumerate(widths):
            chain += [
                self._dense(width, f"fc{i + 1}"),
                QActivation(quantized_relu(self.bits, reach, rounding="RND"), name=f"relu{i + 1}"),
            ]
        model = Sequential(
            [
                Input(self.dataset.shape, self.dataset.input_type, name="input"),
                self.scaling,
                *chain,
                self._dense(self.dataset.classes, "output"),
            ],
            name="student",
            key=key,
        )
        model.compile(Adam(rate))
        return model

    def _dense(self, units: int, name: str) -> QDense:
        kernel = quantized_bits(self.bits, 1, alpha=1, rounding="RND")
        if self.digits is not None:
            kernel = csd_bits(self.bits, 1, rounding="RND", digits=self.digits)
        return QDense(
            units,
            kernel_initializer="he_uniform",
            kernel_quantizer=kernel,
            bias_quantizer=quantized_bits(BIAS_BITS, 5, alpha=1, rounding="RND"),
            name=name,
        )


def linear(dataset: Dataset, key: Key | int = 0) -> Sequential:
    """Multinomial logistic regression: the baseline that every network has to beat."""
    model = Sequential(
        [
            Input(dataset.shape, dataset.input_type, name="input"),
            standardization(dataset),
            Dense(dataset.classes, name="output"),
        ],
        name="linear",
        key=key,
    )
    model.compile(Adam(1e-2))
    return model
