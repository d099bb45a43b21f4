"""csd_bits: weights of few signed digits from training to the frozen network, and no DSP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qkdflow import FixedPoint, Key, Sequential, quantizers
from qkdflow.callbacks import FewDigitsPenalty
from qkdflow.errors import ConfigError
from qkdflow.freeze import freeze
from qkdflow.hardware import estimate
from qkdflow.hardware.estimator.kernel import signed_digits
from qkdflow.layers import Input, QActivation, QDense
from qkdflow.models import load_model
from qkdflow.quantizers import csd_bits, quantized_bits, quantized_relu


@pytest.fixture(scope="module")
def trained() -> tuple[Sequential, np.ndarray]:
    bias = quantized_bits(16, 5, alpha=1, rounding="RND")
    model = Sequential(
        [
            Input((6,), type=FixedPoint(8, 8, False, "RND", "SAT")),
            QDense(8, kernel_quantizer=csd_bits(8, -4, rounding="RND"), bias_quantizer=bias),
            QActivation(quantized_relu(8, 3, rounding="RND")),
            QDense(3, kernel_quantizer=csd_bits(8, 1, rounding="RND"), bias_quantizer=bias),
        ],
        key=Key(5),
    )
    model.compile("adam")
    x = np.floor(np.asarray(Key(6).uniform(6 * 600), dtype=np.float64).reshape(600, 6) * 256).astype(np.float32)
    y = (x[:, 0] > x[:, 1]).astype(np.int64) + (x[:, 2] > 200)
    model.fit(x, y, batch_size=32, epochs=20, key=Key(7))
    return model, x


def test_a_trained_network_has_few_digits_and_freezes_to_the_same_numbers(
    trained: tuple[Sequential, np.ndarray],
) -> None:
    model, x = trained
    fixed = freeze(model)
    assert all(signed_digits(layer.weights).max() <= 2 for layer in fixed.dense)
    assert any(signed_digits(layer.weights).max() == 2 for layer in fixed.dense)
    assert np.array_equal(fixed.predict(x), model.exact_logits(x))
    assert estimate(fixed, part="xc7z020clg400-1").total.dsp.value == 0


def test_a_saved_network_keeps_its_digits(trained: tuple[Sequential, np.ndarray], tmp_path: Path) -> None:
    model, x = trained
    model.save(tmp_path)
    assert np.array_equal(load_model(tmp_path).exact_logits(x), model.exact_logits(x))


def test_a_type_of_few_digits_rounds_to_them() -> None:
    kind = csd_bits(8, 1, digits=2).type()
    codes = kind.encode(np.arange(-128, 128) * kind.step)
    assert signed_digits(codes).max() == 2
    assert kind.encode([43 * kind.step, -43 * kind.step]).tolist() == [40, -40]
    assert FixedPoint.from_dict(kind.to_dict()) == kind
    assert "digits" not in quantized_bits(8, 1, alpha=1).type().to_dict()


def test_a_text_names_it() -> None:
    quantizer = csd_bits(8, 1, digits=1)
    assert quantizers.get("csd_bits(8, 1, digits=1)") == quantizer
    assert quantizers.from_dict(quantizers.to_dict(quantizer)) == quantizer


def test_the_penalty_takes_digits_away() -> None:
    q, bias = quantized_bits(8, 1, alpha=1, rounding="RND"), quantized_bits(16, 5, alpha=1, rounding="RND")
    x = np.asarray(Key(6).normal(6 * 600), dtype=np.float32).reshape(600, 6)
    y = (x[:, 0] > x[:, 1]).astype(np.int64)
    many = []
    for callbacks in ([], [FewDigitsPenalty(epochs=10, strength=0.5)]):
        model = Sequential(
            [
                Input((6,), type=FixedPoint(12, 4, True, "RND", "SAT")),
                QDense(10, kernel_quantizer=q, bias_quantizer=bias),
                QActivation(quantized_relu(8, 3, rounding="RND")),
                QDense(2, kernel_quantizer=q, bias_quantizer=bias),
            ],
            key=Key(5),
        )
        model.compile("adam")
        model.fit(x, y, batch_size=32, epochs=15, callbacks=callbacks, key=Key(7))
        many.append(sum(int((signed_digits(layer.weights) > 2).sum()) for layer in freeze(model).dense))
    assert many[1] < 0.75 * many[0]


def test_a_senseless_penalty_is_refused() -> None:
    for settings in ({"epochs": 0}, {"epochs": 5, "strength": 2.0}, {"epochs": 5, "digits": 0}):
        with pytest.raises(ConfigError, match="FewDigitsPenalty"):
            FewDigitsPenalty(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [{"digits": 0}, {"bits": 30}, {"alpha": "auto"}])
def test_what_cannot_be_trained_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises((ConfigError, ValueError), match=r"\["):
        csd_bits(**{"bits": 8, "integer": 1, **arguments})  # type: ignore[arg-type]
