"""What our own ONNX exporters write, read again: every layer of a float network, and frozen ones as QONNX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fixed_graphs import GRAPHS, Build
from fixed_models import codes
from qkdflow import FixedPoint, Key, Model, Sequential, layers, load_model
from qkdflow.errors import DataError
from qkdflow.export.onnx_float import write_onnx
from qkdflow.export.qonnx import write_qonnx
from qkdflow.fixed import FixedModel
from qkdflow.freeze import freeze
from qkdflow.layers import Input
from qkdflow.models import Weights
from qkdflow.quantizers import quantized_bits

IMAGE, SERIES, VECTOR = (7, 6, 3), (9, 3), (8,)
WEIGHT, BIAS = quantized_bits(6, 1, alpha=1), {"bias_quantizer": quantized_bits(8, 2, alpha=1)}
QUANTIZED, DEPTHWISE = {"kernel_quantizer": WEIGHT, **BIAS}, {"depthwise_quantizer": WEIGHT, **BIAS}
Shape = tuple[int, ...]
Case = tuple[Shape, Callable[[layers.Tensor], layers.Tensor]]


def three(kind: type[layers.Layer]) -> Callable[[layers.Tensor], layers.Tensor]:
    return lambda x: kind()([x, layers.Activation("tanh")(x), layers.Activation("relu")(x)])


CASES: dict[str, Case] = {
    "Dense": (VECTOR, layers.Dense(4)),
    "Dense, no bias": (VECTOR, layers.Dense(4, use_bias=False)),
    "Dense, of an image": (IMAGE, layers.Dense(4)),
    "QDense": (VECTOR, layers.QDense(4, **QUANTIZED)),
    "Conv1D": (SERIES, layers.Conv1D(4, 3, strides=2, padding="same")),
    "QConv1D": (SERIES, layers.QConv1D(4, 3, **QUANTIZED)),
    "Conv2D": (IMAGE, layers.Conv2D(4, (3, 2), strides=2, padding="same")),
    "Conv2D, no bias": (IMAGE, layers.Conv2D(4, 3, use_bias=False)),
    "QConv2D": (IMAGE, layers.QConv2D(4, 3, **QUANTIZED)),
    "QConv2DBatchnorm": (IMAGE, layers.QConv2DBatchnorm(4, 3, **QUANTIZED)),
    "DepthwiseConv2D": (IMAGE, layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)),
    "QDepthwiseConv2D": (IMAGE, layers.QDepthwiseConv2D(3, **DEPTHWISE)),
    "QDepthwiseConv2DBatchnorm": (IMAGE, layers.QDepthwiseConv2DBatchnorm(2, **DEPTHWISE)),
    "SeparableConv2D": (IMAGE, layers.SeparableConv2D(4, 3, padding="same")),
    "QSeparableConv2D": (IMAGE, layers.QSeparableConv2D(4, 3, pointwise_quantizer=WEIGHT, **DEPTHWISE)),
    "BatchNormalization": (VECTOR, layers.BatchNormalization()),
    "BatchNormalization, of an image": (IMAGE, layers.BatchNormalization()),
    **{
        f"{how}Pooling{d}D, {padding}": (
            SERIES if d == 1 else IMAGE,
            getattr(layers, f"{how}Pooling{d}D")(2, padding=padding),
        )
        for how in ("Max", "Average")
        for d in (1, 2)
        for padding in ("valid", "same")
    },
    **{
        f"Global{how}Pooling{d}D, keepdims {keep}": (
            SERIES if d == 1 else IMAGE,
            getattr(layers, f"Global{how}Pooling{d}D")(keepdims=keep),
        )
        for how in ("Max", "Average")
        for d in (1, 2)
        for keep in (False, True)
    },
    "ZeroPadding1D": (SERIES, layers.ZeroPadding1D((2, 1))),
    "ZeroPadding2D": (IMAGE, layers.ZeroPadding2D(((1, 2), (0, 3)))),
    "Flatten": (IMAGE, layers.Flatten()),
    "Reshape": (IMAGE, layers.Reshape((6, -1))),
    "Dropout": (VECTOR, lambda x: layers.Dropout(0.5)(layers.Activation("tanh")(x))),
    "Rescaling": (VECTOR, layers.Rescaling(0.25, -1.0)),
    "Rescaling, one a channel": (IMAGE, layers.Rescaling((1.0, 2.0, 3.0), (0.0, 1.0, 2.0))),
    "Rescaling, one an element": (SERIES, layers.Rescaling(tuple(float(n) for n in range(27)))),
    "Activation linear": (IMAGE, lambda x: layers.Activation("linear")(layers.Activation("tanh")(x))),
    **{
        f"Activation {name}": (IMAGE, layers.Activation(name))
        for name in ("relu", "relu6", "leaky_relu", "tanh", "sigmoid", "hard_sigmoid")
    },
    "Activation softmax": (IMAGE, lambda x: layers.Activation("softmax")(layers.Dense(4)(x))),
    "Softmax": (VECTOR, lambda x: layers.Softmax()(layers.Dense(4)(x))),
    "LeakyReLU": (VECTOR, layers.LeakyReLU(0.1)),
    "ReLU": (VECTOR, layers.ReLU()),
    "ReLU, capped": (VECTOR, layers.ReLU(max_value=0.5)),
    "ReLU, leaky": (VECTOR, layers.ReLU(negative_slope=0.25)),
    "ReLU, leaky and capped": (VECTOR, layers.ReLU(max_value=0.5, negative_slope=0.25)),
    "Add": (IMAGE, lambda x: layers.Add()([x, layers.Activation("tanh")(x)])),
    "Add, of three": (IMAGE, three(layers.Add)),
    "Concatenate": (IMAGE, three(layers.Concatenate)),
}
NOT_LAYERS = ("Input", "Layer", "Shape", "Tensor", "from_config")
REFUSED = ("GRU", "QGRU", "Embedding", "QActivation", "QBatchNormalization")


def network(shape: Shape, layer: Callable[[layers.Tensor], layers.Tensor], last: bool) -> Model:
    """The layer alone, where nothing else says which axis has the channels, or with a dense layer behind it."""
    x = Input(shape)
    y = layer(x)
    if last:
        y = layers.Dense(3)(layers.Flatten()(y))
    return Model(x, y, key=2)


@pytest.mark.parametrize(
    ("name", "last"), [(name, last) for name in CASES for last in (False, True) if not (last and "oftmax" in name)]
)
def test_every_layer_comes_back(tmp_path: Path, name: str, last: bool) -> None:
    model = network(*CASES[name], last)
    weights = model.get_weights()
    values = tuple(np.abs(Key(9).normal(v.size).reshape(v.shape)).astype(np.float32) for v in weights.values)
    model.set_weights(Weights(values, weights.masks))  # so that no bias and no offset is zero
    write_onnx(model, tmp_path / "net.onnx")
    again = load_model(tmp_path / "net.onnx")
    x = Key(4).normal(20 * int(np.prod(model.input_shape))).reshape(20, *model.input_shape).astype(np.float32)
    assert again.input_shape == model.input_shape
    want = model.logits(x)
    np.testing.assert_allclose(again.logits(x), want, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(want).max())))
    np.testing.assert_allclose(again.predict(x), model.predict(x), rtol=1e-5, atol=1e-5 * max(1.0, np.abs(want).max()))
    assert np.ptp(want) > 1e-3


def test_no_layer_is_forgotten() -> None:
    tried = {name.split(",")[0].split()[0] for name in CASES}
    assert tried | {*NOT_LAYERS, *REFUSED} == set(layers.__all__)


@pytest.mark.parametrize("kind", [FixedPoint(10, 10, False, "RND", "SAT"), FixedPoint(8, 3, True, "TRN", "SAT")])
def test_the_inputs_type_comes_back(tmp_path: Path, kind: FixedPoint) -> None:
    model = Sequential([Input((5,), type=kind), layers.Dense(3)], key=1)
    write_onnx(model, tmp_path / "net.onnx")
    again = load_model(tmp_path / "net.onnx")
    x = (kind.high * 1.5 * Key(3).normal(100).reshape(20, 5)).astype(np.float32)  # between two codes and beyond them
    assert again.input.type == kind
    np.testing.assert_allclose(again.logits(x), model.logits(x), rtol=1e-5)


def series() -> FixedModel:
    b = Build(Key(7), (9, 2))
    b.pad((1, 0))
    b.conv(4, (3,), (2,), "same")
    b.relu()
    b.pool("max", (2,))
    b.conv(5, (2,))
    b.reshape()
    b.dense(3)
    return b.model()


@pytest.mark.parametrize("graph", ["conv2d", "depthwise", "scaled", "series"])
def test_qonnx_freezes_to_the_same_logits(tmp_path: Path, graph: str) -> None:
    """Convolutions and pools of qonnx's channels_last domain, normalisations, roundings in a bias, the input's type."""
    fixed = series() if graph == "series" else GRAPHS[graph](Key(3))
    write_qonnx(fixed, tmp_path / "net.onnx")
    model = load_model(tmp_path / "net.onnx")
    x = fixed.input_type.decode(codes(Key(4), fixed.input_type, (250, *fixed.input_shape)))
    want = fixed.predict(x)
    np.testing.assert_array_equal(model.logits(x.astype(np.float32)), want)
    np.testing.assert_array_equal(freeze(model).predict(x), want)
    assert np.ptp(want) > 1
    assert model.input.type == fixed.input_type


def channels_last_file(path: Path, kind: str, tensors: dict[str, np.ndarray], shape: Shape, **attributes: Any) -> Path:
    """One operator of the domain, as any tool may write it."""
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node(kind, ["x", *tensors], ["y"], "one", domain="qonnx.custom_op.channels_last", **attributes)
    ends = [
        helper.make_tensor_value_info("x", float32, ("n", *shape)),
        helper.make_tensor_value_info("y", float32, None),
    ]
    arrays = [onnx.numpy_helper.from_array(array, name) for name, array in tensors.items()]
    graph = helper.make_graph([node], "net", ends[:1], ends[1:], arrays)
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid(node.domain, 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path


def test_the_domains_normalisation_is_over_the_last_axis(tmp_path: Path) -> None:
    gamma, beta, mean, variance = Key(1).normal(12).reshape(4, 3).astype(np.float32)
    tensors = {"gamma": gamma, "beta": beta, "mean": mean, "variance": np.abs(variance)}
    path = channels_last_file(tmp_path / "net.onnx", "BatchNormalization", tensors, (5, 4, 3), epsilon=1e-3)
    x = Key(2).normal(600).reshape(10, 5, 4, 3).astype(np.float32)
    want = (x - mean) / np.sqrt(np.abs(variance) + 1e-3) * gamma + beta
    np.testing.assert_allclose(load_model(path).predict(x), want, rtol=1e-5, atol=1e-5)


def test_other_operators_of_the_domain_are_named(tmp_path: Path) -> None:
    path = channels_last_file(tmp_path / "net.onnx", "Relu", {}, (5, 4, 3))
    with pytest.raises(DataError, match=r"Supported are Conv, .*got qonnx.custom_op.channels_last.Relu"):
        load_model(path)
