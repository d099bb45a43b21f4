"""Pruning by structure: which weights go together, what they save, and the smaller network that is left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from qkdflow import FixedPoint, Key, Sequential, load_model
from qkdflow.errors import ConfigError
from qkdflow.freeze import freeze
from qkdflow.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Layer,
    MaxPooling2D,
    QActivation,
    QConv2D,
    QConv2DBatchnorm,
    QDense,
    QDepthwiseConv2D,
    Rescaling,
    SeparableConv2D,
)
from qkdflow.models import Model
from qkdflow.quantizers import quantized_bits, quantized_relu
from qkdflow.shrinking import shrink
from qkdflow.sparsity import (
    BramGroups,
    ConstantSparsity,
    DspGroups,
    Neurons,
    NofM,
    PolynomialDecay,
    Structure,
    Weights,
    prune_low_magnitude,
    removable,
)

BYTES = FixedPoint(8, 8, False, "RND", "SAT")
QUANTISED = {
    "kernel_quantizer": quantized_bits(6, 1, alpha=1, rounding="RND"),
    "bias_quantizer": quantized_bits(12, 4, alpha=1, rounding="RND"),
}
DEPTHWISE = {"depthwise_quantizer": QUANTISED["kernel_quantizer"], "bias_quantizer": QUANTISED["bias_quantizer"]}
X = np.floor(256 * Key(1).uniform(160 * 6 * 6 * 2)).reshape(160, 6, 6, 2).astype(np.float32)
Y = (X[:, :3].mean(axis=(1, 2, 3)) > X[:, 3:].mean(axis=(1, 2, 3))).astype(np.int64)


def relu() -> QActivation:
    return QActivation(quantized_relu(6, 3, rounding="RND"))


def cnn(norm: bool = False, key: int = 0, conv: type[QConv2D] = QConv2D) -> Sequential:
    between: list[Layer] = [BatchNormalization()] if norm else []
    chain = [Input((6, 6, 2), BYTES), Rescaling(2.0**-6, -2.0), conv(8, 3, padding="same", name="c1", **QUANTISED)]
    chain += [*between, relu(), MaxPooling2D(), QDepthwiseConv2D(2, padding="same", name="d", **DEPTHWISE)]
    chain += [relu(), QConv2D(6, 2, name="c2", **QUANTISED), relu(), Flatten(), QDense(5, name="fc", **QUANTISED)]
    return Sequential([*chain, relu(), QDense(2, name="out", **QUANTISED)], key=key)


def mlp(widths: Sequence[int] = (12, 8, 4), key: int = 0) -> Sequential:
    chain: list[Layer] = [Input((10,), BYTES), Rescaling(2.0**-7, -1.0)]
    for i, width in enumerate(widths):
        chain += [relu()] if i else []
        chain += [QDense(width, name=f"fc{i}", **QUANTISED)]
    return Sequential(chain, key=key)


def trained(model: Model, structure: Structure, sparsity: float, scope: str = "layer") -> Model:
    prune_low_magnitude(model, ConstantSparsity(sparsity, 4, frequency=2), structure, scope)
    if len(model.input_shape) == 3:
        model.fit(X, Y, batch_size=16, epochs=2, key=1)
    else:
        x = X.reshape(160, -1)[:, :10]
        model.fit(x, (x[:, 0] > 128).astype(int), batch_size=16, epochs=2, key=1)
    return model


@pytest.mark.parametrize("model", [cnn(), cnn(norm=True), cnn(conv=QConv2DBatchnorm)], ids=["plain", "norm", "folded"])
def test_a_network_without_its_pruned_neurons_computes_the_same(model: Model) -> None:
    trained(model, Neurons(), 0.5)
    small = shrink(model)
    sizes = {layer.name: getattr(layer, "filters", getattr(layer, "units", 0)) for layer in small.layers}
    assert (sizes["c1"], sizes["c2"], sizes["fc"], sizes["out"]) == (4, 3, 2, 2)
    assert small.count_params() < 0.5 * model.count_params()
    np.testing.assert_array_equal(small.exact_logits(X), model.exact_logits(X))
    fixed = freeze(small)
    np.testing.assert_array_equal(fixed.predict(X), freeze(model).predict(X))
    assert fixed.parameters < 0.5 * freeze(model).parameters


def test_what_is_left_goes_on_learning() -> None:
    small = shrink(trained(cnn(), Neurons(), 0.5))
    before = small.evaluate(X, Y)[0]
    small.fit(X, Y, batch_size=16, epochs=10, key=2)
    assert small.evaluate(X, Y)[0] < before


def test_float_graphs_shrink_where_no_sum_needs_the_channels() -> None:
    source = Input((6, 6, 2))
    a = Activation("relu")(BatchNormalization()(Conv2D(4, 3, padding="same", name="a")(source)))
    b = Conv2D(4, 3, padding="same", name="b")(a)
    joined = Add()([a, b])
    c = SeparableConv2D(5, 3, name="c", activation="relu")(AveragePooling2D()(Conv2D(6, 1, name="s")(joined)))
    model = Model(source, Dense(2, name="out")(GlobalAveragePooling2D()(c)))
    assert [channels.layer for channels in removable(model.layers, model.inbound)] == ["s", "c"]
    trained(model, Neurons(), 0.6)
    small = shrink(model)
    assert small.count_params() < model.count_params()
    np.testing.assert_allclose(small.logits(X), model.logits(X), atol=1e-4)


def test_a_neuron_with_a_bias_is_not_removed() -> None:
    model = mlp()
    weights = model.get_weights()
    weights.values[0][:, 3] = 0
    weights.values[1][3] = 0.5
    model.set_weights(weights)
    assert shrink(model).count_params() == model.count_params()


def test_n_of_m() -> None:
    model = trained(mlp(), NofM(2, 4), 0.5)
    for name in ("fc0/kernel", "fc1/kernel"):
        kernel = model.effective(name)
        for start in range(0, len(kernel), 4):
            assert (np.count_nonzero(kernel[start : start + 4], axis=0) <= 2).all()
    assert freeze(model).sparsity >= 0.5
    with pytest.raises(ConfigError, match=r"final sparsity of 0\.5; got 0\.6"):
        trained(mlp(), NofM(2, 4), 0.6)


def multiplier_of_each_weight(n_in: int, n_out: int, reuse_factor: int) -> np.ndarray:
    """hls4ml 1.3's loops (nnet_dense_resource.h) over a kernel stored output by output: `im` of each weight."""
    found = np.full(n_in * n_out, -1)
    for ir in range(reuse_factor):
        w_index = ir
        for im in range(-(-n_in * n_out // reuse_factor)):
            if w_index < n_in * n_out:
                found[w_index] = im
            w_index += reuse_factor
    return found.reshape(n_out, n_in).T


@pytest.mark.parametrize("reuse_factor", [1, 2, 5, 10, 20, 40, 120])
def test_a_dsp_group_is_what_shares_a_multiplier_in_hls4ml(reuse_factor: int) -> None:
    groups = DspGroups(reuse_factor).groups((10, 12))
    np.testing.assert_array_equal(groups, multiplier_of_each_weight(10, 12, reuse_factor))
    image = DspGroups(reuse_factor).groups((1, 5, 2, 12))  # hls4ml: (H, W, C, F) => (F, H, W, C)
    np.testing.assert_array_equal(image.reshape(10, 12), groups)


def test_a_bram_group_fills_words_of_36_bits() -> None:
    assert BramGroups(4, bits=9).weights == 4 * 4
    assert BramGroups(4, bits=8).weights == 9 * 4  # two words: 72 / 8
    assert BramGroups(4, bits=16).weights == 5 * 4


@pytest.mark.parametrize("structure", [DspGroups(5), BramGroups(5, bits=18)])
def test_pruned_groups_are_whole_and_counted_on_integers(structure: DspGroups) -> None:
    model = trained(mlp(), structure, 0.5)
    fixed = freeze(model)
    free, multipliers = 0, 0
    for layer in fixed.dense:
        numbers = structure.groups(layer.weights.shape)
        used = np.array([layer.weights[numbers == g].any() for g in range(numbers.max() + 1)])
        masked = model.parameter(f"{layer.name}/kernel")[1]
        assert masked is not None
        for g in range(numbers.max() + 1):
            assert len(np.unique(masked[numbers == g])) == 1
        free, multipliers = free + int((~used).sum()), multipliers + len(used)
    assert free >= 0.5 * multipliers - len(fixed.dense)
    assert fixed.sparsity >= 0.5


def test_global_pruning_takes_more_from_where_less_is_lost() -> None:
    model = mlp((40, 40, 4))
    weights = model.get_weights()
    for i in (0, 2, 4):
        weights.values[i][...] *= (0.2, 1, 1)[i // 2]
    model.set_weights(weights)
    trained(model, Weights(), 0.5, "global")
    kernels = [model.effective(f"fc{i}/kernel") for i in range(3)]
    zeros = [1 - np.count_nonzero(k) / k.size for k in kernels]
    assert zeros[0] > 0.6 > zeros[1]
    assert freeze(model).sparsity >= 0.5


def test_layers_have_schedules_of_their_own() -> None:
    model = mlp((40, 40, 4))
    prune_low_magnitude(model, {"fc0": ConstantSparsity(0.75), "fc2": PolynomialDecay(0, 0.25, 0, 10)})
    x = X.reshape(160, -1)[:, :10]
    model.fit(x, np.arange(160) % 4, batch_size=16, epochs=2)
    masks = [model.parameter(f"fc{i}/kernel")[1] for i in range(3)]
    assert masks[1] is None
    assert [1 - m.mean() for m in masks if m is not None] == [0.75, 0.25]
    with pytest.raises(ConfigError, match="fc0, fc1, fc2; got fc9"):
        prune_low_magnitude(model, {"fc9": ConstantSparsity(0.5)})
    with pytest.raises(ConfigError, match="Neurons can prune are fc0, fc1; got fc2"):
        prune_low_magnitude(model, ConstantSparsity(0.5), Neurons(), layers=["fc2"])


def test_structured_masks_survive_saving_fine_tuning_and_freezing(tmp_path: Path) -> None:
    model = trained(mlp(), DspGroups(5), 0.5)
    model.save(tmp_path)
    again = load_model(tmp_path)
    x = X.reshape(160, -1)[:, :10]
    again.fit(x, np.arange(160) % 4, batch_size=16, epochs=3)
    before, after = (
        np.concatenate([m.ravel() for m in m_.get_weights().masks if m is not None]) for m_ in (model, again)
    )
    np.testing.assert_array_equal(before, after)
    assert freeze(again).sparsity >= 0.5


def test_a_loaded_model_goes_on_in_the_middle_of_its_schedule(tmp_path: Path) -> None:
    x = Key(1).normal(64 * 6).reshape(64, 6).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    schedule = PolynomialDecay(0.0, 0.6, begin_step=2, end_step=14, frequency=1)

    def begun() -> Sequential:
        model = Sequential([Input((6,)), Dense(10, "relu", name="a"), Dense(2, name="b")], key=3)
        model.compile("sgd")
        return prune_low_magnitude(model, schedule)

    whole, half = begun(), begun()
    whole.fit(x, y, 16, 4, key=4)
    half.fit(x, y, 16, 2, key=4)
    half.save(tmp_path)
    again = load_model(tmp_path)
    again.compile("sgd")
    assert again.pruning == ()
    prune_low_magnitude(again, schedule)
    again.steps = half.steps
    again.fit(x, y, 16, 4, initial_epoch=2, key=4)
    for name in whole.graph.param_names:
        np.testing.assert_array_equal(again.effective(name), whole.effective(name))
    assert np.mean(again.effective("a/kernel") == 0) >= 0.6


def test_steps_are_computed_from_epochs() -> None:
    """1,000 samples in batches of 64 are 16 steps an epoch."""
    s = PolynomialDecay.in_epochs(0.0, 0.5, 2, 10, 1000, 64, frequency=0.5)
    assert (s.begin_step, s.end_step, s.frequency) == (32, 160, 8)
    c = ConstantSparsity.in_epochs(0.5, 2, 10, 1000, 64)
    assert (c.begin_step, c.end_step, c.frequency) == (32, 160, 16)
    assert ConstantSparsity.in_epochs(0.5, 1, -1, 1000, 64).end_step == -1
    with pytest.raises(ConfigError, match="must be positive"):
        PolynomialDecay.in_epochs(0.0, 0.5, 2, 10, 0, 64)


def test_what_nothing_can_be_removed_of_is_refused() -> None:
    """Every channel is part of a sum: no neuron may go."""
    source = Input((4,))
    whole = Add()([Dense(3, name="a")(source), Dense(3, name="b")(source)])
    model = Model(source, Dense(2, name="out")(whole), name="sums")
    with pytest.raises(ConfigError, match=r"\[pruning\] sums has no layer that Neurons can prune"):
        prune_low_magnitude(model, ConstantSparsity(0.5), Neurons())


@pytest.mark.parametrize("make", [lambda: NofM(4, 4), lambda: DspGroups(0), lambda: BramGroups(1, bits=40)])
def test_structures_that_make_no_sense_are_refused(make: object) -> None:
    with pytest.raises(ConfigError):
        make()  # type: ignore[operator]
