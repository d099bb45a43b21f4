"""Freezing graphs: every layer's integers are the trained network's values, exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from qkdflow import FixedPoint, Key, reference
from qkdflow.errors import ConfigError
from qkdflow.freeze import freeze
from qkdflow.layers import (
    Activation,
    Add,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    Input,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    QActivation,
    QConv1D,
    QConv2D,
    QConv2DBatchnorm,
    QDense,
    QDepthwiseConv2D,
    QDepthwiseConv2DBatchnorm,
    QSeparableConv2D,
    ReLU,
    Rescaling,
    Reshape,
    Tensor,
    ZeroPadding2D,
)
from qkdflow.models import Model
from qkdflow.models.weights import Weights
from qkdflow.quantizers import binary, quantized_bits, quantized_relu, quantized_sigmoid, quantized_tanh, ternary

PIXELS = FixedPoint(8, 8, False, "RND", "SAT")
KERNEL, BIAS = quantized_bits(5, 1, alpha=1), quantized_bits(9, 3, alpha=1)
QUANTISED = {"kernel_quantizer": KERNEL, "bias_quantizer": BIAS}


def relu(name: str = "") -> QActivation:
    return QActivation(quantized_relu(6, 3), name=name)


def cut() -> QActivation:
    return QActivation(quantized_bits(7, 3, alpha=1))


def through(x: Tensor | Layer, *layers: Layer) -> Tensor:
    for layer in layers:
        x = layer(x)
    assert isinstance(x, Tensor)
    return x


def images(n: int = 40, shape: tuple[int, ...] = (8, 8, 2)) -> np.ndarray:
    size = int(np.prod(shape))
    return np.floor(np.asarray(Key(3).uniform(n * size)) * 256).astype(np.float32).reshape(n, *shape)


def drawn(model: Model) -> Model:
    """Kernels and biases drawn wide, so that activations round and saturate; then a step of training."""
    weights, values = model.get_weights(), []
    for name, value in zip(model.graph.param_names, weights.values, strict=True):
        key = Key(8).fold(name)
        wide = 3 * np.asarray(key.uniform(value.size), dtype=np.float32).reshape(value.shape) - 1.5
        values.append(wide if name.endswith(("kernel", "bias")) else value)
    model.set_weights(Weights(tuple(values), weights.masks))
    x = images(16, model.input_shape)
    model.fit(x, np.arange(16) % 3, batch_size=16)
    return model


def cnn() -> Model:
    x = Input((8, 8, 2), type=PIXELS)
    return Model(
        x,
        through(
            x,
            Rescaling(2.0**-8),
            QConv2D(5, 3, padding="same", **QUANTISED),
            relu(),
            MaxPooling2D(2),
            QConv2D(4, (2, 3), strides=(1, 2), use_bias=False, kernel_quantizer=KERNEL),
            relu(),
            Dropout(0.2),
            Flatten(),
            QDense(3, **QUANTISED),
            Activation("softmax"),
        ),
    )


def offset() -> Model:
    """An offset before a convolution without padding folds; before one with padding it cannot."""
    x = Input((8, 8, 2), type=PIXELS)
    scaled = through(x, Rescaling(2.0**-7, (-1.0, -0.75)))
    a = through(scaled, QConv2D(3, 3, **QUANTISED), relu(), GlobalAveragePooling2D(), cut())
    b = through(scaled, QConv2D(3, 3, padding="same", **QUANTISED), relu(), GlobalAveragePooling2D())
    return Model(x, through(Concatenate()([a, b]), QDense(3, **QUANTISED)))


def residual() -> Model:
    x = Input((8, 8, 2), type=PIXELS)
    start = through(x, Rescaling(2.0**-8), QConv2D(4, 3, padding="same", activation=quantized_relu(6, 3), **QUANTISED))
    a = through(start, QConv2D(4, 3, padding="same", **QUANTISED), cut())
    b = through(start, QConv2D(4, 1, **QUANTISED))
    y = through(Add()([a, start, b]), relu(), AveragePooling2D(3, 2), cut(), QConv2D(4, 1, **QUANTISED), relu())
    return Model(x, through(y, Flatten(), QDense(3, **QUANTISED)))


def mobile() -> Model:
    x = Input((8, 8, 2), type=PIXELS)
    depthwise = QDepthwiseConv2D(3, 2, depthwise_quantizer=KERNEL, bias_quantizer=BIAS)
    separable = QSeparableConv2D(
        6, 3, padding="same", depthwise_quantizer=KERNEL, pointwise_quantizer=KERNEL, bias_quantizer=BIAS
    )
    y = through(x, Rescaling(2.0**-8), ZeroPadding2D(((0, 1), (0, 1))), depthwise, relu(), separable, relu())
    return Model(x, through(y, GlobalAveragePooling2D(), QDense(3, **QUANTISED)))


def series() -> Model:
    x = Input((16, 2), type=PIXELS)
    y = through(x, Rescaling(2.0**-8), QConv1D(4, 3, padding="same", strides=2, **QUANTISED), relu())
    y = through(y, AveragePooling1D(2), QDense(4, **QUANTISED), cut(), Reshape((8, 2)), GlobalMaxPooling1D())
    return Model(x, through(y, QDense(3, **QUANTISED)))


def functions() -> Model:
    x = Input((6,), type=PIXELS)
    y = through(x, Rescaling(2.0**-8), QDense(6, **QUANTISED), LeakyReLU(0.1), cut(), QDense(6, **QUANTISED))
    y = through(y, ReLU(6.0), QActivation(quantized_bits(6, 3, alpha=1)), QDense(6, **QUANTISED))
    y = through(y, QActivation(quantized_sigmoid(6)), QDense(6, "relu", **QUANTISED), cut(), QDense(5, **QUANTISED))
    return Model(x, through(y, QActivation(quantized_tanh(6)), QDense(3, **QUANTISED)))


def scales() -> Model:
    """One power of two a channel, and signs: types that the quantiser alone does not say."""
    auto = {"kernel_quantizer": quantized_bits(4, 0, alpha="auto_po2"), "bias_quantizer": BIAS}
    x = Input((8, 8, 2), type=PIXELS)
    y = through(x, Rescaling(2.0**-8), QConv2D(4, 3, **auto), relu(), QConv2D(4, 3, **auto), relu(), Flatten())
    y = through(y, QDense(5, kernel_quantizer=ternary(alpha=1), bias_quantizer=BIAS), relu())
    return Model(x, through(y, QDense(3, kernel_quantizer=binary(alpha="auto_po2"), bias_quantizer=BIAS)))


def folded() -> Model:
    """Normalisations that were trained folded in, with a bias and without, frozen statistics and moving ones."""
    x = Input((8, 8, 2), type=PIXELS)
    auto = {"kernel_quantizer": quantized_bits(4, 0, alpha="auto_po2"), "bias_quantizer": BIAS}
    y = through(x, Rescaling(2.0**-8), QConv2DBatchnorm(4, 3, activation=quantized_relu(6, 3), **QUANTISED))
    y = through(y, QDepthwiseConv2DBatchnorm(2, 2, depthwise_quantizer=KERNEL, bias_quantizer=BIAS), relu())
    y = through(y, QConv2DBatchnorm(5, 1, use_bias=False, folding_mode="batch_stats_folding", **auto), relu())
    return Model(x, through(y, QConv2DBatchnorm(4, 2, ema_freeze_delay=0, **auto), cut(), Flatten(), QDense(3, **auto)))


@pytest.mark.parametrize("build", [cnn, offset, residual, mobile, series, functions, scales, folded])
def test_integers_reference_and_float64_give_the_same_bits(build: Callable[[], Model]) -> None:
    model = drawn(build())
    fixed = freeze(model)
    x = images(shape=model.input_shape)
    exact = model.exact_logits(x)
    np.testing.assert_array_equal(fixed.predict(x), exact)
    codes = fixed.input_type.encode(x)
    np.testing.assert_array_equal(reference.run(fixed, codes), fixed.run(codes))
    assert len(np.unique(exact)) > 10
    assert build is folded or fixed.parameters >= model.count_params()  # a bias of zeros where a layer has none


def normalised() -> Model:
    x = Input((8, 8, 2), type=PIXELS)
    y = through(x, Rescaling(2.0**-8), QConv2D(4, 3, use_bias=False, kernel_quantizer=KERNEL), BatchNormalization())
    y = through(y, relu("last"), GlobalAveragePooling2D(), cut(), BatchNormalization(), QDense(3, **QUANTISED))
    return Model(x, y)


@pytest.mark.parametrize("fold", [False, True])
def test_batch_normalisation_is_as_close_as_its_slopes(fold: bool) -> None:
    model = drawn(normalised())
    fixed = freeze(model, fold_batch_normalization=fold)
    kinds = [layer.kind for layer in fixed.layers]
    assert kinds.count("scale") == (1 if fold else 2)  # the second stands behind no kernel
    assert fixed.kernels[0].weight_type.bits == (18 if fold else 5)
    x = images()
    exact, got = model.exact_logits(x), fixed.predict(x)
    assert np.abs(exact - got).max() < 0.02 * np.abs(exact).max()
    codes = fixed.input_type.encode(x)
    np.testing.assert_array_equal(reference.run(fixed, codes), fixed.run(codes))


def test_a_normalisation_is_folded_only_where_nobody_else_reads_the_kernels_results() -> None:
    x = Input((8, 8, 2), type=PIXELS)
    y = through(x, QConv2D(4, 3, **QUANTISED))
    z = Concatenate()([through(y, BatchNormalization(), relu()), through(y, relu())])
    fixed = freeze(Model(x, through(z, Flatten(), QDense(3, **QUANTISED))), fold_batch_normalization=True)
    assert "scale" in [layer.kind for layer in fixed.layers]


def test_pruned_weights_stay_zero_when_a_normalisation_is_folded() -> None:
    x = Input((8, 8, 2), type=PIXELS)
    signs = {"kernel_quantizer": binary(alpha=1), "bias_quantizer": BIAS}  # that have no zero of their own
    y = through(x, QConv2DBatchnorm(4, 3, name="a", **signs), relu(), QConv2D(4, 3, name="b", **QUANTISED))
    model = Model(x, through(y, BatchNormalization(), cut(), Flatten(), QDense(3, **QUANTISED)))
    for name in ("a/kernel", "b/kernel"):
        i = model.graph.param_names.index(name)
        mask = np.ones(model.graph.param_shape(i), np.float32)
        mask[0] = 0
        model.graph.set_mask(i, mask)
    fixed = freeze(model, fold_batch_normalization=True)
    np.testing.assert_array_equal(
        fixed.predict(images()), freeze(model, fold_batch_normalization=True).predict(images())
    )
    for layer in fixed.kernels[:2]:
        assert not layer.weights[0].any()
        assert layer.weights[1].any()


@pytest.mark.parametrize("implementation", ["latency", "stable", "argmax"])
def test_a_network_may_end_in_hls4mls_softmax(implementation: str) -> None:
    x = Input((6,), type=PIXELS)
    model = Model(x, through(x, Rescaling(2.0**-8), QDense(5, **QUANTISED), QActivation(quantized_bits(7, 2, alpha=1))))
    drawn(model)
    fixed = freeze(model, softmax=implementation)
    raw = images(200, (6,))
    logits, p = freeze(model).predict(raw), fixed.predict(raw)
    if implementation == "argmax":
        np.testing.assert_array_equal(p, np.arange(5) == logits.argmax(axis=1)[:, None])
    else:
        e = np.exp(logits)
        assert np.abs(p - e / e.sum(axis=1, keepdims=True)).max() < 0.02
    codes = fixed.input_type.encode(raw)
    np.testing.assert_array_equal(reference.run(fixed, codes), fixed.run(codes))


def test_smooth_functions_become_tables() -> None:
    x = Input((6,), type=PIXELS)
    y = through(x, Rescaling(2.0**-8), QDense(6, "tanh", **QUANTISED), cut(), QDense(6, **QUANTISED))
    y = through(y, QActivation(quantized_sigmoid(6, use_real_sigmoid=True)), QDense(3, **QUANTISED))
    model = drawn(Model(x, y))
    fixed = freeze(model)
    raw = images(shape=(6,))
    assert np.abs(model.exact_logits(raw) - fixed.predict(raw)).max() < 0.1
    assert [layer.kind for layer in fixed.layers].count("table") == 2


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [QConv2D(3, 3, activation="relu", name="c", **QUANTISED), Flatten(), QDense(3, **QUANTISED)],
            r"\[c\] its relu",
        ),
        ([ReLU(name="r"), Flatten(), QDense(3, **QUANTISED)], r"\[r\] its relu needs a quantiser"),
        ([AveragePooling2D(3, name="pool"), Flatten(), QDense(3, **QUANTISED)], r"\[pool\] means over 9 pixels"),
        (
            [Flatten(), QDense(3, kernel_quantizer=quantized_bits(4, 0, alpha="auto"), bias_quantizer=BIAS)],
            "power of two",
        ),
        (
            [QActivation(quantized_relu(6, 2, negative_slope=0.25), name="q"), Flatten(), QDense(3, **QUANTISED)],
            r"\[q\]",
        ),
        ([Flatten(name="flat")], "class name"),
    ],
)
def test_what_cannot_be_frozen_is_named(layers: list[Layer], message: str) -> None:
    x = Input((8, 8, 2), type=PIXELS)
    with pytest.raises(ConfigError, match=message):
        freeze(Model(x, through(x, *layers)), class_names=("a", "b", "c"))
