"""Convolutional networks for images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from qkdflow._core import Key
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError
from qkdflow.hypermodels.parts import (
    KERNEL,
    Bits,
    check_rate,
    distillation,
    layer_bits,
    learning_rate,
    least_bits,
    q_conv,
    q_dense,
    q_relu,
    relu_integer,
)
from qkdflow.hypermodels.scaling import power_of_two_scaling, standardization
from qkdflow.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Layer,
    MaxPooling2D,
    Rescaling,
)
from qkdflow.models import Sequential
from qkdflow.optimizers import Adam
from qkdflow.regularizers import L1L2
from qkdflow.tune import HyperParameters


@dataclass(frozen=True)
class _CNN:
    """Convolutions 3x3 that keep the size, a pool of 2x2 after every `pool_every`-th, then dense layers.

    `batch_normalization` stands between a convolution, then without bias, and its ReLU. The dense layers read all of
    the last image, or with `global_pooling` the mean of each channel.
    """

    dataset: Dataset

    def _check(self, convolutions: int, pool_every: int, dense: int) -> None:
        shape = self.dataset.shape
        if len(shape) != 3:
            raise ConfigError(f"[{type(self).__name__}] needs images (height, width, channels); got {shape}")
        if convolutions < 1 or pool_every < 1 or dense < 0:
            raise ConfigError(
                f"[{type(self).__name__}] convolutions and pool_every must be at least 1 and dense at least 0; "
                f"got {convolutions}, {pool_every} and {dense}"
            )
        least = 2 ** (convolutions // pool_every)
        if min(shape[:2]) < least:
            raise ConfigError(
                f"[{type(self).__name__}] {convolutions // pool_every} pools need images of {least} pixels at least; "
                f"got {shape}. Use a larger pool_every"
            )

    def _pools(self, convolutions: int, pool_every: int) -> Iterator[tuple[int, bool]]:
        """Each convolution's number from 1, and whether a pool follows."""
        return ((i, i % pool_every == 0) for i in range(1, convolutions + 1))


@dataclass(frozen=True)
class TeacherCNN(_CNN):
    """Kernels 32 to 128 in steps of 8, dense layers 10 to 50 in steps of 10, float32 (the letter, figure 3).

    The letter's teacher for images of 80 x 80 pixels has four convolutions, a pool after every second, and two dense
    layers. `kernels` is (least, most, step), for narrower ones; `learning_rate` the one that a search tries first.
    """

    convolutions: int = 4
    pool_every: int = 2
    dense: int = 2
    batch_normalization: bool = True
    global_pooling: bool = False
    kernels: tuple[int, int, int] = (32, 128, 8)
    learning_rate: float = 1e-3
    batch: ClassVar[int] = 128

    def __post_init__(self) -> None:
        self._check(self.convolutions, self.pool_every, self.dense)
        check_rate(self.learning_rate)

    @cached_property
    def scaling(self) -> Rescaling:
        return standardization(self.dataset)

    def __call__(self, hp: HyperParameters, key: Key | int = 0) -> Sequential:
        least, most, step = self.kernels
        chain: list[Layer] = [Input(self.dataset.shape, self.dataset.input_type, name="input"), self.scaling]
        for i, pooled in self._pools(self.convolutions, self.pool_every):
            chain += self._convolution(hp.Int(f"conv{i}", least, most, step=step), i)
            chain += [MaxPooling2D(name=f"pool{i}")] if pooled else []
        chain += [GlobalAveragePooling2D(name="pool") if self.global_pooling else Flatten(name="flatten")]
        for i in range(1, self.dense + 1):
            width = hp.Int(f"fc{i}", 10, 50, step=10)
            chain += [Dense(width, "relu", kernel_initializer="he_uniform", name=f"fc{i}")]
        rate = learning_rate(hp, self.learning_rate)
        model = Sequential([*chain, Dense(self.dataset.classes, name="output")], name="teacher", key=key)
        model.compile(Adam(rate))
        return model

    def _convolution(self, filters: int, i: int) -> list[Layer]:
        conv = Conv2D(
            filters,
            KERNEL,
            padding="same",
            use_bias=not self.batch_normalization,
            kernel_initializer="he_uniform",
            kernel_regularizer=L1L2(l2=1e-4),
            name=f"conv{i}",
        )
        norm = [BatchNormalization(name=f"norm{i}")] if self.batch_normalization else []
        return [conv, *norm, Activation("relu", name=f"relu_conv{i}")]


@dataclass(frozen=True)
class StudentCNN(_CNN):
    """Kernels 1 to 10, dense layers 1 to 20 wide, weights and activations of `bits` bits, rounded half up.

    bits: of all layers, or (least, most): then each layer's are searched too, bits_conv1 and so on.
    The letter's student has eight convolutions, a pool after every second, and three dense layers. digits: signed
    digits that a weight may have (csd_bits). The hyper-parameters temperature and alpha belong to the distillation
    that trains it.
    """

    bits: Bits
    digits: int | None = None
    convolutions: int = 8
    pool_every: int = 2
    dense: int = 3
    batch_normalization: bool = True
    global_pooling: bool = False
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        self._check(self.convolutions, self.pool_every, self.dense)
        check_rate(self.learning_rate)

    @cached_property
    def scaling(self) -> Rescaling:
        return power_of_two_scaling(self.dataset)

    def __call__(self, hp: HyperParameters, key: Key | int = 0) -> Sequential:
        filters = [hp.Int(f"conv{i}", 1, 10, default=5) for i, _ in self._pools(self.convolutions, self.pool_every)]
        widths = [hp.Int(f"fc{i}", 1, 20, default=10) for i in range(1, self.dense + 1)]
        names = [*(f"conv{i + 1}" for i in range(len(filters))), *(f"fc{i + 1}" for i in range(len(widths))), "output"]
        bits = {name: layer_bits(hp, self.bits, name) for name in names}
        reach = relu_integer(hp, least_bits(self.bits))
        rate = learning_rate(hp, self.learning_rate)
        distillation(hp)
        chain: list[Layer] = [Input(self.dataset.shape, self.dataset.input_type, name="input"), self.scaling]
        for i, pooled in self._pools(self.convolutions, self.pool_every):
            own, name = bits[f"conv{i}"], f"conv{i}"
            chain += q_conv(filters[i - 1], own, self.digits, name, norm=self.batch_normalization)
            chain += [q_relu(own, reach, f"relu_{name}")]
            chain += [MaxPooling2D(name=f"pool{i}")] if pooled else []
        if self.global_pooling:  # a mean is quantised as what it is the mean of
            chain += [GlobalAveragePooling2D(name="pool"), q_relu(bits[names[len(filters) - 1]], reach, "relu_pool")]
        else:
            chain += [Flatten(name="flatten")]
        for i, width in enumerate(widths, 1):
            own = bits[f"fc{i}"]
            chain += [q_dense(width, own, self.digits, f"fc{i}"), q_relu(own, reach, f"relu_fc{i}")]
        chain += [q_dense(self.dataset.classes, bits["output"], self.digits, "output")]
        model = Sequential(chain, name="student", key=key)
        model.compile(Adam(rate))
        return model
