"""Multilayer perceptrons, and the linear classifier."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from qkdflow._core import Key
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError
from qkdflow.hypermodels.parts import (
    Bits,
    Range,
    check_ranges,
    check_rate,
    distillation,
    layer_bits,
    learning_rate,
    least_bits,
    q_dense,
    q_relu,
    relu_integer,
)
from qkdflow.hypermodels.scaling import power_of_two_scaling, standardization
from qkdflow.layers import AveragePooling1D, Dense, Flatten, Input, Layer, QActivation, QDense, Rescaling, Reshape
from qkdflow.models import Sequential
from qkdflow.optimizers import Adam
from qkdflow.tune import HyperParameters


def _vector(dataset: Dataset, scaling: Rescaling) -> list[Layer]:
    """The input, flattened where it is no vector, and scaled: freeze folds a scaling into the layer behind it."""
    first = Input(dataset.shape, dataset.input_type, name="input")
    if len(dataset.shape) == 1:
        return [first, scaling]
    pixels = math.prod(dataset.shape[:-1])
    scale, offset = (
        tuple(np.tile(np.broadcast_to(v, dataset.shape[-1:]), pixels).tolist()) for v in (scaling.scale, scaling.offset)
    )
    return [first, Flatten(name="flatten"), Rescaling(scale, offset, name=scaling.name)]


def _pooled(dataset: Dataset, pool: int, scaling: Rescaling) -> list[Layer]:
    """The means of `pool` neighbours in a vector, scaled: freeze folds a scaling into the layer behind it."""
    return [
        Input(dataset.shape, dataset.input_type, name="input"),
        Reshape((*dataset.shape, 1), name="series"),
        AveragePooling1D(pool, name="pool"),
        Flatten(name="flatten"),
        scaling,
    ]


@dataclass(frozen=True)
class TeacherMLP:
    """Four hidden layers of float32."""

    dataset: Dataset
    batch: ClassVar[int] = 128

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
        rate = learning_rate(hp, 1e-3)
        hidden = [Dense(w, "relu", kernel_initializer="he_uniform", name=f"fc{i + 1}") for i, w in enumerate(widths)]
        model = Sequential(
            [
                *_vector(self.dataset, self.scaling),
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

    bits: of all layers, or (least, most): then each layer's are searched too, bits_fc1 and so on.
    digits: signed digits that a weight may have (csd_bits); with two, no product needs a DSP. The hyper-parameters
    temperature and alpha belong to the distillation that trains it. widths: the hidden layers, each with its least and
    most width and their step, in place of the letter's one or two of 1 to 20. learning_rate: what a search tries first.
    pool: how many samples of a pulse are averaged into one input of the first layer, each a power of two, so that the
    means are exact and cost no multiplier; the search chooses. What is left at a pulse's end is not read.
    """

    dataset: Dataset
    bits: Bits
    digits: int | None = None
    widths: tuple[Range, ...] = ()
    learning_rate: float = 1e-2
    pool: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_ranges("[StudentMLP] widths", self.widths)
        check_rate(self.learning_rate)
        shape = self.dataset.shape
        for pool in self.pool:
            if len(shape) != 1 or not 1 <= pool <= shape[0] or pool & (pool - 1):
                raise ConfigError(
                    "[StudentMLP] pool must list powers of two, of vectors' samples, so that means are exact; got "
                    f"{pool} for inputs of shape {shape}"
                )

    @cached_property
    def scaling(self) -> Rescaling:
        return power_of_two_scaling(self.dataset)

    @cached_property
    def _scalings(self) -> dict[int, Rescaling]:
        """By pool, computed once: a search builds a network for every candidate whose parameters it counts."""
        return {pool: power_of_two_scaling(self.dataset, pool) for pool in self.pool if pool > 1}

    def __call__(self, hp: HyperParameters, key: Key | int = 0) -> Sequential:
        pool = int(hp.Choice("pool", self.pool)) if self.pool else 1
        data = self.dataset
        first = _vector(data, self.scaling) if pool == 1 else _pooled(data, pool, self._scalings[pool])
        hidden = self._hidden(hp)
        last = layer_bits(hp, self.bits, "output")
        reach = relu_integer(hp, least_bits(self.bits))
        rate = learning_rate(hp, self.learning_rate)
        distillation(hp)

        chain: list[QDense | QActivation] = []
        for i, (width, bits) in enumerate(hidden, 1):
            chain += [q_dense(width, bits, self.digits, f"fc{i}"), q_relu(bits, reach, f"relu{i}")]
        model = Sequential(
            [
                *first,
                *chain,
                q_dense(self.dataset.classes, last, self.digits, "output"),
            ],
            name="student",
            key=key,
        )
        model.compile(Adam(rate))
        return model

    def _hidden(self, hp: HyperParameters) -> list[tuple[int, int]]:
        """Width and bits of each hidden layer."""
        if self.widths:
            return [
                (hp.Int(f"fc{i}", low, high, step), layer_bits(hp, self.bits, f"fc{i}"))
                for i, (low, high, step) in enumerate(self.widths, 1)
            ]
        depth = hp.Int("depth", 1, 2)
        first = hp.Int("fc1", 1, 20, default=15), layer_bits(hp, self.bits, "fc1")
        with hp.conditional_scope("depth", [2]):
            second = hp.Int("fc2", 1, 20, default=10), layer_bits(hp, self.bits, "fc2")
        return [first, second] if depth == 2 else [first]


def linear(dataset: Dataset, key: Key | int = 0) -> Sequential:
    """Multinomial logistic regression: the baseline that every network has to beat."""
    model = Sequential(
        [
            *_vector(dataset, standardization(dataset)),
            Dense(dataset.classes, name="output"),
        ],
        name="linear",
        key=key,
    )
    model.compile(Adam(1e-2))
    return model
