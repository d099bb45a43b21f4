"""Sequential as its users see it: shapes, training, distillation, pruning, callbacks, files, errors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from little_memory import little_memory
from qkdflow import FixedPoint, Key, Sequential, _core, load_model
from qkdflow.callbacks import EarlyStopping, LearningRateScheduler, ReduceLROnPlateau, TerminateOnNaN
from qkdflow.errors import ConfigError, DataError
from qkdflow.layers import Activation, Conv2D, Dense, Input, QActivation, QDense, Rescaling
from qkdflow.optimizers import SGD, Adam, AdamW
from qkdflow.quantizers import quantized_bits, quantized_relu
from qkdflow.sparsity import ConstantSparsity, PolynomialDecay, prune_low_magnitude


def blobs(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes in six dimensions, far enough apart to be learnt in a few epochs."""
    key = Key(seed)
    y = (key.uniform(n) * 3).astype(np.int64)
    centres = 2 * Key(99).normal(18).reshape(3, 6)
    return (centres[y] + key.normal(6 * n).reshape(n, 6)).astype(np.float32), y


def network(bits: int | None = None, key: int = 0) -> Sequential:
    def dense(units: int) -> Dense:
        if bits is None:
            return Dense(units)
        q = quantized_bits(bits, 1, alpha=1, rounding="RND")
        return QDense(units, kernel_quantizer=q, bias_quantizer=quantized_bits(16, 5, alpha=1, rounding="RND"))

    act = Activation("relu") if bits is None else QActivation(quantized_relu(bits, 3, rounding="RND"))
    return Sequential([Input((6,)), dense(12), act, dense(3)], key=key)


@pytest.mark.parametrize("bits", [None, 8, 4])
def test_a_network_learns(bits: int | None) -> None:
    x, y = blobs()
    model = network(bits)
    model.compile(Adam(1e-2))
    history = model.fit(x, y, epochs=20, validation_data=blobs(seed=1))
    assert history.history["val_accuracy"][-1] > 0.95
    assert model.evaluate(*blobs(seed=1))[1] == history.history["val_accuracy"][-1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(-1e-3), "[Adam] learning_rate must be a finite number from 0 on; got -0.001"),
        (lambda: AdamW(math.nan), "[AdamW] learning_rate must be"),
        (lambda: Adam(beta_2=1.0), "[Adam] beta_2 must be at least 0 and below 1; got 1.0"),
        (lambda: AdamW(weight_decay=-1.0), "[AdamW] weight_decay must be"),
        (lambda: SGD(momentum=1.5), "[SGD] momentum must be"),
    ],
)
def test_an_optimizer_that_would_not_learn_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("optimizer", [SGD(0.05), SGD(0.02, momentum=0.9, nesterov=True), AdamW(1e-2), "adam"])
def test_every_optimizer_learns(optimizer: SGD | Adam | str) -> None:
    x, y = blobs()
    model = network()
    model.compile(optimizer)
    assert model.fit(x, y, epochs=20).history["accuracy"][-1] > 0.9


def test_same_key_same_bits_and_another_key_others() -> None:
    x, y = blobs()

    def trained(key: int) -> np.ndarray:
        model = network(8, key)
        model.fit(x, y, epochs=3, key=key)
        return model.logits(x)

    np.testing.assert_array_equal(trained(1), trained(1))
    assert not np.array_equal(trained(1), trained(2))


def test_one_hot_labels_are_labels() -> None:
    x, y = blobs()
    a, b = network(), network()
    assert a.fit(x, y, epochs=2).history == b.fit(x, np.eye(3)[y], epochs=2).history


def test_two_threads_may_use_one_model() -> None:
    x, _ = blobs(3000)
    model = network()
    wanted = model.logits(x)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: model.logits(x), range(40)):
            np.testing.assert_array_equal(got, wanted)


def test_a_large_layer_trains_to_the_same_bits_at_one_and_two_threads() -> None:
    """Large enough that oneDNN's threads take part."""
    x = Key(1).normal(512 * 300).reshape(512, 300).astype(np.float32)
    y = (Key(2).uniform(512) * 3).astype(np.int64)

    def trained(threads: int) -> np.ndarray:
        _core.set_threads(threads)
        try:
            model = Sequential([Input((300,)), Dense(256, "relu"), Dense(3)])
            model.fit(x, y, batch_size=512, epochs=3)
            return model.logits(x)
        finally:
            _core.set_threads(1)

    np.testing.assert_array_equal(trained(1), trained(2))


@pytest.mark.parametrize("outputs", [1, 2, 3, 4, 7, 20])
def test_a_sample_has_the_same_logits_wherever_it_stands(outputs: int) -> None:
    model = Sequential([Input((9,)), Dense(outputs)])
    x = Key(1).normal(37 * 9).reshape(37, 9).astype(np.float32)
    np.testing.assert_array_equal(model.logits(x), np.concatenate([model.logits(row[None]) for row in x]))


def test_softmax_may_be_a_dense_layers_activation() -> None:
    x, _ = blobs(20)
    model = Sequential([Input((6,)), Dense(3, activation="softmax")])
    np.testing.assert_allclose(model.predict(x).sum(axis=1), 1, rtol=1e-6)
    with pytest.raises(ConfigError, match="softmax must be the last"):
        Sequential([Input((6,)), Dense(3, activation="softmax"), Dense(2)])


def test_a_second_fit_does_not_unprune() -> None:
    x, y = blobs()
    model = prune_low_magnitude(network(8), PolynomialDecay(0.0, 0.8, 0, 60, frequency=7))
    model.fit(x, y, epochs=8)
    model.fit(x, y, epochs=1)
    assert (model.parameter("q_dense/kernel")[0] == 0).mean() >= 0.8


def test_a_tail_batch_is_trained_too() -> None:
    x, y = blobs(65)
    model = network()
    model.compile(SGD(1e-12))
    whole = model.evaluate(x, y)
    history = model.fit(x, y, batch_size=32, epochs=1)
    assert history.history["loss"][0] == pytest.approx(whole[0], rel=1e-5)


def test_distillation_follows_the_teacher_where_the_labels_are_wrong() -> None:
    x, y = blobs()
    teacher = network(key=5)
    teacher.compile(Adam(1e-2))
    teacher.fit(x, y, epochs=20)
    wrong = (y + 1) % 3
    student = network(8, key=6)
    student.compile(Adam(1e-2))
    student.fit(x, wrong, epochs=20, teacher=teacher, temperature=2, alpha=0.0)
    assert student.evaluate(x, y)[1] > 0.95
    cached = network(8, key=6)
    cached.compile(Adam(1e-2))
    cached.fit(x, wrong, epochs=20, teacher_logits=teacher.logits(x), temperature=2, alpha=0.0)
    np.testing.assert_array_equal(cached.logits(x), student.logits(x))


@pytest.mark.parametrize(
    "schedule", [ConstantSparsity(0.5, 0, frequency=5), PolynomialDecay(0.0, 0.5, 10, 60, frequency=7)]
)
def test_pruned_weights_are_zero_and_stay_zero(schedule: ConstantSparsity | PolynomialDecay, tmp_path: Path) -> None:
    x, y = blobs()
    model = prune_low_magnitude(network(8), schedule)
    model.fit(x, y, epochs=8)

    def zeros(m: Sequential) -> list[float]:
        return [float((m.parameter(n)[0] == 0).mean()) for n in ("q_dense/kernel", "q_dense_1/kernel")]

    assert all(z >= 0.5 for z in zeros(model))
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    before = [again.parameter(n)[1] for n in ("q_dense/kernel", "q_dense_1/kernel")]
    again.fit(x, y, epochs=3)  # fine-tuning without a schedule keeps the masks
    for name, mask in zip(("q_dense/kernel", "q_dense_1/kernel"), before, strict=True):
        assert mask is not None
        assert (again.parameter(name)[0][mask == 0] == 0).all()


def test_quantised_weights_stay_inside_their_range() -> None:
    x, y = blobs()
    model = network(4)
    model.compile(SGD(5.0))
    model.fit(x, y, epochs=3)
    kernel, _ = model.parameter("q_dense/kernel")
    assert np.abs(kernel).max() <= 2


def test_early_stopping_takes_the_best_weights_back() -> None:
    x, y = blobs()
    model = network()
    model.compile(Adam(1e-2))
    stop = EarlyStopping("val_accuracy", patience=3, restore_best_weights=True)
    history = model.fit(x, y, epochs=200, validation_data=blobs(seed=1), callbacks=[stop])
    accuracies = history.history["val_accuracy"]
    assert len(accuracies) < 200
    assert model.evaluate(*blobs(seed=1))[1] == max(accuracies)
    assert len(accuracies) - 1 - accuracies.index(max(accuracies)) == 3


def test_early_stopping_ignores_what_comes_before_its_first_epoch() -> None:
    x, y = blobs()
    model = network()
    keep = EarlyStopping("val_loss", patience=50, restore_best_weights=True, start_from_epoch=4)
    model.fit(x, y, epochs=6, validation_data=blobs(seed=1), callbacks=[keep])
    assert keep.best_epoch >= 4


def test_learning_rates_follow_their_callbacks() -> None:
    x, y = blobs()
    model = network()
    history = model.fit(x, y, epochs=4, callbacks=[LearningRateScheduler(lambda e, r: r / (e + 1))])
    np.testing.assert_allclose(history.history["learning_rate"], [1e-3 / n for n in (1, 2, 3, 4)])
    flat = [ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=100)]
    history = network().fit(x, y, epochs=5, callbacks=flat)
    np.testing.assert_allclose(history.history["learning_rate"], [1e-3] * 3 + [5e-4] * 2)


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    x, y = blobs()
    model = network()
    model.compile(SGD(1e30))
    history = model.fit(x, y, epochs=50, callbacks=[TerminateOnNaN()])
    assert history.epochs < 50
    assert not math.isfinite(history.history["loss"][-1])


def test_float32_steps_agree_with_the_float64_definition() -> None:
    x, y = blobs()
    model = network(8)
    model.fit(x, y, epochs=3)
    np.testing.assert_allclose(model.logits(x), model.exact_logits(x), atol=1e-4)


def test_the_float64_definition_of_many_samples_needs_little_memory() -> None:
    model = Sequential([Input((32, 32, 1)), Conv2D(16, 3, padding="same"), Activation("relu"), Conv2D(2, 32)])
    x = Key(3).normal(2000 * 32 * 32).astype(np.float32).reshape(2000, 32, 32, 1)
    before = _core.threads()
    _core.set_threads(1)  # a thread reserves tens of megabytes
    try:
        with little_memory():  # the results of all of them are 520 MB
            found = model.exact_logits(x)
    finally:
        _core.set_threads(before)
    for i in (0, 999, 1999):
        np.testing.assert_array_equal(found[[i]], model.exact_logits(x[[i]]))


def test_a_model_saves_to_the_same_bytes_and_loads_as_it_was(tmp_path: Path) -> None:
    x, y = blobs()
    model = Sequential(
        [
            Input((6,), type=FixedPoint(12, 6, rounding="RND", overflow="SAT")),
            Rescaling(0.5, -0.25),
            QDense(
                4,
                kernel_quantizer=quantized_bits(6, 1, alpha=1),
                bias_quantizer="quantized_bits(12, 4)",
                name="fc1",
            ),
            QActivation("quantized_relu(6,2)"),
            Dense(3, "relu"),
            Activation("softmax"),
        ],
        name="mixed",
    )
    model.fit(x, y, epochs=2)
    model.save(tmp_path / "a")
    again = load_model(tmp_path / "a")
    again.save(tmp_path / "b")
    for name in ("model.json", "model.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.layers == model.layers


def test_a_damaged_model_is_a_data_error(tmp_path: Path) -> None:
    network().save(tmp_path / "m")
    npz = tmp_path / "m" / "model.npz"
    npz.write_bytes(npz.read_bytes()[:200])
    with pytest.raises(DataError, match=r"model\.npz"):
        load_model(tmp_path / "m")
    (tmp_path / "m" / "model.json").write_text("{}")
    with pytest.raises(DataError, match=r"qkdflow\.model"):
        load_model(tmp_path / "m")


def test_summary_counts_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    text = network().summary()
    assert "Total params: 123" in text
    assert "dense_1 (Dense)" in text
    assert text in capsys.readouterr().out


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sequential([]), "Input"),
        (lambda: Sequential([Dense(3)]), "Input"),
        (lambda: Sequential([Input((4,))]), "needs a layer"),
        (lambda: Sequential([Input((4, 2)), Conv2D(3, 3, name="c1")]), "c1.*image"),
        (lambda: Sequential([Input((4,)), Dense(0, name="fc1")]), "fc1.*positive"),
        (lambda: Sequential([Input((4,)), Activation("softmax"), Dense(2)]), "softmax must be the last"),
        (lambda: Sequential([Input((4,)), Rescaling((1.0, 2.0)), Dense(2)]), "must have 4 or 4 elements"),
        (lambda: Activation("swish"), "must be one of linear, relu"),
        (lambda: ConstantSparsity(1.0), "sparsity"),
        (lambda: network().compile(loss="mse"), "crossentropy"),
        (lambda: network().compile("lion"), "adamw"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((5, 7)), np.zeros(5), "must be"),
        (np.zeros((0, 6)), np.zeros(0), "no sample"),
        (np.full((5, 6), np.nan), np.zeros(5), "NaN or infinity in row 0"),
        (np.zeros((5, 6)), np.zeros(4), "5 labels"),
        (np.zeros((5, 6)), np.full(5, 3), "labels must be 0 to 2"),
        (np.zeros((5, 6)), np.full(5, -1), "labels must be 0 to 2"),
        (np.zeros((5, 6)), np.full(5, 2**32 + 1), "labels must be 0 to 2"),
        (np.zeros((5, 6)), np.full(5, 0.7), "labels must be 0 to 2"),
        (np.zeros((5, 6)), np.eye(5), "rows of 3"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(x: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network().fit(x, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"batch_size": 0}, "batch_size"), ({"alpha": 1.5}, "alpha"), ({"temperature": 0.0}, "temperature")],
)
def test_settings_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    x, y = blobs(50)
    with pytest.raises(ValueError, match=message):
        network().fit(x, y, teacher=network(key=1), **options)  # type: ignore[arg-type]


def test_error_types_are_ours() -> None:
    with pytest.raises(ConfigError):
        Sequential([])
