"""What fit, evaluate and compile refuse, in one line that says the cure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qkdflow import Key, Sequential
from qkdflow.callbacks import (
    Callback,
    EarlyStopping,
    FitState,
    LearningRateScheduler,
    Logs,
    ReduceLROnPlateau,
    TerminateOnNaN,
    step_decay,
)
from qkdflow.errors import ConfigError, DataError
from qkdflow.layers import Conv2D, Dense, Flatten, Input, LeakyReLU, ReLU
from qkdflow.models import Model
from qkdflow.models.training import Augmentation
from qkdflow.optimizers import SGD, Adam

X = Key(0).normal(24).reshape(6, 4).astype(np.float32)
Y = np.arange(6) % 3


def network(outputs: int = 3) -> Sequential:
    return Sequential([Input((4,)), Dense(outputs)])


def rows(*bad: float) -> np.ndarray:
    """One-hot rows, the third as given."""
    y = np.eye(3)[Y]
    y[2] = bad
    return y


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        ((math.nan, 0, 1), "[nan, 0, 1]"),
        ((0, 0, 0), "[0, 0, 0]"),
        ((1, 1, 1), "[1, 1, 1]"),
        ((1, 1, -1), "[1, 1, -1]"),
        ((0.1, 0.8, 0.1), "[0.1, 0.8, 0.1]"),
        ((math.inf, -math.inf, 1), "[inf, -inf, 1]"),
    ],
)
def test_rows_that_are_not_one_hot_are_no_labels(bad: tuple[float, ...], shown: str) -> None:
    message = f"rows of 3 must be one-hot, one 1 and else 0; got {shown} in row 2. Give class numbers"
    for use in (network().fit, network().evaluate):
        with pytest.raises(DataError, match=re.escape(f"[y] {message}")):
            use(X, rows(*bad))
    with pytest.raises(DataError, match=re.escape(f"[validation y] {message}")):
        network().fit(X, Y, validation_data=(X, rows(*bad)))


def test_one_hot_rows_may_be_of_any_numbers() -> None:
    for kind in (bool, np.uint8, np.int64, np.float32):
        assert network().evaluate(X, np.eye(3)[Y].astype(kind)) == network().evaluate(X, Y)


@pytest.mark.parametrize("bad", [3, -1, 0.5, math.nan, math.inf])
def test_a_label_out_of_range_is_named_with_its_row(bad: float) -> None:
    y = Y.astype(np.float64)
    y[4] = bad
    with pytest.raises(DataError, match=rf"^\[y\] labels must be 0 to 2 for .* 3 outputs; got {float(bad)} in row 4$"):
        network().fit(X, y)


def test_one_output_has_one_class() -> None:
    with pytest.raises(DataError, match=r"\[y\] labels must be 0 to 0 .*; got 1 in row 1\. .*Dense\(2\)$"):
        network(1).fit(X, Y % 2)


def test_an_output_that_is_no_vector_is_not_trained() -> None:
    images = np.zeros((6, 8, 8, 1))
    maps = Sequential([Input((8, 8, 1)), Conv2D(4, 3), Dense(3)])  # may be built: backbones and hints are such
    for use in (maps.fit, maps.evaluate):
        with pytest.raises(ConfigError, match=r"\[dense\] .* vector of logits.*got \(6, 6, 3\)\. End with Flatten"):
            use(images, Y)
    assert maps.logits(images).shape == (6, 6, 6, 3)
    assert Sequential([Input((8, 8, 1)), Conv2D(4, 3), Flatten(), Dense(3)]).fit(images, Y).epochs == 1


class Doubling(Callback):
    """Breaks the learning rate after its first epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs, model: Model, state: FitState) -> None:
        state.learning_rate = math.inf


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (LearningRateScheduler(lambda at, rate: math.nan), "[LearningRateScheduler] the learning rate must be a "),
        (LearningRateScheduler(lambda at, rate: -rate, per_step=True), "number from 0 on; got -0.001"),
        (LearningRateScheduler(lambda at, rate: None), "got None"),  # type: ignore[arg-type,return-value]
        (Doubling(), "[Doubling] the learning rate must be a finite number from 0 on; got inf"),
        (
            EarlyStopping(),
            "[EarlyStopping] monitor must be one of loss, accuracy, learning_rate; got 'val_loss'. Give fit",
        ),
        (ReduceLROnPlateau("val_accuracy"), "validation_data=(x, y), or monitor='accuracy'"),
        (EarlyStopping("acc"), "got 'acc'"),
    ],
)
def test_a_callback_that_cannot_work_is_named(callback: Callback, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        network().fit(X, Y, epochs=2, callbacks=[TerminateOnNaN(), callback])


def test_none_is_no_callbacks_as_in_keras() -> None:
    assert network().fit(X, Y, callbacks=None).history == network().fit(X, Y, callbacks=[]).history


@pytest.mark.parametrize("metrics", ["accuracy", ["accuracy", "auc"]])
def test_the_one_metric_is_named(metrics: Any) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"must be ['accuracy'], the one there is; got {metrics!r}")):
        network().compile(metrics=metrics)


def test_a_rate_that_no_epoch_uses_is_not_held_against_its_schedule() -> None:
    falling = LearningRateScheduler(lambda at, rate: rate * (1 - at))  # 0.001, 0, and then -0.001
    assert network().fit(X, Y, epochs=2, callbacks=[falling]).history["learning_rate"] == [1e-3, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"callbacks": TerminateOnNaN()},
            "[fit] callbacks must be a list; got TerminateOnNaN(). Write callbacks=[...]",
        ),
        ({"callbacks": [TerminateOnNaN]}, "got the class TerminateOnNaN; call it"),
        ({"augmentation": "flip"}, "[fit] augmentation must be Augmentation(flip=..., crop=...); got 'flip'"),
        ({"teacher": "teacher.h5"}, "must be a model or several; got 'teacher.h5'. Read a file with load_model"),
        ({"optimizer_state": []}, "[fit] optimizer_state must be a dictionary, empty at first, that fit fills; got []"),
        (
            {"bit_widths": {"foo": 3}},
            "[fit] bit_widths must name parameters, such as dense/kernel, dense/bias; got 'foo'",
        ),
        ({"validation_data": (X,)}, "[fit] validation_data must be (x, y) or a Source; got 1 values"),
        ({"validation_data": (X, Y, Y)}, "got 3 values. Sample weights are not supported; class_weight is"),
    ],
)
def test_fit_says_what_it_takes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        network().fit(X, Y, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: network().compile(None), "or made, such as Adam(learning_rate=1e-3); got None"),
        (lambda: network().compile(Adam), "[optimizer] must be one of adam, adamw, sgd, or made, such as Adam("),
        (lambda: network().compile(Adam), "got the class Adam"),
        (lambda: Adam(learning_rate="x"), "[Adam] learning_rate must be a finite number from 0 on; got 'x'"),
        (lambda: Adam(step_decay(2)), "got LearningRateScheduler. A schedule is a callback: fit(..., callbacks=["),
        (lambda: SGD(momentum=None), "[SGD] momentum must be at least 0 and below 1; got None"),
        (lambda: Augmentation(crop=-1), "[Augmentation] crop must be a whole number from 0 to 2^31 - 1; got -1"),
        (lambda: Augmentation(flip="left"), "[Augmentation] flip must be True or False; got 'left'"),
        (lambda: LeakyReLU(math.nan), "[LeakyReLU] alpha must be a finite number; got nan"),
        (lambda: ReLU(negative_slope=math.inf), "[ReLU] negative_slope must be a finite number; got inf"),
        (lambda: ReLU(max_value=-1), "[ReLU] max_value must be a finite number from 0 on; got -1"),
    ],
)
def test_what_is_made_wrongly_is_refused_when_it_is_made(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        make()
