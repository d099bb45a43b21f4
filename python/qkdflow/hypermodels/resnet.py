"""ResNets without skips for hardware: chains, which need no memory for what goes around a block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from qkdflow._core import Key
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError
from qkdflow.hypermodels.parts import (
    Bits,
    check_images,
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
from qkdflow.hypermodels.scaling import power_of_two_scaling
from qkdflow.layers import GlobalAveragePooling2D, Input, Layer, Rescaling
from qkdflow.models import Sequential
from qkdflow.optimizers import Adam
from qkdflow.tune import HyperParameters


@dataclass(frozen=True)
class StudentResNet:
    """Three stages of 1 to `blocks` blocks of two 3x3 convolutions, each stage half as large and twice as wide.

    The first stage is 2 to `width` filters wide. bits: of all layers, or (least, most): then each layer's are searched
    too. digits: signed digits that a weight may have (csd_bits). The hyper-parameters temperature and alpha belong to
    the distillation that trains it.
    """

    dataset: Dataset
    bits: Bits
    digits: int | None = None
    blocks: int = 3
    width: int = 16
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        check_images("[StudentResNet]", self.dataset)
        if self.blocks < 1 or self.width < 2:
            raise ConfigError(
                f"[StudentResNet] blocks must be at least 1 and width at least 2; got {self.blocks} and {self.width}"
            )
        check_rate(self.learning_rate)

    @cached_property
    def scaling(self) -> Rescaling:
        return power_of_two_scaling(self.dataset)

    def __call__(self, hp: HyperParameters, key: Key | int = 0) -> Sequential:
        blocks = int(hp.Int("blocks", 1, self.blocks))
        width = int(hp.Int("width", 2, self.width, default=min(8, self.width)))
        reach = relu_integer(hp, least_bits(self.bits))
        rate = learning_rate(hp, self.learning_rate)
        distillation(hp)
        chain: list[Layer] = [Input(self.dataset.shape, self.dataset.input_type, name="input"), self.scaling]
        places = [(stage, i) for stage in range(3) for i in range(2 * blocks)]
        own = 0
        for number, (stage, i) in enumerate([(0, -1), *places], 1):
            own, name = layer_bits(hp, self.bits, f"conv{number}"), f"conv{number}"
            strides = 2 if stage and not i else 1
            chain += [*q_conv(width << stage, own, self.digits, name, norm=True, strides=strides)]
            chain += [q_relu(own, reach, f"relu_{name}")]
        chain += [GlobalAveragePooling2D(name="pool"), q_relu(own, reach, "relu_pool")]
        chain += [q_dense(self.dataset.classes, layer_bits(hp, self.bits, "output"), self.digits, "output")]
        model = Sequential(chain, name="student", key=key)
        model.compile(Adam(rate))
        return model
