"""Convolutional networks for images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import ClassVar

from qkdflow._core import Key
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError
from qkdflow.hypermodels.parts import (
    KERNEL,
    Bits,
    check_images,
    check_ranges,
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
    QDense,
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
    the last image, or with `global_pooling` the mean of each channel. `learning_rate` is what a search tries first.
    """

    dataset: Dataset
    _: KW_ONLY
    convolutions: int
    dense: int
    pool_every: int = 2
    batch_normalization: bool = True
    global_pooling: bool = False
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        where, shape = f"[{type(self).__name__}]", self.dataset.shape
        check_images(where, self.dataset)
        if self.convolutions < 1 or self.pool_every < 1 or self.dense < 0:
            raise ConfigError(
                f"{where} convolutions and pool_every must be at least 1 and dense at least 0; "
                f"got {self.convolutions}, {self.pool_every} and {self.dense}"
            )
        pools = self.convolutions // self.pool_every
        if min(shape[:2]) < 2**pools:
            raise ConfigError(
                f"{where} {pools} pools need images of {2**pools} pixels at least; got {shape}. Use a larger pool_every"
            )
        check_rate(self.learning_rate)

    def _body(
        self,
        scaling: Rescaling,
        convolution: Callable[[str], list[Layer]],
        mean: list[Layer],
        dense: Callable[[str], list[Layer]],
    ) -> list[Layer]:
        """All but the last layer. convolution, dense: what stands for each by name; mean: what follows a mean."""
        chain: list[Layer] = [Input(self.dataset.shape, self.dataset.input_type, name="input"), scaling]
        for i, name in enumerate(self._convolutions, 1):
            chain += convolution(name)
            chain += [MaxPooling2D(name=f"pool{i}")] if i % self.pool_every == 0 else []
        chain += [GlobalAveragePooling2D(name="pool"), *mean] if self.global_pooling else [Flatten(name="flatten")]
        for name in self._dense:
            chain += dense(name)
        return chain

    @property
    def _convolutions(self) -> list[str]:
        return [f"conv{i}" for i in range(1, self.convolutions + 1)]

    @property
    def _dense(self) -> list[str]:
        return [f"fc{i}" for i in range(1, self.dense + 1)]


@dataclass(frozen=True)
class TeacherCNN(_CNN):
    """Kernels 32 to 128 in steps of 8, dense layers 10 to 50 in steps of 10, float32 (the letter, figure 3).

    The letter's teacher for images of 80 x 80 pixels has four convolutions, a pool after every second, and two dense
    layers. `kernels` is (least, most, step), for narrower ones.
    """

    _: KW_ONLY
    convolutions: int = 4
    dense: int = 2
    kernels: tuple[int, int, int] = (32, 128, 8)
    batch: ClassVar[int] = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges("[TeacherCNN] kernels", [self.kernels])

    @cached_property
    def scaling(self) -> Rescaling:
        return standardization(self.dataset)

    def __call__(self, hp: HyperParameters, key: Key | int = 0) -> Sequential:
        def dense(name: str) -> list[Layer]:
            width = hp.Int(name, 10, 50, step=10)
            return [Dense(width, "relu", kernel_initializer="he_uniform", name=name)]

        least, most, step = self.kernels
        chain = self._body(
            self.scaling, lambda name: self._convolution(hp.Int(name, least, most, step=step), name), [], dense
        )
        rate = learning_rate(hp, self.learning_rate)
        model = Sequential([*chain, Dense(self.dataset.classes, name="output")], name="teacher", key=key)
        model.compile(Adam(rate))
        return model

    def _convolution(self, filters: int, name: str) -> list[Layer]:
        conv = Conv2D(
            filters,
            KERNEL,
            padding="same",
            use_bias=not self.batch_normalization,
            kernel_initializer="he_uniform",
            kernel_regularizer=L1L2(l2=1e-4),
            name=name,
        )
        norm = [BatchNormalization(name=name.replace("conv", "norm"))] if self.batch_normalization else []
        return [conv, *norm, Activation("relu", name=f"relu_{name}")]


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
    _: KW_ONLY
    convolutions: int = 8
    dense: int = 3

    @cached_property
    def scaling(self) -> Rescaling:
        return power_of_two_scaling(self.dataset)

    def __call__(self, hp: HyperParameters, key: Key | int = 0) -> Sequential:
        width = {name: hp.Int(name, 1, 10, default=5) for name in self._convolutions}
        width |= {name: hp.Int(name, 1, 20, default=10) for name in self._dense}
        width["output"] = self.dataset.classes
        bits = {name: layer_bits(hp, self.bits, name) for name in width}
        reach = relu_integer(hp, least_bits(self.bits))
        rate = learning_rate(hp, self.learning_rate)
        distillation(hp)

        def convolution(name: str) -> list[Layer]:
            conv = q_conv(width[name], bits[name], self.digits, name, norm=self.batch_normalization)
            return [*conv, q_relu(bits[name], reach, f"relu_{name}")]

        def dense(name: str) -> list[Layer]:
            return [last(name), q_relu(bits[name], reach, f"relu_{name}")]

        def last(name: str) -> QDense:
            return q_dense(width[name], bits[name], self.digits, name)

        mean = [q_relu(bits[self._convolutions[-1]], reach, "relu_pool")]  # quantised as what it is the mean of
        chain = self._body(self.scaling, convolution, list(mean), dense)
        model = Sequential([*chain, last("output")], name="student", key=key)
        model.compile(Adam(rate))
        return model
