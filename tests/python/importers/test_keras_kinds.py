"""Networks of the kinds that people keep, in the words of the Keras that wrote them: read, predicted and trained."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qkdflow
from h5_files import layer, write_h5
from numpy_forward import forward
from qkdflow import Key, importers

Made = tuple[dict[str, Any], dict[str, dict[str, tuple[int, ...]]], str]
CLASSES = 3
NO_MORE = {"trainable": True, "dtype": "float32", "activity_regularizer": None, "kernel_constraint": None}
GLOROT = {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform"}}


def chain(*layers: dict[str, Any]) -> list[dict[str, Any]]:
    """inbound_nodes of a functional model, each layer fed by the one before."""
    for before, here in pairwise(layers):
        here["inbound_nodes"] = [[[before["config"]["name"], 0, 0, {}]]]
    layers[0]["inbound_nodes"] = []
    return [{"name": a["config"]["name"], **a} for a in layers]


def functional(class_name: str, layers: list[dict[str, Any]]) -> dict[str, Any]:
    ends = {"input_layers": [[layers[0]["name"], 0, 0]], "output_layers": [[layers[-1]["name"], 0, 0]]}
    return {"class_name": class_name, "config": {"name": "model_1", "layers": layers, **ends}}


def source(*shape: int) -> dict[str, Any]:
    return layer("InputLayer", "input_1", batch_input_shape=[None, *shape], dtype="float32", sparse=False)


def softmax(name: str = "dense_9", class_name: str = "Dense", **more: Any) -> dict[str, Any]:
    return layer(class_name, name, units=CLASSES, activation="softmax", use_bias=True, **NO_MORE, **more)


def norm(c: int) -> dict[str, tuple[int, ...]]:
    return dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (c,))


def keras_2_0_series() -> Made:
    """Keras 2.0: Model, windows as numbers and as lists of one, no ragged, tensors named after a second layer."""
    windows = {"strides": [1], "padding": "same", "dilation_rate": [1], "activation": "relu", "use_bias": True}
    made = chain(
        source(12, 2),
        layer("Conv1D", "conv1d_1", filters=4, kernel_size=[3], kernel_initializer=GLOROT, **windows, **NO_MORE),
        layer(
            "BatchNormalization",
            "batch_normalization_1",
            axis=-1,
            momentum=0.99,
            epsilon=0.001,
            center=True,
            scale=True,
        ),
        layer("MaxPooling1D", "max_pooling1d_1", strides=2, pool_size=2, padding="valid"),
        layer("SpatialDropout1D", "drop", rate=0.2, noise_shape=None, seed=None),
        layer("Conv1D", "conv1d_2", filters=5, kernel_size=[2], **{**windows, "padding": "valid"}),
        layer("GlobalAveragePooling1D", "pool"),
        softmax(),
    )
    tensors = {
        "conv1d_1": {"kernel": (3, 2, 4), "bias": (4,)},
        "batch_normalization_1": norm(4),
        "conv1d_2": {"kernel": (2, 4, 5), "bias": (5,)},
        "dense_9": {"kernel": (5, CLASSES), "bias": (CLASSES,)},
    }
    return functional("Model", made), tensors, "2.0.8"


def keras_2_2_list() -> Made:
    """Keras 2.2: a Sequential that is a list; leaky and capped rectifiers as layers; depthwise and separable."""
    conv = {"strides": [1, 1], "padding": "same", "data_format": "channels_last", "dilation_rate": [1, 1]}
    made = [
        layer(
            "ZeroPadding2D",
            "pad",
            padding=[[1, 0], [0, 1]],
            data_format="channels_last",
            batch_input_shape=[None, 5, 6, 2],
        ),
        layer(
            "DepthwiseConv2D", "dw", kernel_size=[3, 3], depth_multiplier=2, use_bias=True, activation="linear", **conv
        ),
        layer("LeakyReLU", "leaky", alpha=0.10000000149011612),
        layer(
            "SeparableConv2D",
            "sep",
            filters=5,
            kernel_size=[2, 2],
            depth_multiplier=1,
            use_bias=False,
            activation="linear",
            **conv,
        ),
        layer("ReLU", "relu", max_value=6.0, negative_slope=0.0, threshold=0.0),
        layer(
            "AveragePooling2D", "mean", pool_size=[2, 2], strides=[2, 2], padding="same", data_format="channels_last"
        ),
        layer("Flatten", "flat", data_format="channels_last"),
        layer("Dropout", "drop", rate=0.5, noise_shape=None, seed=None),
        softmax(),
    ]
    tensors = {
        "dw": {"depthwise_kernel": (3, 3, 2, 2), "bias": (4,)},
        "sep": {"depthwise_kernel": (2, 2, 4, 1), "pointwise_kernel": (1, 1, 4, 5)},
        "dense_9": {"kernel": (60, CLASSES), "bias": (CLASSES,)},
    }
    return {"class_name": "Sequential", "config": made}, tensors, "2.2.4"


def words(version: str) -> Made:
    """Embedding and GRU: of Keras 2.3, and of 2.13 with its modules and policies."""
    new = {"module": "keras.layers", "registered_name": None} if version == "2.13.1" else {}
    gates = {"recurrent_activation": "sigmoid", "implementation": 2, "reset_after": True, "go_backwards": False}
    more = {"stateful": False, "unroll": False, "time_major": False, "return_state": False, "dropout": 0.0}
    made = [
        layer("InputLayer", "input_1", batch_input_shape=[None, 6], dtype="float32", ragged=False),
        layer(
            "Embedding", "emb", input_dim=9, output_dim=4, mask_zero=False, input_length=6, embeddings_regularizer=None
        ),
        layer("GRU", "gru", units=5, activation="tanh", use_bias=True, return_sequences=True, **gates, **more),
        layer("GRU", "last", units=4, activation="tanh", use_bias=True, return_sequences=False, **gates, **more),
        softmax(),
    ]
    for a in made:
        a.update(new)
    tensors = {
        "emb": {"embeddings": (9, 4)},
        "gru": {"kernel": (4, 15), "recurrent_kernel": (5, 15), "bias": (2, 15)},
        "last": {"kernel": (5, 12), "recurrent_kernel": (4, 12), "bias": (2, 12)},
        "dense_9": {"kernel": (4, CLASSES), "bias": (CLASSES,)},
    }
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": made}}, tensors, version


def quantizer(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def qkeras_series() -> Made:
    """QKeras 0.9 with Keras 2.4: Functional, auto_po2 written out, QConv1D, quantised tanh."""
    bits = {"symmetric": 1, "keep_negative": True, "use_stochastic_rounding": False, "qnoise_factor": 1.0}
    auto = quantizer("quantized_bits", bits=5, integer=0, alpha="auto_po2", **bits)
    bias = quantizer("quantized_bits", bits=8, integer=2, alpha=None, **{**bits, "symmetric": 0})
    made = chain(
        source(10, 3),
        layer(
            "QConv1D",
            "q1",
            filters=4,
            kernel_size=[3],
            strides=[2],
            padding="same",
            use_bias=True,
            activation="linear",
            dilation_rate=[1],
            kernel_quantizer=auto,
            bias_quantizer=bias,
        ),
        layer("QActivation", "a1", activation="quantized_relu(6,2)"),
        layer("Flatten", "flat", data_format="channels_last"),
        layer("QDense", "q2", units=6, activation="linear", use_bias=True, kernel_quantizer=auto, bias_quantizer=bias),
        layer("QActivation", "a2", activation="quantized_tanh(6)"),
        softmax("q3", "QDense", kernel_quantizer=auto, bias_quantizer=bias),
    )
    tensors = {
        "q1": {"kernel": (3, 3, 4), "bias": (4,)},
        "q2": {"kernel": (20, 6), "bias": (6,)},
        "q3": {"kernel": (6, CLASSES), "bias": (CLASSES,)},
    }
    return functional("Functional", made), tensors, "2.4.0"


def signs() -> Made:
    """Binary and ternary kernels and activations, with and without scales; weights that are powers of two."""
    made = [
        layer(
            "QDense",
            "b1",
            batch_input_shape=[None, 7],
            units=8,
            activation=None,
            use_bias=False,
            bias_quantizer=None,
            kernel_quantizer=quantizer("binary", use_01=False, alpha="auto_po2", use_stochastic_rounding=False),
        ),
        layer("BatchNormalization", "bn", axis=[1], momentum=0.9, epsilon=1e-4, center=True, scale=True),
        layer(
            "QActivation",
            "s1",
            activation=quantizer("ternary", alpha=1.0, threshold=0.33, use_stochastic_rounding=False),
        ),
        layer(
            "QDense",
            "t1",
            units=6,
            activation="linear",
            use_bias=True,
            bias_quantizer="quantized_bits(6,2,1)",
            kernel_quantizer="ternary(alpha='auto')",
        ),
        layer("QActivation", "s2", activation="binary(alpha=1)"),
        softmax("p1", "QDense", kernel_quantizer="quantized_po2(4)", bias_quantizer="quantized_po2(4,2)"),
    ]
    tensors = {
        "b1": {"kernel": (7, 8)},
        "bn": norm(8),
        "t1": {"kernel": (8, 6), "bias": (6,)},
        "p1": {"kernel": (6, CLASSES), "bias": (CLASSES,)},
    }
    return {"class_name": "Sequential", "config": {"name": "signs", "layers": made}}, tensors, "2.10.0"


KINDS: dict[str, Callable[[], Made]] = {
    "2.0 Model, Conv1D": keras_2_0_series,
    "2.2 list, separable": keras_2_2_list,
    "2.3 Embedding, GRU": lambda: words("2.3.1"),
    "2.13 Embedding, GRU": lambda: words("2.13.1"),
    "2.4 QConv1D, auto_po2": qkeras_series,
    "2.10 binary, ternary": signs,
}


def written(made: Made, path: Path) -> Path:
    model, shapes, version = made
    tensors = {}
    for name, own in shapes.items():
        group = f"{name}_1" if version.startswith("2.0") else name  # a second build in one session
        arrays = {}
        for tensor, shape in own.items():
            drawn = 0.5 * np.asarray(Key(7).fold(f"{name}/{tensor}").normal(int(np.prod(shape))), np.float32).reshape(
                shape
            )
            arrays[f"{group}/{tensor}:0"] = np.abs(drawn) + 0.5 if tensor in ("gamma", "moving_variance") else drawn
        tensors[name] = arrays
    return write_h5(path, model, tensors, version, as_bytes=version < "2.4")


@pytest.mark.filterwarnings("ignore:.*is left out:UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_a_kind_is_read_predicts_and_trains(kind: str, tmp_path: Path) -> None:
    path = written(KINDS[kind](), tmp_path / "net.h5")
    network, model = importers.read(path), qkdflow.load_model(path)
    n = 24 * int(np.prod(model.input_shape))
    x = np.asarray(Key(3).normal(n), np.float32).reshape(24, *model.input_shape)
    if "Embedding" in kind:
        x = np.floor(np.asarray(Key(3).uniform(n)) * 9).astype(np.float32).reshape(24, 6)
    expected = forward(network, x)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 0.05
    y = np.arange(24) % CLASSES
    before = model.evaluate(x, y)[0]
    model.compile("adam")
    model.fit(x, y, epochs=40, batch_size=8)
    assert model.evaluate(x, y)[0] < before
