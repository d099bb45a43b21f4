"""Removing and shortening a ResNet's skips inside one training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qkdflow import Key, zoo
from qkdflow.callbacks import step_decay
from qkdflow.errors import ConfigError
from qkdflow.layers import Activation, Add, Dense, Input
from qkdflow.models import Model
from qkdflow.models.training import Augmentation
from qkdflow.optimizers import SGD, Adam
from qkdflow.skips import remove_skips, skips, with_short_skips, without_skip
from qkdflow.sparsity import ConstantSparsity, prune_low_magnitude

SHAPE = (8, 8, 3)
X = Key(1).normal(48 * 192).reshape(48, *SHAPE).astype(np.float32)
Y = (X[:, :4].mean(axis=(1, 2, 3)) > X[:, 4:].mean(axis=(1, 2, 3))).astype(np.int64)


@pytest.fixture(scope="module")
def teacher() -> Model:
    model = zoo.resnet(8, shape=SHAPE, classes=2, key=3)
    model.compile(Adam(3e-3))
    model.fit(X, Y, batch_size=16, epochs=6, key=1)
    return model


def stopped_in(monkeypatch: pytest.MonkeyPatch, number: int) -> list[int]:
    """Ctrl-C in the epoch of that number, once; the list has an entry for each that was begun."""
    real, calls = Model.fit, []

    def stopping(self: Model, *args: object, **kwargs: object) -> object:
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt
        return real(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Model, "fit", stopping)
    return calls


@pytest.mark.parametrize("depth", [8, 20, 32, 56, 110])
def test_every_skip_of_a_resnet_is_found_from_the_input_on(depth: int) -> None:
    model = zoo.resnet(depth, shape=SHAPE)
    blocks = (depth - 2) // 2
    assert skips(model) == ["add", *(f"add_{i}" for i in range(1, blocks))]


def test_without_any_skip_it_is_the_zoos_network_without_skips(teacher: Model) -> None:
    model = teacher
    for name in skips(teacher):
        model = without_skip(model, name)
    plain = zoo.resnet(8, skips=False, shape=SHAPE, classes=2)
    assert model.count_params() == plain.count_params()
    assert [type(a) for a in model.layers] == [type(b) for b in plain.layers]
    plain.set_weights(model.get_weights())
    np.testing.assert_array_equal(model.logits(X), plain.logits(X))
    kept = dict(zip(model.graph.param_names, model.get_weights().values, strict=True))
    for name, value in zip(teacher.graph.param_names, teacher.get_weights().values, strict=True):
        if name in kept:
            np.testing.assert_array_equal(kept[name], value)


def test_a_short_skip_spans_one_convolution() -> None:
    """relu(f(x)) and relu(g(h)) of the block become h = relu(f(x) + x) and relu(g(h) + h)."""
    source = Input((4,))
    x = Activation("relu", name="x")(Dense(4, name="in")(source))
    f = Dense(4, name="f")(x)
    g = Dense(4, name="g")(Activation("relu", name="h")(f))
    model = Model(source, Dense(2, name="out")(Activation("relu", name="last")(Add(name="sum")([x, g]))), key=5)
    short = with_short_skips(model, "sum")
    assert short.inbound["sum_short"] == ("x", "f")
    assert short.inbound["sum"] == ("h", "g")
    w = {n: model.parameter(n)[0] for n in model.graph.param_names}
    data = Key(2).normal(40).reshape(10, 4).astype(np.float32)

    def dense(name: str, a: np.ndarray) -> np.ndarray:
        return a @ w[f"{name}/kernel"] + w[f"{name}/bias"]

    a = np.maximum(dense("in", data), 0)
    h = np.maximum(dense("f", a) + a, 0)
    np.testing.assert_allclose(short.logits(data), dense("out", np.maximum(dense("g", h) + h, 0)), atol=1e-5)
    assert skips(short) == []
    with pytest.raises(ConfigError, match="cannot be shortened"):
        with_short_skips(short, "sum_short")


@pytest.mark.parametrize("how", ["remove", "shorten"])
def test_one_training_removes_one_skip_after_the_other(teacher: Model, how: str) -> None:
    before = teacher.get_weights().values[0].copy()
    student, history = remove_skips(teacher, X, Y, 6, 2, how, batch_size=16, validation_data=(X, Y), key=4)
    assert history.history["skips"] == [2, 2, 1, 1, 0, 0]
    assert history.epochs == 6
    assert history.history["loss"][-1] < history.history["loss"][4]
    adds = [layer for layer in student.layers if isinstance(layer, Add)]
    assert len(adds) == (0 if how == "remove" else 6)
    np.testing.assert_array_equal(teacher.get_weights().values[0], before)
    assert history.history["val_accuracy"][-1] == student.evaluate(X, Y)[1]


def test_the_student_begins_as_its_teacher(teacher: Model) -> None:
    """One epoch at a learning rate of nothing: a teacher without its first skip."""
    student, _ = remove_skips(teacher, X, Y, 5, 2, optimizer=SGD(1e-30), batch_size=96, key=4)
    weights = dict(zip(student.graph.param_names, student.get_weights().values, strict=True))
    for name, value in zip(teacher.graph.param_names, teacher.get_weights().values, strict=True):
        if name in weights and "moving" not in name:
            np.testing.assert_array_equal(weights[name], value)


@pytest.mark.parametrize("optimizer", [Adam(1e-3), SGD(0.01, momentum=0.9, nesterov=True)])
def test_a_stopped_removal_goes_on_to_the_same_bits(
    teacher: Model, optimizer: Adam | SGD, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(folder: Path) -> tuple[Model, list[float]]:
        student, history = remove_skips(
            teacher, X, Y, 6, 2, optimizer=optimizer, schedule=step_decay(2, 0.5), batch_size=16, folder=folder, key=4
        )
        return student, history.history["loss"]

    whole, losses = run(tmp_path / "whole")
    calls = stopped_in(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped")
    again, same = run(tmp_path / "stopped")
    assert len(calls) == 4 + 3
    assert same == losses
    for mine, other in zip(again.get_weights().values, whole.get_weights().values, strict=True):
        np.testing.assert_array_equal(mine, other)
    with pytest.raises(ConfigError, match="another every"):
        remove_skips(teacher, X, Y, 6, 1, batch_size=16, folder=tmp_path / "stopped", key=4)


def test_a_pruned_student_stays_pruned_where_its_removal_was_stopped(
    teacher: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its schedule begins after the epoch in which it is stopped, and names a layer that goes with a skip."""

    def run(folder: Path, *, given: Model | None = None) -> Model:
        student = without_skip(teacher, "add") if given is None else given
        kernels = [n.rpartition("/")[0] for n in student.graph.param_names if n.endswith("/kernel")]
        prune_low_magnitude(student, ConstantSparsity(0.5, begin_step=7, frequency=1), layers=kernels)
        return remove_skips(teacher, X, Y, 4, 2, student=student, batch_size=16, folder=folder, key=4)[0]

    whole = run(tmp_path / "whole")
    stopped_in(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped")
    again = run(tmp_path / "stopped")
    assert again.pruning == whole.pruning
    for name in whole.graph.param_names:
        np.testing.assert_array_equal(again.parameter(name)[0], whole.parameter(name)[0])
        if name.endswith("/kernel"):
            assert np.mean(again.effective(name) == 0) >= 0.5
    with pytest.raises(ConfigError, match="another student"):
        run(tmp_path / "stopped", given=without_skip(zoo.resnet(8, shape=SHAPE, classes=2), "add"))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"optimizer": SGD(0.01)}, "optimizer"),
        ({"schedule": step_decay(1, 0.5)}, "learning_rates"),
        ({"augmentation": Augmentation(flip=True)}, "augmentation"),
        ({"x": X + 1}, "teacher_logits"),
        ({"y": 1 - Y}, "y"),
    ],
)
def test_a_removal_is_not_gone_on_with_in_another_way(
    teacher: Model, change: dict[str, Any], word: str, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"x": X, "y": Y, "epochs": 3, "every": 1, "batch_size": 48, "folder": tmp_path}
    remove_skips(teacher, **asked)
    with pytest.raises(ConfigError, match=f"another {word}. Choose another folder"):
        remove_skips(teacher, **{**asked, **change})


def test_the_optimisers_moments_stay(teacher: Model) -> None:
    """Two fits of one epoch with the state between them are one fit of two."""

    def student() -> Model:
        model = zoo.resnet(8, shape=SHAPE, classes=2, key=9)
        model.compile(Adam(1e-3))
        return model

    once, twice, anew = student(), student(), student()
    once.fit(X, Y, 16, 2, key=4)
    state: dict[str, np.ndarray] = {}
    for model, memory in ((twice, state), (anew, None)):
        model.fit(X, Y, 16, 1, optimizer_state=memory, key=4)
        model.fit(X, Y, 16, 2, initial_epoch=1, optimizer_state=memory, key=4)
    pairs = [[np.array_equal(a, b) for a, b in zip(once.get_weights().values, m.get_weights().values, strict=True)]
             for m in (twice, anew)]  # fmt: skip
    assert all(pairs[0])
    assert not all(pairs[1])
    assert {name.partition("/")[0] for name in state} == {"m", "v", "power1", "power2"}
    state["m/conv2d/kernel"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"m/conv2d/kernel\] must have"):
        twice.fit(X, Y, 16, 3, initial_epoch=2, optimizer_state=state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((3, 2, "remove"), "5 epochs; got 3"), ((9, 0, "remove"), "got 9"), ((9, 2, "cut"), "remove or shorten")],
)
def test_a_removal_that_makes_no_sense_is_refused(
    teacher: Model, arguments: tuple[int, int, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        remove_skips(teacher, X, Y, *arguments)
    with pytest.raises(ConfigError, match="must be a sum of two"):
        without_skip(teacher, "activation")
