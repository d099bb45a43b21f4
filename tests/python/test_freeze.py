"""Freezing: the integers are the trained network, exactly."""

from __future__ import annotations

import numpy as np
import pytest
from qkdflow import FixedPoint, Key, Sequential, reference
from qkdflow.errors import ConfigError
from qkdflow.freeze import freeze
from qkdflow.layers import Activation, Dense, Input, Layer, QActivation, QDense, Rescaling
from qkdflow.models import Weights
from qkdflow.quantizers import quantized_bits, quantized_relu
from qkdflow.sparsity import ConstantSparsity, prune_low_magnitude

COUNTS = FixedPoint(10, 10, False, "RND", "SAT")


def raw(n: int = 400, features: int = 6) -> np.ndarray:
    return np.floor(Key(1).uniform(n * features).reshape(n, features) * 1100).astype(np.float32)  # some beyond 1023


def student(rounding: str, bits: int, scale: float = 2.0**-8, offset: object = -1.5, key: int = 0) -> Sequential:
    def dense(units: int, name: str) -> QDense:
        q = quantized_bits(bits, 1, alpha=1, rounding=rounding)  # type: ignore[arg-type]
        b = quantized_bits(14, 4, alpha=1, rounding=rounding)  # type: ignore[arg-type]
        return QDense(units, kernel_quantizer=q, bias_quantizer=b, name=name)

    return Sequential(
        [
            Input((6,), type=COUNTS),
            Rescaling(scale, offset),  # type: ignore[arg-type]
            dense(9, "fc1"),
            QActivation(quantized_relu(bits, 2, rounding=rounding), name="relu1"),  # type: ignore[arg-type]
            dense(7, "fc2"),
            QActivation(quantized_bits(bits, 2, alpha=1, rounding=rounding), name="cut"),  # type: ignore[arg-type]
            dense(3, "output"),
            Activation("softmax"),
        ],
        key=key,
    )


@pytest.mark.parametrize("rounding", ["RND", "RND_CONV", "TRN"])
@pytest.mark.parametrize("bits", [3, 8, 12])
def test_integers_reference_and_float64_give_the_same_bits(rounding: str, bits: int) -> None:
    x = raw()
    y = (x[:, 0] > x[:, 1]).astype(int) + (x[:, 2] > 900)
    offset = tuple(-np.arange(6) / 4)
    model = prune_low_magnitude(student(rounding, bits, offset=offset), ConstantSparsity(0.3, frequency=5))
    model.fit(x, y, epochs=5)
    fixed = freeze(model)
    exact = model.exact_logits(x)
    np.testing.assert_array_equal(fixed.predict(x), exact)
    codes = fixed.input_type.encode(x)
    np.testing.assert_array_equal(reference.run(fixed, codes), fixed.run(codes))
    assert len(np.unique(exact)) > 20  # a constant would agree too
    assert fixed.sparsity >= 0.3
    assert fixed.parameters == model.count_params()


def test_a_wrong_rounding_is_seen() -> None:
    """The check above can fail: the same integers with another rounding differ."""
    x = raw()
    a, b = freeze(student("RND", 6)), freeze(student("TRN", 6))
    assert not np.array_equal(a.predict(x), b.predict(x))


def test_raw_counts_go_in_and_the_scaling_is_inside() -> None:
    model = student("RND", 8, scale=2.0**-7, offset=0.0)
    fixed = freeze(model)
    assert fixed.input_type == COUNTS
    assert fixed.layers[0].weight_type.ap_type == "ap_fixed<8,-5,AP_RND,AP_SAT>"  # type: ignore[union-attr]


def test_trace_names_every_layer() -> None:
    fixed = freeze(student("RND", 8))
    x = raw(5)
    trace = fixed.trace(x)
    assert list(trace) == ["fc1", "relu1", "fc2", "cut", "output"]
    np.testing.assert_array_equal(trace["output"], fixed.predict(x))
    assert trace["relu1"].min() >= 0


def test_accumulators_are_as_wide_as_the_weights_need() -> None:
    """One bit less would not hold the largest sum that the input type allows."""
    fixed = freeze(student("RND", 8))
    first = fixed.layers[0]
    worst = np.where(first.weights.T > 0, COUNTS.high_code, 0)  # type: ignore[union-attr]
    best = np.where(first.weights.T < 0, COUNTS.high_code, 0)  # type: ignore[union-attr]
    sums = fixed.trace(np.concatenate([worst, best]).astype(np.float64))["fc1"]
    kind = first.result_type
    assert np.abs(sums).max() >= kind.high / 2 - kind.step
    assert kind.low <= sums.min()
    assert sums.max() <= kind.high


QUANT = quantized_bits(8, 1, alpha=1)


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ([Input((6,)), QDense(3, kernel_quantizer=QUANT, bias_quantizer=QUANT)], "input needs a FixedPoint"),
        ([Input((6,), type=COUNTS), Dense(3, name="fc1")], "fc1.*needs kernel_quantizer"),
        ([Input((6,), type=COUNTS), QDense(3, kernel_quantizer=QUANT, name="fc1")], "fc1.*needs kernel_quantizer"),
        (
            [Input((6,), type=COUNTS), Rescaling(0.3), QDense(3, kernel_quantizer=QUANT, bias_quantizer=QUANT)],
            "power of two",
        ),
        (
            [Input((6,), type=COUNTS), QDense(3, "relu", kernel_quantizer=QUANT, bias_quantizer=QUANT, name="fc1")],
            "fc1.*QActivation",
        ),
        (
            [
                Input((6,), type=COUNTS),
                QDense(3, kernel_quantizer=QUANT, bias_quantizer=QUANT),
                Activation("relu", name="r"),
            ],
            "r.*quantiser",
        ),
        (
            [
                Input((6,), type=FixedPoint(32, 16, True, "RND", "SAT")),
                QDense(3, kernel_quantizer=quantized_bits(30, 1, alpha=1), bias_quantizer=QUANT, name="wide"),
            ],
            "wide.*53 bits|wide.*bits",
        ),
    ],
)
def test_what_cannot_be_frozen_is_named(chain: list[Layer], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        freeze(Sequential(chain))


def test_a_scaling_is_the_same_number_to_engine_and_integers() -> None:
    layer = Rescaling(2.0**-3, (1 + 2.0**-30, 0.1))
    assert layer.offset == (1.0, float(np.float32(0.1)))


def test_offsets_that_cancel_in_the_bias_still_have_to_be_exact() -> None:
    q = quantized_bits(4, 1, alpha=1)
    dense = QDense(2, kernel_quantizer=q, bias_quantizer=q, name="fc1")
    chain = [Input((2,), type=COUNTS), Rescaling(1.0, (2.0**-50, -(2.0**-50))), dense]
    with pytest.raises(ConfigError, match=r"fc1.*53 bits"):
        freeze(Sequential(chain))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_named(value: float) -> None:
    model = student("RND", 6)
    weights = model.get_weights()
    values = [v.copy() for v in weights.values]
    values[2][0, 1] = value
    model.set_weights(Weights(tuple(values), weights.masks))
    with pytest.raises(ConfigError, match=r"\[fc2/kernel\] weights must be finite to be frozen; 1 of 63 are not"):
        freeze(model)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[model\] a qkdflow Model is required to be frozen; got int"):
        freeze(3)  # type: ignore[arg-type]
