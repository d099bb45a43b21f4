"""Topologies by name: those of Molina et al. 2023 (doi:10.1109/LES.2023.3343030), and of the courses and codes behind.

`zoo.build("resnet20")` or `zoo.resnet(20)`. Students have kernels of `quantized_bits(bits, 1, alpha=1)`. What a name's
model counts is asserted in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qkdflow.errors import ConfigError, did_you_mean
from qkdflow.models import Model
from qkdflow.zoo.cnn import (
    mnist_cnn_student,
    mnist_cnn_student_1762,
    mnist_cnn_teacher,
    mnist_cnn_teacher_33194,
    pest_student,
    pest_teacher,
)
from qkdflow.zoo.mlp import (
    clyc_student,
    clyc_teacher,
    mnist_mlp_student,
    mnist_mlp_teacher,
    psd_student,
    psd_teacher,
)
from qkdflow.zoo.mobilenet import mobilenetv2, mobilenetv2_student
from qkdflow.zoo.recurrent import recommender
from qkdflow.zoo.resnet import resnet
from qkdflow.zoo.vgg import vgg16, vgg16_student

DEPTHS = (8, 20, 32, 56, 110)


MODELS: dict[str, Callable[..., Model]] = {
    "psd_teacher": psd_teacher,
    "psd_student": psd_student,
    "clyc_teacher": clyc_teacher,
    "clyc_student": clyc_student,
    "mnist_mlp_teacher": mnist_mlp_teacher,
    "mnist_mlp_student": mnist_mlp_student,
    "mnist_cnn_teacher": mnist_cnn_teacher,
    "mnist_cnn_student": mnist_cnn_student,
    "mnist_cnn_teacher_33194": mnist_cnn_teacher_33194,
    "mnist_cnn_student_1762": mnist_cnn_student_1762,
    "pest_teacher": pest_teacher,
    "pest_student": pest_student,
    "vgg16": vgg16,
    "vgg16_student": vgg16_student,
    "mobilenetv2": mobilenetv2,
    "mobilenetv2_student": mobilenetv2_student,
    "recommender": recommender,
    **{f"resnet{depth}": partial(resnet, depth, True) for depth in DEPTHS},
    **{f"resnet{depth}_no_skips": partial(resnet, depth, False) for depth in DEPTHS},
}


def names() -> tuple[str, ...]:
    """What `build` knows."""
    return tuple(MODELS)


def build(name: str, **options: Any) -> Model:
    """A new, untrained model. `options` are those of the function of that name, such as key, shape, classes or bits.

    ConfigError for a name that is not in MODELS.
    """
    if name not in MODELS:
        hint = did_you_mean(name, MODELS)
        raise ConfigError(f"[zoo] must be one of {', '.join(MODELS)}; got {name!r}{hint}")
    return MODELS[name](**options)


__all__ = ["MODELS", "build", "names", "resnet", *(n for n in MODELS if not n.startswith("resnet"))]
