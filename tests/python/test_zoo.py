"""Every topology of the zoo: what the letter and its code count, and that it computes."""

from __future__ import annotations

import numpy as np
import pytest
from qkdflow import Key, zoo
from qkdflow.errors import ConfigError

PARAMETERS = {
    "psd_teacher": 16_352,
    "psd_student": 529,  # a 31st of the teacher
    "clyc_teacher": 2_518,
    "clyc_student": 905,
    "mnist_mlp_teacher": 9_151,
    "mnist_mlp_student": 8_847,
    "mnist_cnn_teacher": 4_746,
    "mnist_cnn_student": 3_816,
    "mnist_cnn_teacher_33194": 33_194,
    "mnist_cnn_student_1762": 1_762,
    "pest_teacher": 723_499,
    "pest_student": 3_669,
    "vgg16": 14_818_695,
    "vgg16_student": 3_207,
    "mobilenetv2": 3_410_286,
    "mobilenetv2_student": 4_595,
    "recommender": 3_748,
    "resnet8": 78_666,
    "resnet20": 274_442,
    "resnet32": 470_218,
    "resnet56": 861_770,
    "resnet110": 1_742_762,
    "resnet8_no_skips": 76_010,
    "resnet20_no_skips": 271_786,
    "resnet32_no_skips": 467_562,
    "resnet56_no_skips": 859_114,
    "resnet110_no_skips": 1_740_106,
}


def test_every_name_is_counted() -> None:
    assert set(zoo.names()) == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_topology_has_its_parameters_and_computes(name: str) -> None:
    model = zoo.build(name)
    assert model.name == name
    assert model.count_params() == PARAMETERS[name]
    x = np.floor(Key(1).uniform(int(np.prod(model.input_shape))) * 100).reshape(1, *model.input_shape)  # counts, words
    y = model.predict(x)
    assert y.shape == (1, *model.output_shape)
    assert y.sum() == pytest.approx(1, abs=1e-5)


def test_mobilenetv2_without_its_head_is_keras() -> None:
    assert zoo.mobilenetv2(classes=3, shape=(96, 96, 3), dense=None).count_params() == 2_257_984 + 1280 * 3 + 3


def test_a_student_learns_with_the_quantisers_of_its_bits() -> None:
    kernels = [getattr(layer, "kernel_quantizer", None) for layer in zoo.psd_student(bits=5).layers]
    assert {str(q) for q in kernels if q} == {"quantized_bits(5,1,alpha=1)"}


def test_an_unknown_name_or_depth_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[zoo\] must be one of psd_teacher"):
        zoo.build("alexnet")
    with pytest.raises(ConfigError, match=r"got 'resent20'; did you mean resnet20\?"):
        zoo.build("resent20")
    with pytest.raises(ConfigError, match="6n"):
        zoo.resnet(21)
