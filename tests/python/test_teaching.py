"""What a student is told beside labels: other terms than tempered logits, several teachers, hints from inside."""

from __future__ import annotations

import numpy as np
import pytest
from qkdflow import Key, Sequential, _core
from qkdflow.errors import ConfigError
from qkdflow.layers import Activation, Conv2D, Dense, Flatten, Input, MaxPooling2D
from qkdflow.models import AttentionHint, FeatureHint, Model
from qkdflow.models.teaching import lesson, mean_logits, until
from qkdflow.optimizers import Adam

CENTRES = 2 * Key(99).normal(24).reshape(4, 6)


def blobs(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Four classes in six dimensions."""
    y = (Key(seed).uniform(n) * 4).astype(np.int64)
    return (CENTRES[y] + 1.3 * Key(seed).normal(6 * n).reshape(n, 6)).astype(np.float32), y


def network(width: int = 12, key: int = 0) -> Sequential:
    return Sequential([Input((6,)), Dense(width, "relu", name="hidden"), Dense(4, name="logits")], key=key)


@pytest.fixture(scope="module")
def teacher() -> Model:
    model = network(40, key=7)
    model.fit(*blobs(2000), epochs=10, key=1)
    return model


def taught(teacher: Model, distillation: str, alpha: float = 0.1) -> float:
    """Test accuracy of a student whose labels are wrong two times in five, at the letter's alpha 0.1 and T 10."""
    x, y = blobs(400, seed=1)
    wrong = np.where(Key(5).uniform(400) < 0.4, (y + 1) % 4, y)
    student = network()
    student.compile(Adam(1e-2))
    student.fit(x, wrong, epochs=40, teacher=teacher, temperature=10, alpha=alpha, distillation=distillation)
    return student.evaluate(*blobs(2000, seed=2))[1]


def test_every_correct_term_beats_the_reference(teacher: Model) -> None:
    reference = taught(teacher, "reference")
    assert taught(teacher, "logits") > reference + 0.03
    assert taught(teacher, "logits_mse") > reference + 0.03
    assert taught(teacher, "probabilities", alpha=0.0) > reference + 0.03


def test_the_references_term_is_at_most_26_ten_thousandths() -> None:
    """softmax of a softmax over 4 classes: the most that KL can be at any temperature from 10 on."""
    sure = (50 * np.eye(4)).astype(np.float32)
    other = np.roll(sure, 1, axis=1).copy()
    labels = np.arange(4, dtype=np.int32)
    worst = _core.loss(other, labels, sure, 0.0, 10.0, "reference")[0]
    assert 0.0025 < worst <= 0.0026
    assert _core.loss(other, labels, sure, 0.0, 10.0)[0] > 100  # the same disagreement, told correctly
    random = [(8 * Key(i).normal(40).reshape(10, 4)).astype(np.float32) for i in range(20)]
    for s, t in zip(random[:10], random[10:], strict=True):
        assert _core.loss(s, np.zeros(10, np.int32), t, 0.0, 10.0, "reference")[0] <= worst


def test_several_teachers_teach_their_mean(teacher: Model) -> None:
    x, y = blobs(200)
    second = network(40, key=8)
    both, same = network(), network()
    mean = (teacher.logits(x).astype(np.float64) + second.logits(x)) / 2
    np.testing.assert_allclose(mean_logits([teacher, second], x), mean, atol=1e-6)
    both.fit(x, y, epochs=2, teacher=[teacher, second], temperature=2, alpha=0.1)
    same.fit(x, y, epochs=2, teacher_logits=mean_logits([teacher, second], x), temperature=2, alpha=0.1)
    for mine, other in zip(both.get_weights().values, same.get_weights().values, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_an_unknown_term_is_refused(teacher: Model) -> None:
    with pytest.raises(ValueError, match="must be logits, logits_mse, probabilities or reference; got 'kl'"):
        network().fit(*blobs(50), teacher=teacher, distillation="kl")


# Hints

IMAGES = Key(3).normal(240 * 8 * 8).reshape(240, 8, 8, 1).astype(np.float32)
SIDES = (np.arange(240) % 2).astype(np.int64)
IMAGES[SIDES == 0, 2:5, :3] += 2
IMAGES[SIDES == 1, 2:5, 5:] += 2


def cnn(filters: int, key: int = 0) -> Sequential:
    chain = [Input((8, 8, 1)), Conv2D(filters, 3, padding="same", name="conv"), Activation("relu", name="relu")]
    chain += [MaxPooling2D(name="pool"), Flatten(), Dense(2, name="fc"), Activation("softmax")]
    return Sequential(chain, key=key)


@pytest.fixture(scope="module")
def watcher() -> Model:
    model = cnn(8, key=7)
    model.fit(IMAGES, SIDES, epochs=10, key=1)
    return model


def distance(student: Model, teacher: Model, hint: AttentionHint) -> float:
    maps = [
        _core.attention_map(until(m, name).graph.predict(IMAGES).reshape(240, 64, -1))
        for m, name in ((student, hint.student), (teacher, hint.teacher))
    ]
    return float(((maps[0] - maps[1]) ** 2).mean())


def test_an_attention_hint_brings_the_maps_together(watcher: Model) -> None:
    hint = AttentionHint("relu", "relu", weight=300.0)
    alone, told = cnn(3), cnn(3)
    for model, hints in ((alone, ()), (told, (hint,))):
        model.compile(Adam(1e-2))
        model.fit(IMAGES, SIDES, epochs=10, teacher=watcher, hints=hints, temperature=2, key=2)
    assert distance(told, watcher, hint) < 0.6 * distance(alone, watcher, hint)
    assert told.evaluate(IMAGES, SIDES)[1] > 0.9


def test_a_feature_hint_makes_the_layer_tell_the_teachers_numbers(watcher: Model) -> None:
    """A linear map from the student's channels explains more of the teacher's than without the hint."""
    alone, told = cnn(3), cnn(3)
    for model, hints in ((alone, ()), (told, (FeatureHint("conv", "conv", weight=20.0),))):
        model.compile(Adam(1e-2))
        model.fit(IMAGES, SIDES, epochs=20, teacher=watcher, hints=hints, temperature=2, key=2)
    wanted = until(watcher, "conv").graph.predict(IMAGES).reshape(-1, 8)

    def unexplained(model: Model) -> float:
        mine = until(model, "conv").graph.predict(IMAGES).reshape(-1, 3)
        mine = np.hstack([mine, np.ones((len(mine), 1), np.float32)])
        return float(((wanted - mine @ np.linalg.lstsq(mine, wanted, rcond=None)[0]) ** 2).mean())

    assert unexplained(told) < 0.9 * unexplained(alone)


def test_the_adapter_stays_behind(watcher: Model) -> None:
    student = cnn(3)
    before = student.count_params()
    history = student.fit(
        IMAGES, SIDES, epochs=2, validation_data=(IMAGES, SIDES), teacher=watcher, hints=[FeatureHint("pool", "pool")]
    )
    assert student.count_params() == before
    assert history.history["val_accuracy"][-1] == student.evaluate(IMAGES, SIDES)[1]


def test_a_hint_on_a_vector() -> None:
    deep = network(40, key=7)
    student = network(5)
    x, y = blobs(100)
    told = lesson(student, x, deep, None, [FeatureHint("hidden", "hidden")], Key(0))
    assert told.targets is not None
    assert told.targets.shape == (100, 4 + 40)
    student.fit(x, y, epochs=2, teacher=deep, hints=[FeatureHint("hidden", "hidden")])


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (FeatureHint("conv", "pool"), "images of one size"),
        (AttentionHint("fc", "fc"), "attention is a map over an image.s pixels; a vector"),
        (FeatureHint("conv9", "conv"), "no such layer; it has"),
        (FeatureHint("fc", "activation"), "softmax is no layer"),
    ],
)
def test_hints_that_cannot_be_compared_are_refused(watcher: Model, hint: FeatureHint, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        cnn(3).fit(IMAGES, SIDES, teacher=watcher, hints=[hint])


def test_hints_need_one_teacher(watcher: Model) -> None:
    with pytest.raises(ConfigError, match="one teacher"):
        cnn(3).fit(IMAGES, SIDES, teacher_logits=watcher.logits(IMAGES), hints=[FeatureHint("conv", "conv")])


@pytest.mark.parametrize(("several", "got"), [([], "none"), (["a.h5"], "str")])
def test_what_is_no_teacher_is_refused(several: list[object], got: str) -> None:
    with pytest.raises(ConfigError, match=rf"\[fit\] teacher must be a model or several; got {got}"):
        network().fit(*blobs(40), epochs=1, teacher=several)  # type: ignore[arg-type]
