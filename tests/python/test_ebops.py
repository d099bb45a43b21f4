"""Widths of weights: a list, searched, or learned towards a budget of EBOPs that is counted on the integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qkdflow import FixedPoint, Key, Sequential, load_model, precision
from qkdflow.datasets import Dataset, psd
from qkdflow.ebops import EbopsBudget, ebops, fit_to_budget, significant_bits
from qkdflow.errors import ConfigError
from qkdflow.freeze import freeze
from qkdflow.hypermodels import StudentCNN, StudentMLP
from qkdflow.layers import Flatten, Input, MaxPooling2D, QActivation, QConv2D, QDense, Rescaling
from qkdflow.models import Model
from qkdflow.optimizers import Adam
from qkdflow.quantizers import get, learned_bits, quantized_bits, quantized_relu
from qkdflow.shrinking import shrink
from qkdflow.sparsity import ConstantSparsity, Neurons, prune_low_magnitude
from qkdflow.tune import HyperParameters

BIAS = quantized_bits(16, 5, alpha=1, rounding="RND")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return psd.simulate(Key(3), 1200)


def student(data: Dataset, granularity: str = "weight", width: int = 12) -> Sequential:
    scaling = StudentMLP(data, 8).scaling
    kernel = learned_bits(6, granularity)
    dense = {"kernel_quantizer": kernel, "bias_quantizer": BIAS}
    chain = [Input(data.shape, data.input_type), scaling, QDense(width, name="fc1", **dense)]
    chain += [QActivation(quantized_relu(6, 2, rounding="RND")), QDense(data.classes, name="output", **dense)]
    model = Sequential(chain, key=1)
    model.compile(Adam(1e-2))
    return model


def test_significant_bits_are_counted_from_one_to_one() -> None:
    values = [0, 1, -2, 6, -5, 0.75, 255, 0.1015625, -(2.0**-20)]
    assert significant_bits(values).tolist() == [0, 1, 1, 2, 3, 2, 8, 4, 1]


def test_ebops_are_counted_on_the_integers(data: Dataset) -> None:
    fixed = freeze(student(data))
    wanted = {}
    for link in fixed.links:
        if hasattr(link.layer, "weights") and link.layer.weights.ndim == 2:
            bits = [len(bin(abs(int(c))).rstrip("0")) - 2 if c else 0 for c in link.layer.weights.ravel()]
            wanted[link.layer.name] = sum(bits) * (link.input_type.bits - link.input_type.is_signed)
    assert ebops(fixed) == wanted
    assert min(wanted.values()) > 0


@pytest.mark.parametrize("granularity", ["weight", "channel", "layer"])
def test_training_meets_the_budget_and_freezes_bit_for_bit(data: Dataset, granularity: str, tmp_path: Path) -> None:
    model = student(data, granularity)
    parameters = model.count_params()
    assert parameters == 30 * 12 + 12 + 12 * 4 + 4
    start = sum(ebops(freeze(model)).values())
    target = start // 3
    history, budget = fit_to_budget(model, *data.train, target, 32, 24, data.valid, key=2)
    assert budget.history[0] == start
    assert budget.best is not None
    fixed = freeze(model, data.class_names)
    assert sum(ebops(fixed).values()) == budget.count(model)
    assert 0.5 * target < budget.count(model) <= target
    np.testing.assert_array_equal(fixed.predict(data.test.x), model.exact_logits(data.test.x))
    assert model.evaluate(*data.test)[1] > 0.9
    assert budget.best == max(
        a for a, e in zip(history.history["val_accuracy"], budget.history[1:], strict=True) if e <= target
    )
    model.save(tmp_path)
    np.testing.assert_array_equal(load_model(tmp_path).logits(data.test.x), model.logits(data.test.x))


def test_bits_are_learned_weight_by_weight_and_some_reach_none(data: Dataset) -> None:
    model = student(data)
    fit_to_budget(model, *data.train, sum(ebops(freeze(model)).values()) // 4, 32, 24, data.valid, key=2)
    fractions = model.parameter("fc1/kernel_fraction")[0]
    assert len(np.unique(np.rint(fractions))) >= 4
    assert freeze(model).sparsity > 0.1
    assert model.parameter("fc1/kernel")[1] is None  # no mask: zero bits are the pruning


def test_without_a_price_bits_stay_wide(data: Dataset) -> None:
    free, paid = student(data), student(data)
    free.fit(*data.train, epochs=12, key=2)
    fit_to_budget(paid, *data.train, sum(ebops(freeze(paid)).values()) // 4, 32, 12, key=2)
    assert sum(ebops(freeze(free)).values()) > 2 * sum(ebops(freeze(paid)).values())


def test_a_convolution_learns_bits_too() -> None:
    pixels = FixedPoint(8, 8, False, "RND", "SAT")
    kernel = {"kernel_quantizer": learned_bits(5), "bias_quantizer": BIAS}
    chain = [Input((6, 6, 1), pixels), Rescaling(2.0**-7, -1.0), QConv2D(6, 3, name="conv", **kernel)]
    chain += [
        QActivation(quantized_relu(6, 2, rounding="RND")),
        MaxPooling2D(),
        Flatten(),
        QDense(2, name="out", **kernel),
    ]
    model = Sequential(chain, key=1)
    x = np.floor(256 * Key(1).uniform(200 * 36)).reshape(200, 6, 6, 1).astype(np.float32)
    y = (x[:, :3].mean(axis=(1, 2, 3)) > x[:, 3:].mean(axis=(1, 2, 3))).astype(int)
    start = ebops(freeze(model))
    assert start["conv"] == int(significant_bits(model.effective("conv/kernel")).sum()) * 8
    model.compile(Adam(1e-2))  # a bit is a hundred of its steps
    _, budget = fit_to_budget(model, x, y, sum(start.values()) // 2, 16, 30, key=2)
    assert budget.count(model) <= sum(start.values()) // 2
    np.testing.assert_array_equal(freeze(model).predict(x), model.exact_logits(x))
    prune_low_magnitude(model, ConstantSparsity(0.5), Neurons())
    model.fit(x, y, epochs=1)
    np.testing.assert_array_equal(shrink(model).exact_logits(x), model.exact_logits(x))


def test_what_cannot_be_trained_to_a_budget_is_refused(data: Dataset) -> None:
    plain = StudentMLP(data, 6)(HyperParameters())
    with pytest.raises(ConfigError, match="learned_bits"):
        fit_to_budget(plain, *data.train, 1000)
    with pytest.raises(ConfigError, match="at least 1"):
        EbopsBudget(0, 10, {})
    with pytest.raises(ConfigError, match="granularity"):
        learned_bits(4, "neuron")
    with pytest.raises(ConfigError, match="least <= fraction"):
        learned_bits(12)


def test_learned_bits_are_a_text_too() -> None:
    assert get("learned_bits(3, 'channel', most=8)") == learned_bits(3, "channel", most=8)


# Widths given, and searched


def test_a_list_gives_each_layer_its_width(data: Dataset) -> None:
    model: Model = StudentMLP(data, 8)(HyperParameters({"depth": 2}))
    other = precision.with_bits(model, [6, 4, 7])
    assert [layer.weight_type.bits for layer in freeze(other).dense] == [6, 4, 7]
    named = precision.with_bits(model, {"fc2": 5, "relu1": 3})
    assert [layer.weight_type.bits for layer in freeze(named).dense] == [8, 5, 8]
    assert freeze(named).links[2].input_type.bits == 3
    with pytest.raises(ConfigError, match="for fc1, fc2, output"):
        precision.with_bits(model, [6, 4])
    with pytest.raises(ConfigError, match="got fc9"):
        precision.with_bits(model, {"fc9": 4})


def test_a_search_finds_each_layers_width(data: Dataset) -> None:
    hp = HyperParameters({"depth": 2, "bits_fc1": 5, "bits_fc2": 9, "bits_output": 10})
    model = StudentMLP(data, (4, 10))(hp)
    assert [layer.weight_type.bits for layer in freeze(model).dense] == [5, 9, 10]
    space = HyperParameters()
    StudentMLP(data, (4, 10))(space)
    assert (space.parameters["bits_fc2"].min_value, space.parameters["bits_fc2"].max_value) == (4, 10)  # type: ignore[attr-defined]
    images = Dataset.make(
        "images", np.tile(data.x[:, :16].reshape(-1, 4, 4, 1), 1), data.y, data.class_names, data.input_type, Key(1)
    )
    build = StudentCNN(images, (4, 10), convolutions=2, pool_every=1, dense=1)
    cnn = build(HyperParameters({"bits_conv1": 4, "bits_conv2": 6, "bits_fc1": 8, "bits_output": 5}))
    assert [layer.weight_type.bits for layer in freeze(cnn).kernels] == [4, 6, 8, 5]
