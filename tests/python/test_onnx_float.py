"""Float networks as ONNX, run by onnxruntime, against the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qkdflow import FixedPoint, Key, Model, Sequential, layers, load_model
from qkdflow.errors import ConfigError
from qkdflow.export.onnx_float import write_onnx
from qkdflow.layers import Dense, Input, QActivation
from qkdflow.quantizers import quantized_bits


def mlp() -> Model:
    counts = FixedPoint(10, 10, False, "RND", "SAT")
    hidden = [
        layers.Rescaling(2.0**-9, -1.0),
        Dense(7, activation="relu"),
        layers.Dropout(0.3),
        Dense(6, activation="tanh"),
    ]
    return Sequential([Input((5,), type=counts), *hidden, layers.LeakyReLU(), Dense(3, activation="softmax")], key=1)


def cnn() -> Model:
    x = Input((9, 8, 2))
    y = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu6")(layers.ZeroPadding2D(1)(x))
    y = layers.BatchNormalization()(y)
    a = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="sigmoid")(y)
    a = layers.SeparableConv2D(4, 3, padding="same", use_bias=False)(a)
    y = layers.ReLU(max_value=0.5)(layers.Add()([y, a]))
    y = layers.Concatenate()([layers.MaxPooling2D(2, padding="same")(y), layers.AveragePooling2D(2, padding="same")(y)])
    y = layers.Activation("hard_sigmoid")(y)
    return Model(x, Dense(3)(layers.GlobalAveragePooling2D()(y)), key=2)


def series() -> Model:
    x = Input((12, 3))
    y = layers.Conv1D(5, 4, strides=2, activation="relu")(layers.ZeroPadding1D((2, 1))(x))
    y = layers.AveragePooling1D(2)(y)
    y = layers.Dense(4, use_bias=False)(layers.Reshape((5, -1))(layers.Flatten()(y)))
    return Model(x, layers.Dense(2)(layers.GlobalMaxPooling1D()(y)), key=3)


def folded() -> Model:
    """Normalisations inside their convolutions, whose kernels are quantised or not."""
    quantized = {"kernel_quantizer": quantized_bits(6, 1, alpha=1), "bias_quantizer": quantized_bits(8, 2, alpha=1)}
    x = Input((6, 5, 2))
    y = layers.QConv2DBatchnorm(4, 3, padding="same", activation="relu", **quantized)(x)
    y = layers.QDepthwiseConv2DBatchnorm(2, use_bias=False)(y)
    return Model(x, Dense(3)(layers.Flatten()(y)), key=5)


NETWORKS = {"mlp": mlp, "cnn": cnn, "series": series, "folded": folded}


@pytest.mark.parametrize("name", NETWORKS)
def test_runtime_equals_the_engine(tmp_path: Path, name: str) -> None:
    import onnxruntime

    model = NETWORKS[name]()
    x = (Key(4).normal(50 * int(np.prod(model.input_shape))).reshape(50, *model.input_shape)).astype(np.float32)
    x = np.abs(np.round(x * 300)) if name == "mlp" else x
    model.fit(x, np.arange(50) % model.output_shape[0], epochs=3)  # moving statistics, too
    write_onnx(model, tmp_path / "a.onnx")
    write_onnx(model, tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    want = model.predict(x)
    (got,) = session.run(None, {"input": x})
    np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-5)
    assert np.ptp(want, axis=0).max() > 0.05


@pytest.mark.parametrize("name", ["output", "input", "dense_bias", "dense_products"])
def test_no_name_of_a_layer_breaks_the_file(tmp_path: Path, name: str) -> None:
    """ONNX wants one name a tensor; a layer may be called as an end of the graph, or as a constant of another layer."""
    import onnx
    import onnxruntime

    hidden = [Dense(4, name="dense"), layers.LeakyReLU(name=name)]
    model = Sequential([Input((5,), name="raw"), *hidden, *([] if name == "output" else [Dense(2)])], key=1)
    write_onnx(model, tmp_path / "a.onnx")
    onnx.checker.check_model(str(tmp_path / "a.onnx"), full_check=True)
    x = Key(2).normal(50).reshape(10, 5).astype(np.float32)
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    assert [end.name for end in (*session.get_inputs(), *session.get_outputs())] == ["input", "output"]
    np.testing.assert_allclose(session.run(None, {"input": x})[0], model.predict(x), rtol=2e-4, atol=2e-5)


def test_a_typed_input_is_said_to_be_cut_and_not_rounded(tmp_path: Path) -> None:
    (note,) = write_onnx(mlp(), tmp_path / "a.onnx")
    assert note == "inputs are cut to the range of ap_ufixed<10,10,AP_RND,AP_SAT>, not rounded to its step of 1.0"
    assert write_onnx(series(), tmp_path / "a.onnx") == ()


def test_our_own_importer_reads_it(tmp_path: Path) -> None:
    model = mlp()
    write_onnx(model, tmp_path / "a.onnx")
    x = np.floor(Key(4).uniform(200) * 1023).reshape(40, 5).astype(np.float32)
    np.testing.assert_allclose(load_model(tmp_path / "a.onnx").predict(x), model.predict(x), rtol=2e-4, atol=2e-5)


def test_quantised_activations_are_refused(tmp_path: Path) -> None:
    model = Sequential([Input((3,)), Dense(4), QActivation("quantized_relu(4,1)", name="cut"), Dense(2)])
    with pytest.raises(ConfigError, match="layer cut: a QActivation cannot be written as float ONNX"):
        write_onnx(model, tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("layer", "cure"),
    [(layers.GRU(3, name="own"), "write hls4ml's project"), (layers.Embedding(5, 2, name="own"), "write Keras's file")],
)
def test_what_qonnx_has_not_either_is_not_sent_there(tmp_path: Path, layer: layers.Layer, cure: str) -> None:
    chain = (
        [Input((4,)), layer, layers.Flatten(), Dense(2)] if "Emb" in str(layer) else [Input((4, 2)), layer, Dense(2)]
    )
    with pytest.raises(
        ConfigError, match=f"layer own: a (GRU|Embedding) cannot .*; freeze its quantised form and {cure}"
    ):
        write_onnx(Sequential(chain), tmp_path / "a.onnx")


def test_a_capped_relu_is_read_again(tmp_path: Path) -> None:
    capped = [Dense(4, activation="relu6"), layers.ReLU(max_value=0.5), Dense(2)]
    model = Sequential([Input((3,)), *capped], key=4)
    write_onnx(model, tmp_path / "capped.onnx")
    x = 9 * np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    np.testing.assert_allclose(load_model(tmp_path / "capped.onnx").logits(x), model.logits(x), atol=1e-6)
