"""Layers of every kind in models: the engine against its definition, the functional API, training, saving."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from qkdflow import Key, Sequential, _core, layers, load_model, regularizers
from qkdflow.callbacks import cosine_decay, step_decay
from qkdflow.errors import ConfigError
from qkdflow.layers import Add, Concatenate, Conv2D, Dense, Input, ReLU
from qkdflow.models import Model
from qkdflow.models.training import Augmentation
from qkdflow.optimizers import SGD
from qkdflow.quantizers import binary, quantized_bits, quantized_relu, quantized_sigmoid, quantized_tanh, ternary


def residual(shape: tuple[int, ...] = (8, 8, 3), classes: int = 3) -> Model:
    x = Input(shape)
    stem = ReLU()(layers.BatchNormalization()(Conv2D(8, 3, padding="same", use_bias=False)(x)))
    branch = layers.BatchNormalization()(Conv2D(8, 3, padding="same")(stem))
    merged = ReLU()(Add()([stem, branch]))
    both = Concatenate()([merged, stem])
    return Model(x, Dense(classes)(layers.GlobalAveragePooling2D()(both)), name="residual")


def images(
    n: int, shape: tuple[int, ...] = (8, 8, 3), classes: int = 3
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Noise with a bright bar whose place is the class."""
    y = (Key(1).uniform(n) * classes).astype(np.int32)
    x = Key(2).normal(n * int(np.prod(shape))).reshape(n, *shape).astype(np.float32)
    for c in range(classes):
        x[y == c, 2 * c : 2 * c + 2] += 1.5
    return x, y


QUANTIZED = {
    "kernel_quantizer": quantized_bits(6, 1, alpha=1, rounding="RND"),
    "bias_quantizer": quantized_bits(8, 2, alpha=1, rounding="RND"),
}
CHAINS: dict[str, tuple[tuple[int, ...], Callable[[], list[layers.Layer]]]] = {
    "quantised convolutions": (
        (9, 7, 3),
        lambda: [
            layers.QConv2D(6, 3, strides=2, padding="same", **QUANTIZED),
            layers.QActivation(quantized_relu(6, 2)),
            layers.QDepthwiseConv2D(3, depthwise_quantizer=quantized_bits(6, 0, alpha=1), padding="same"),
            layers.QActivation(quantized_bits(8, 3)),
            layers.QSeparableConv2D(5, 2, pointwise_quantizer=quantized_bits(6, 0, alpha=1)),
            layers.QActivation(quantized_relu(6, 2, negative_slope=0.25)),
            layers.MaxPooling2D(2, padding="same"),
            layers.Flatten(),
            layers.QDense(3, **QUANTIZED),
        ],
    ),
    "series": (
        (14, 2),
        lambda: [
            layers.ZeroPadding1D(1),
            layers.QConv1D(6, 3, kernel_quantizer=ternary(alpha=1)),
            layers.QActivation(quantized_tanh(6)),
            layers.AveragePooling1D(2),
            layers.Conv1D(4, 3, activation="leaky_relu", padding="same"),
            layers.GlobalMaxPooling1D(),
            layers.QDense(3, kernel_quantizer=binary(alpha=1)),
        ],
    ),
    "scales a channel": (
        (6, 6, 2),
        lambda: [
            layers.QConv2D(4, 3, kernel_quantizer="quantized_bits(5, 0)", activation="relu6"),
            layers.BatchNormalization(),
            layers.QActivation(quantized_sigmoid(6)),
            layers.Reshape((8, 8)),
            layers.GlobalAveragePooling1D(keepdims=True),
            layers.Flatten(),
            layers.QDense(3, kernel_quantizer=ternary(alpha="auto_po2")),
        ],
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_what_is_predicted_is_what_is_defined(name: str) -> None:
    shape, chain = CHAINS[name]
    model = Sequential([Input(shape), *chain()])
    x = Key(3).normal(40 * int(np.prod(shape))).reshape(40, *shape).astype(np.float32)
    np.testing.assert_allclose(model.logits(x), model.exact_logits(x), rtol=1e-4, atol=1e-4)


def test_a_model_with_branches_learns_and_comes_back_from_its_files(tmp_path: Path) -> None:
    x, y = images(600)
    model = residual()
    model.compile(SGD(0.05, momentum=0.9, nesterov=True))
    history = model.fit(x, y, batch_size=32, epochs=12, callbacks=[cosine_decay(12, warmup_epochs=1)], key=4).history
    assert history["accuracy"][-1] > 0.9
    assert history["learning_rate"][0] == pytest.approx(5e-5)
    assert model.evaluate(x, y)[1] > 0.9  # moving statistics have followed
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.inbound == model.inbound
    np.testing.assert_array_equal(again.logits(x), model.logits(x))
    assert "add" in model.summary()


@pytest.mark.parametrize("batch", [16, 50])
def test_training_gives_the_same_bits_at_one_thread_and_at_two(batch: int) -> None:
    x, y = images(100, (12, 12, 16))
    results = []
    before = _core.threads()
    for threads in (1, 2):
        _core.set_threads(threads)
        model = residual((12, 12, 16))
        model.fit(x, y, batch_size=batch, epochs=2, key=4)
        results.append(np.concatenate([v.ravel() for v in model.get_weights().values]))
    _core.set_threads(before)
    np.testing.assert_array_equal(*results)


def test_regularisers_enter_the_loss_and_pull_weights_to_zero() -> None:
    x, y = images(64)
    flat = x.reshape(64, -1)
    models = [
        Sequential([Input((192,)), Dense(3, kernel_regularizer=r)]) for r in (None, regularizers.l1_l2(0.01, 0.02))
    ]
    losses = [m.fit(flat, y, batch_size=64, epochs=1).history["loss"][0] for m in models]
    kernel = Sequential([Input((192,)), Dense(3)]).parameter("dense/kernel")[0].astype(np.float64)
    assert losses[1] - losses[0] == pytest.approx(0.01 * np.abs(kernel).sum() + 0.02 * (kernel**2).sum(), rel=1e-5)


def test_a_heavy_class_is_found_more_often_and_smoothed_labels_leave_doubt() -> None:
    x = Key(5).normal(2000).reshape(1000, 2).astype(np.float32)
    y = (x[:, 0] + Key(6).normal(1000) > 1).astype(np.int32)
    plain, weighted, smooth = (Sequential([Input((2,)), Dense(2)]) for _ in range(3))
    plain.fit(x, y, epochs=20)
    weighted.fit(x, y, epochs=20, class_weight={1: 5.0})
    smooth.fit(x, y, epochs=20, label_smoothing=0.4)
    found = [m.logits(x).argmax(axis=1).sum() for m in (plain, weighted)]
    assert found[1] > 1.5 * found[0]
    assert np.abs(smooth.logits(x)).max() < np.abs(plain.logits(x)).max()


def test_augmented_images_are_flipped_and_moved_by_the_key_alone() -> None:
    x, y = images(48)
    runs = []
    for key, change in ((1, None), (1, Augmentation(flip=True, crop=2)), (1, Augmentation(flip=True, crop=2))):
        model = residual()
        model.fit(x, y, epochs=1, augmentation=change, key=key)
        runs.append(model.parameter("conv2d/kernel")[0])
    assert not np.array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[1], runs[2])
    with pytest.raises(ValueError, match=r"augmentation.*images"):
        Sequential([Input((4,)), Dense(2)]).fit(np.zeros((4, 4)), np.zeros(4), augmentation=Augmentation(flip=True))


def test_dropout_is_of_training_alone_and_of_the_key() -> None:
    x, y = images(64)
    flat = x.reshape(64, -1)
    losses = []
    for key in (1, 1, 2):
        model = Sequential([Input((192,)), layers.Dropout(0.5), Dense(3)])
        np.testing.assert_array_equal(model.logits(flat), model.logits(flat))
        losses.append(model.fit(flat, y, batch_size=64, epochs=1, key=key).history["loss"][0])
    assert losses[0] == losses[1] != losses[2]


def test_a_recommender_of_embeddings_and_gates_learns() -> None:
    x = (Key(7).uniform(400 * 6) * 10).astype(np.int32).reshape(400, 6).astype(np.float32)
    y = (x[:, -1] // 4).astype(np.int32)
    model = Sequential([Input((6,)), layers.Embedding(10, 4), layers.GRU(8), Dense(3, "softmax")])
    assert model.count_params() == 10 * 4 + 3 * 8 * (4 + 8 + 2) + 27
    model.compile("adam")
    assert model.fit(x, y, batch_size=16, epochs=25).history["accuracy"][-1] > 0.85
    with pytest.raises(ValueError, match=r"embedding.*0 to 9"):
        model.predict(np.full((1, 6), 11.0))


def test_step_decay_and_a_schedule_by_steps() -> None:
    x, y = images(64)
    model = residual()
    rates = model.fit(x, y, epochs=4, callbacks=[step_decay(2, 0.1)]).history["learning_rate"]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])


def test_what_does_not_fit_is_refused_by_name() -> None:
    x, other = Input((8, 8, 2)), Input((8, 8, 2))
    y = Conv2D(3, 3)(x)
    shared = Dense(2)
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: Model(x, Add(name="sum")([y, Conv2D(4, 3)(x)])), "sum.*one shape"),
        (lambda: Model(x, Add()([y, Conv2D(3, 3)(other)])), "no other Input"),
        (lambda: Model(x, shared(shared(layers.Flatten()(y)))), "called once"),
        (lambda: Model(y, y), "inputs must be one Input"),
        (lambda: Dense(3)(Dense(2)), "called on tensors"),
        (lambda: Model(x, layers.Flatten()(layers.Softmax(name="s")(y))), "s.*must be the last"),
        (lambda: Sequential([Input((2, 2, 1)), Conv2D(2, 3, name="c")]), "c.*padding='same'"),
        (lambda: Sequential([Input((4,)), layers.Reshape((3, 3), name="r")]), "r.*as many numbers"),
        (lambda: Sequential([Input((4,)), layers.MaxPooling2D(name="p")]), "p.*image"),
        (lambda: layers.GRU(3, reset_after=False), "reset_after"),
        (lambda: regularizers.l2(-1.0), "at least 0"),
        (lambda: layers.QActivation("quantized_relu(4, 0, 1)"), "use_sigmoid"),
        (lambda: Sequential([Input((4,)), Dense(2)]).fit(np.ones((2, 4)), [0, 1], class_weight={2: 1.0}), "0 to 1"),
        (lambda: Sequential([Input((4,)), Dense(2)]).fit(np.ones((2, 4)), [0, 1], label_smoothing=1.5), "smoothing"),
    ]
    for make, message in cases:
        with pytest.raises(ValueError, match=message):
            make()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Input(2), r"\[Input\] shape must be whole numbers, such as .*; got 2$"),
        (lambda: Input(()), r"\[Input\] shape must be whole numbers, such as .*; got \(\)$"),
        (lambda: Input((2.5,), name="pulse"), r"\[pulse\] shape must be whole numbers, such as .*; got \(2\.5,\)"),
        (lambda: Sequential([Input((-1,)), Dense(2)]), r"\[Graph\] every axis of the input must be positive"),
        (lambda: Sequential([Input((2**30,) * 4), Dense(2)]), r"\[Graph\] a sample of at most 536870912 values"),
        (lambda: Sequential([Input((2**20,)), Dense(2**20)]), r"\[dense/kernel\] a network of at most 536870912 par"),
        (lambda: Sequential([Input((2,)), Dense(2.5)]), r"\[dense\] Dense's options must .*; got units=2\.5$"),
        (lambda: Sequential([Input((2,)), Dense(2**33)]), r"\[dense\] Dense's options must .*; got units=8589934592$"),
        (lambda: Sequential([Input((2,)), Dense(2)], key=-1), r"\[Key\] seed must be a whole number .*; got -1$"),
        (lambda: Key(2**64), r"\[Key\] seed must be a whole number from 0 to 2\^64 - 1; got 18446744073709551616$"),
        (lambda: Key("a"), r"\[Key\] seed must be a whole number from 0 to 2\^64 - 1; got 'a'$"),
        (lambda: Key(0).fold(-1), r"\[Key\] data must be a whole number from 0 to 2\^64 - 1; got -1$"),
        (lambda: Key(0).fold(1.5), r"\[Key\] data must be a whole number from 0 to 2\^64 - 1; got 1.5$"),
    ],
)
def test_numbers_of_the_wrong_kind_are_named(made: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made()


def test_fit_names_a_number_of_the_wrong_kind() -> None:
    model = Sequential([Input((2,)), Dense(2)])
    model.compile()
    x, y = np.zeros((4, 2)), [0, 1, 0, 1]
    for value in (2**31, 0, 1.5, "a"):
        with pytest.raises(ConfigError, match=r"\[fit\] batch_size must be a whole number from 1 to 2\^31 - 1; got"):
            model.fit(x, y, batch_size=value)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"\[fit\] epochs must be a whole number from 0"):
        model.fit(x, y, epochs=1.5)  # type: ignore[arg-type]
