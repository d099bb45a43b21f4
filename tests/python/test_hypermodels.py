"""The networks that a search may build: the letter's spaces, and integers that equal what was trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qkdflow import FixedPoint, Key
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError
from qkdflow.freeze import freeze
from qkdflow.hypermodels import (
    StudentCNN,
    StudentMLP,
    StudentResNet,
    TeacherCNN,
    TeacherZoo,
    power_of_two_scaling,
    standardization,
)
from qkdflow.models import Model
from qkdflow.tune import HyperParameters

BYTES = FixedPoint(8, 8, False, "RND", "SAT")
SMALL = {"convolutions": 2, "pool_every": 1, "dense": 1}


@pytest.fixture(scope="module")
def images() -> Dataset:
    """Bright squares, left or right of the middle, in one colour or another."""
    rng = np.random.default_rng(5)
    y = np.arange(240) % 2
    x = rng.integers(0, 120, (240, 8, 8, 3)).astype(np.float32)
    for image, label in zip(x, y, strict=True):
        row, column = rng.integers(0, 5), 4 * label + rng.integers(0, 2)
        image[row : row + 3, column : column + 3, 1] = 250
    return Dataset.make("squares", x, y.astype(np.int64), ("left", "right"), BYTES, Key(1))


def space(build: TeacherCNN | TeacherZoo | StudentCNN) -> dict[str, tuple[int, int, int]]:
    hp = HyperParameters()
    build(hp)
    return {name: (p.min_value, p.max_value, p.step) for name, p in hp.parameters.items() if hasattr(p, "min_value")}


def test_the_spaces_are_the_letters(images: Dataset) -> None:
    large = replace(images, x=np.tile(images.x, (1, 2, 2, 1)))
    teacher, student = space(TeacherCNN(large)), space(StudentCNN(large, 8))
    assert [teacher[f"conv{i}"] for i in range(1, 5)] == [(32, 128, 8)] * 4
    assert [teacher[f"fc{i}"] for i in (1, 2)] == [(10, 50, 10)] * 2
    assert [student[f"conv{i}"] for i in range(1, 9)] == [(1, 10, 1)] * 8
    assert [student[f"fc{i}"] for i in range(1, 4)] == [(1, 20, 1)] * 3


def test_the_letters_teacher_has_its_parameters_less_the_biases(images: Dataset) -> None:
    """The letter's convolutions have a bias before BatchNormalization (zoo.pest_teacher, 723,499); these have none."""
    large = replace(images, x=np.tile(images.x, (1, 10, 10, 1)))
    values = {"conv1": 48, "conv2": 40, "conv3": 88, "conv4": 40, "fc1": 40, "fc2": 10}
    three = replace(large, class_names=("a", "b", "c"), y=np.arange(240) % 3)
    teacher = TeacherCNN(three)(HyperParameters(values))
    assert teacher.count_params() == 723_499 - sum(values[f"conv{i}"] for i in range(1, 5))


@pytest.mark.parametrize(
    "shape", [{"batch_normalization": True}, {"batch_normalization": False}, {"global_pooling": True}]
)
def test_a_student_learns_and_freezes_to_what_it_learnt(images: Dataset, shape: dict[str, bool]) -> None:
    build = StudentCNN(images, 6, **SMALL, **shape)  # type: ignore[arg-type]
    model = build(HyperParameters({"conv1": 4, "conv2": 4, "fc1": 6}), Key(3))
    model.fit(images.train.x, images.train.y, batch_size=16, epochs=25, key=4)
    fixed = freeze(model, images.class_names)
    np.testing.assert_array_equal(fixed.predict(images.test.x), model.exact_logits(images.test.x))
    assert accuracy(model, images) > 0.85


def test_a_teacher_learns(images: Dataset) -> None:
    model = TeacherCNN(images, **SMALL)(HyperParameters(), Key(3))
    model.fit(images.train.x, images.train.y, batch_size=16, epochs=8, key=4)
    assert accuracy(model, images) > 0.9


def test_a_resnet_without_skips_learns_and_freezes_to_what_it_learnt(images: Dataset) -> None:
    build = StudentResNet(images, 6, blocks=2, width=4)
    model = build(HyperParameters({"blocks": 1, "width": 3}), Key(3))
    assert [layer.filters for layer in model.layers if hasattr(layer, "filters")] == [3, 3, 3, 6, 6, 12, 12]
    model.fit(images.train.x, images.train.y, batch_size=16, epochs=8, key=4)
    fixed = freeze(model, images.class_names)
    np.testing.assert_array_equal(fixed.predict(images.test.x), model.exact_logits(images.test.x))
    assert accuracy(model, images) > 0.8


def test_a_network_of_the_zoo_takes_raw_counts(images: Dataset) -> None:
    build = TeacherZoo(images, "resnet8")
    model = build(HyperParameters(), Key(3))
    assert (model.input_shape, model.output_shape) == ((8, 8, 3), (2,))
    assert space(build) == {}  # a learning rate alone
    model.fit(images.train.x, images.train.y, batch_size=16, epochs=4, key=4)
    assert accuracy(model, images) > 0.9


def test_images_are_scaled_by_channel(images: Dataset) -> None:
    x = images.train.x.reshape(-1, 3)
    scaling = standardization(images)
    np.testing.assert_allclose(scaling.scale, 1 / x.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.array(scaling.offset) / scaling.scale, -x.mean(axis=0), rtol=1e-5)
    exact = power_of_two_scaling(images)
    assert np.log2(exact.scale).is_integer()
    np.testing.assert_array_equal(np.array(exact.offset) / exact.scale, -np.round(x.mean(axis=0, dtype=np.float64)))


def test_means_of_neighbours_make_a_smaller_student_that_freezes_exactly() -> None:
    rng = np.random.default_rng(7)
    y = np.arange(200) % 2
    x = (rng.integers(0, 40, (200, 35)) + 60 * y[:, np.newaxis] * (np.arange(35) > 17)).astype(np.float32)
    data = Dataset.make("steps", x, y.astype(np.int64), ("flat", "step"), BYTES, Key(2))
    build = StudentMLP(data, 8, 2, widths=((2, 2, 1),), pool=(1, 8))
    sizes = [build(HyperParameters({"pool": pool})).count_params() for pool in (1, 8)]
    assert sizes == [35 * 2 + 2 + 2 * 2 + 2, 4 * 2 + 2 + 2 * 2 + 2]
    model = build(HyperParameters({"pool": 8}), Key(3))
    model.fit(data.train.x, data.train.y, batch_size=16, epochs=20, key=4)
    fixed = freeze(model, data.class_names)
    test = data.test.x
    np.testing.assert_array_equal(fixed.predict(test), model.logits(test))
    assert accuracy(model, data) > 0.95


def test_what_does_not_fit_is_refused(images: Dataset) -> None:
    with pytest.raises(ConfigError, match="4 pools need images of 16 pixels"):
        StudentCNN(images, 8)
    with pytest.raises(ConfigError, match="at least 1"):
        TeacherCNN(images, convolutions=0)
    for empty in ((9, 3, 1), (0, 3, 1), (3, 9, 0)):
        with pytest.raises(ConfigError, match=r"kernels must be \(least, most, step\), 1 <= least"):
            TeacherCNN(images, **SMALL, kernels=empty)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=r"widths must be \(least, most, step\), 1 <= least"):
            StudentMLP(images, 8, widths=(empty,))
    pulses = replace(images, x=images.x.reshape(240, -1))
    for given, pool in ((pulses, 3), (pulses, 256), (images, 2)):
        with pytest.raises(ConfigError, match=f"pool must list powers of two.*got {pool} for inputs of shape"):
            StudentMLP(given, 8, pool=(4, pool) if given is pulses else (pool,))
    with pytest.raises(ConfigError, match="needs images"):
        StudentCNN(pulses, 8)
    with pytest.raises(ConfigError, match="the network must be one of mobilenetv2, vgg16"):
        TeacherZoo(images, "alexnet")
    with pytest.raises(ConfigError, match="width at least 2; got 3 and 1"):
        StudentResNet(images, 8, width=1)


def accuracy(model: Model, data: Dataset) -> float:
    return model.evaluate(data.test.x, data.test.y)[1]
