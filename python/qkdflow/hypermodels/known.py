"""Teachers that somebody else designed: networks of the zoo, whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from qkdflow import zoo
from qkdflow._core import Key
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError
from qkdflow.hypermodels.parts import check_images, check_rate, learning_rate
from qkdflow.hypermodels.scaling import standardization
from qkdflow.layers import Input, Rescaling
from qkdflow.models import Model
from qkdflow.optimizers import Adam
from qkdflow.tune import HyperParameters

NETWORKS = ("mobilenetv2", "vgg16", "resnet8", "resnet20", "resnet32", "resnet56", "resnet110")


@dataclass(frozen=True)
class TeacherZoo:
    """A network of `qkdflow.zoo` for the data's images and classes, float32; what is searched is its learning rate.

    `learning_rate` is the one that a search tries first.
    """

    dataset: Dataset
    network: str = "resnet20"
    learning_rate: float = 1e-3
    batch: ClassVar[int] = 32  # as many steps as the few images allow that such networks are fine-tuned on

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ConfigError(f"[TeacherZoo] the network must be one of {', '.join(NETWORKS)}; got {self.network!r}")
        check_images("[TeacherZoo]", self.dataset)
        check_rate(self.learning_rate)

    @cached_property
    def scaling(self) -> Rescaling:
        return standardization(self.dataset)

    def __call__(self, hp: HyperParameters, key: Key | int = 0) -> Model:
        rate = learning_rate(hp, self.learning_rate)
        shape = self.dataset.shape
        first = [Input(shape, self.dataset.input_type, name="input"), self.scaling]
        model = zoo.build(self.network, classes=self.dataset.classes, shape=shape, first=first, key=key)
        model.compile(Adam(rate))
        return model
