"""Keras's files in all their versions, and what is refused in them, by name and without being run."""

from __future__ import annotations

import copy
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5_files import dense, layer, sequential, small, tensors_of, write_h5
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy_forward import forward
from qkdflow import importers
from qkdflow.errors import DataError
from qkdflow.importers.keras_config import snake

ONES = np.ones((1, 3), np.float32)
ANSWER = [[1.5, 2.5]]


@pytest.mark.parametrize("version", ["2.0.0", "2.2.4", "2.13.1", "3.4.1"])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_file_of_any_version_is_read(version: str, as_bytes: bool, tmp_path: Path) -> None:
    network = importers.read(small(tmp_path / "net.h5", version=version, as_bytes=as_bytes))
    assert forward(network, ONES).tolist() == ANSWER
    assert (network.format, network.parameters, network.zeros) == (f"Keras {version}", 8, 1)


def test_the_list_of_old_sequentials_is_read(tmp_path: Path) -> None:
    model = sequential(dense("fc", 2))
    model["config"] = model["config"]["layers"]
    assert (
        forward(importers.read(write_h5(tmp_path / "a.h5", model, tensors_of("fc", 3, 2), "2.1.6")), ONES).tolist()
        == ANSWER
    )


def test_optimizer_weights_are_not_looked_at(tmp_path: Path) -> None:
    path = small(tmp_path / "net.h5")
    with h5py.File(path, "a") as file:
        file["optimizer_weights/Adam/fc/kernel/m:0"] = np.zeros((3, 2))
        file["optimizer_weights/odd"] = h5py.ExternalLink("/etc/hostname", "x")
        file.attrs["training_config"] = "{"
    assert forward(importers.read(path), ONES).tolist() == ANSWER


@pytest.mark.parametrize(
    "names", [("net.json", "net.h5"), ("net.json", "net_weights.h5"), ("net.json", "net.weights.h5")]
)
def test_weights_and_structure_may_lie_in_two_files(names: tuple[str, str], tmp_path: Path) -> None:
    structure, weights = (tmp_path / n for n in names)
    small(tmp_path / "whole.h5")
    structure.write_text(json.dumps({**sequential(dense("fc", 2)), "keras_version": "2.4.0"}))
    with h5py.File(tmp_path / "whole.h5") as whole, h5py.File(weights, "w") as file:
        file.attrs["layer_names"] = [b"fc"]
        whole.copy("model_weights/fc", file)
    for path in (structure, weights):
        network = importers.read(path)
        assert forward(network, ONES).tolist() == ANSWER
        assert network.format == "Keras 2.4.0"
    structure.unlink()
    with pytest.raises(DataError, match="weights alone"):
        importers.read(weights)


def test_a_structure_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(json.dumps(sequential(dense("fc", 2))))
    with pytest.raises(DataError, match=r"net_weights\.h5"):
        importers.read(tmp_path / "net.json")


def test_an_open_axis_needs_a_shape(tmp_path: Path) -> None:
    model = sequential(layer("GlobalAveragePooling1D", "gap"), dense("fc", 2), shape=(None, None, 3))
    path = write_h5(tmp_path / "open.h5", model, tensors_of("fc", 3, 2))
    with pytest.raises(DataError, match="input_shape"):
        importers.read(path)
    assert importers.read(path, input_shape=(7, 3)).shapes["fc"] == (2,)


def test_nans_are_counted_by_name(tmp_path: Path) -> None:
    tensors = tensors_of("fc", 3, 2)
    tensors["fc"]["fc/kernel:0"][0] = [np.nan, np.inf]
    network = importers.read(write_h5(tmp_path / "nan.h5", sequential(dense("fc", 2)), tensors))
    assert network.nans == {"fc/kernel": 2}


def conv(**config: Any) -> dict[str, Any]:
    return layer("Conv2D", "c", **{"filters": 2, "kernel_size": [2, 2], **config})


QUANTIZED = {"units": 2, "bias_quantizer": None}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another layer": (layer("LSTM", "rnn", units=3), r"LSTM rnn\] this layer is not supported\. Supported are"),
    "a custom layer": (layer("Mine>Odd", "odd"), r"Mine>Odd odd\] this layer is not supported"),
    "a TensorFlow operation": (layer("TFOpLambda", "tf.math.add"), "code inside is never run"),
    "dilation": (conv(dilation_rate=[2, 2]), r"dilation_rate\] must be 1; got \[2, 2\]"),
    "groups": (conv(groups=3), r"groups\] must be 1; got 3"),
    "channels first": (conv(data_format="channels_first"), r"data_format\] must be channels_last"),
    "causal padding": (
        layer("Conv1D", "c", filters=2, kernel_size=2, padding="causal"),
        "must be valid or same; got causal",
    ),
    "an axis": (layer("BatchNormalization", "bn", axis=[1]), r"axis\] must be the last"),
    "a merge's axis": (layer("Concatenate", "cat", axis=1), r"axis\] must be -1 or 3; got 1"),
    "an activation": (
        layer("Activation", "act", activation="swish"),
        r"activation\] must be one of linear, relu.*got swish",
    ),
    "a call in an activation": (
        layer("QActivation", "act", activation="__import__('os').system('touch ran')"),
        "must be one of",
    ),
    "a bad quantiser": (
        layer("QActivation", "act", activation="quantized_bits(8, ().__class__)"),
        "must be one of quantized_bits",
    ),
    "a batch's scale": (layer("QActivation", "act", activation="quantized_bits(8, alpha='auto')"), "for weights only"),
    "noise": (
        layer("QDense", "q", kernel_quantizer={"class_name": "bernoulli", "config": {}}, **QUANTIZED),
        "got 'bernoulli'",
    ),
    "a share of noise": (
        layer(
            "QDense",
            "q",
            kernel_quantizer={"class_name": "quantized_bits", "config": {"qnoise_factor": 0.5}},
            **QUANTIZED,
        ),
        "qnoise_factor must be 1; got 0.5",
    ),
    "a bool for units": (layer("Dense", "d", units=True), r"units\] must be a whole number"),
    "no units": (layer("Dense", "d"), r"units\] must be a whole number"),
    "huge units": (layer("Dense", "d", units=10**15), r"units\] must be a whole number"),
    "a stateful GRU": (layer("GRU", "g", units=2, stateful=True), r"stateful\] must be False; got True"),
    "a GRU of another kind": (layer("GRU", "g", units=2, recurrent_activation="hard_sigmoid"), "recurrent_activation"),
    "masking": (layer("Embedding", "e", input_dim=3, output_dim=2, mask_zero=True), "mask_zero"),
    "a regulariser": (
        layer("Dense", "d", units=2, kernel_regularizer={"class_name": "Odd", "config": {}}),
        "must be L1, L2",
    ),
    "a missing tensor": (layer("Dense", "d", units=2), r"kernel \(3, 2\) is required; the file has no such tensor"),
    "a window too large": (conv(padding="valid", strides=[1, 1], kernel_size=[9, 9]), "every axis must be at least 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_supported_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wrong, message = REFUSED[name]
    path = write_h5(tmp_path / "no.h5", sequential(wrong, shape=(None, 6, 6, 3)), {})
    with pytest.raises(DataError, match=message) as error:
        importers.read(path)
    assert "no.h5" in str(error.value)
    assert not (tmp_path / "ran").exists()


def test_a_lambda_is_refused_and_not_run(tmp_path: Path) -> None:
    code = ["4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMEAAAAfABTAA==", None, None]
    wrong = layer("Lambda", "evil", function=code, function_type="lambda", module="os")
    with pytest.raises(DataError, match=r"Lambda evil\] a layer with code inside is never run"):
        importers.read(write_h5(tmp_path / "l.h5", sequential(wrong), {}))


@pytest.mark.parametrize("class_name", ["MyModel", "Custom>Model", None])
def test_a_custom_model_is_refused(class_name: Any, tmp_path: Path) -> None:
    model = {**sequential(dense("fc", 2)), "class_name": class_name}
    with pytest.raises(DataError, match="custom classes are not run"):
        importers.read(write_h5(tmp_path / "m.h5", model, {}))


def test_a_shared_layer_is_refused(tmp_path: Path) -> None:
    def node(*names: str) -> list[Any]:
        return [[[n, 0, 0, {}]] for n in names]

    layers = [
        {**layer("InputLayer", "x", batch_input_shape=[None, 3]), "name": "x", "inbound_nodes": []},
        {**dense("fc", 3), "name": "fc", "inbound_nodes": node("x", "fc")},
    ]
    config = {"name": "f", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["fc", 1, 0]]}
    with pytest.raises(DataError, match=r"Dense fc\] a layer may be used once"):
        importers.read(write_h5(tmp_path / "s.h5", {"class_name": "Functional", "config": config}, {}))


class Trap:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


@pytest.mark.parametrize("name", ["model.pkl", "model.h5", "model.keras", "model.onnx", "model.joblib"])
def test_a_pickle_is_refused_and_not_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="never read"):
        importers.read(name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["missing.h5", "folder.h5", "text.h5", "text.txt", "empty.keras", "text.json", "list.json"]
)
def test_other_files_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.h5").mkdir()
    for file, text in {"text.h5": "x", "text.txt": "x", "empty.keras": "", "text.json": "{", "list.json": "[]"}.items():
        (tmp_path / file).write_text(text)
    for weights in ("text_weights.h5", "list.h5"):
        h5py.File(tmp_path / weights, "w").close()
    with pytest.raises(DataError, match=name.split(".")[0]):
        importers.read(tmp_path / name)


@pytest.mark.parametrize(
    ("class_name", "wanted"),
    [("Conv2D", "conv2d"), ("QConv2D", "q_conv2d"), ("LeakyReLU", "leaky_re_lu"), ("GRU", "gru"), ("ReLU", "re_lu"),
     ("BatchNormalization", "batch_normalization"), ("GlobalAveragePooling2D", "global_average_pooling2d")],
)  # fmt: skip
def test_classes_are_named_as_keras_names_them(class_name: str, wanted: str) -> None:
    assert snake(class_name) == wanted


JUNK = st.sampled_from([None, True, -1, 0, 3, 1e99, "", "x", [], {}, [[]], {"class_name": "Dense"}, ["a", 0, 0], 2**70])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for k, v in items for p in places(v, (*path, k)))]


BASE = sequential(
    layer("Conv2D", "c", filters=2, kernel_size=[2, 2], strides=[1, 1], padding="same", activation="relu"),
    layer("BatchNormalization", "bn", axis=[3], epsilon=1e-3),
    layer("ZeroPadding2D", "p", padding=[[0, 1], [1, 0]]),
    layer("MaxPooling2D", "mp", pool_size=[2, 2], strides=None, padding="valid"),
    layer("QActivation", "qa", activation={"class_name": "quantized_relu", "config": {"bits": 4, "integer": 1}}),
    layer("Reshape", "r", target_shape=[-1]),
    layer(
        "QDense", "fc", units=2, kernel_quantizer={"class_name": "quantized_bits", "config": {"bits": 4, "alpha": 1}}
    ),
    shape=(None, 3, 3, 1),
)
ARRAYS = {
    "c": {"c/kernel:0": np.ones((2, 2, 1, 2), np.float32), "c/bias:0": np.ones(2, np.float32)},
    "bn": {f"bn/{n}:0": np.ones(2, np.float32) for n in ("gamma", "beta", "moving_mean", "moving_variance")},
    "fc": {"fc/kernel:0": np.ones((8, 2), np.float32), "fc/bias:0": np.ones(2, np.float32)},
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.sampled_from(places(BASE)), junk=JUNK)
def test_a_damaged_structure_is_refused_or_read_but_never_crashes(
    where: tuple[Any, ...], junk: Any, tmp_path: Path
) -> None:
    model = copy.deepcopy(BASE)
    if where:
        inner: Any = model
        for key in where[:-1]:
            inner = inner[key]
        inner[where[-1]] = junk
    else:
        model = junk
    try:
        network = importers.read(write_h5(tmp_path / "fuzz.h5", model, ARRAYS))
    except DataError as refused:
        said = str(refused)
    else:
        said = network.file
    assert "fuzz.h5" in said


def test_the_undamaged_one_is_read(tmp_path: Path) -> None:
    assert importers.read(write_h5(tmp_path / "whole.h5", BASE, ARRAYS)).parameters == 36


def pack(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def members(tmp_path: Path, **changes: bytes) -> dict[str, bytes]:
    """A .keras file's parts; None takes one away."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["layers/dense/vars/0"] = np.full((3, 2), 0.5, np.float32)
        file["layers/dense/vars/1"] = np.arange(2, dtype=np.float32)
    return {
        "metadata.json": b'{"keras_version": "3.4.1"}',
        "config.json": json.dumps(sequential(dense("fc", 2))).encode(),
        "model.weights.h5": (tmp_path / "w.h5").read_bytes(),
    }


def test_a_keras_archive_is_read(tmp_path: Path) -> None:
    assert forward(importers.read(pack(tmp_path / "a.keras", members(tmp_path))), ONES).tolist() == ANSWER


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:\\evil"])
def test_a_path_out_of_the_archive_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="inside the archive"):
        importers.read(pack(tmp_path / "p.keras", {**members(tmp_path), name: b"x"}))


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    bomb = {**members(tmp_path), "model.weights.h5": bytes(64 << 20)}
    with pytest.raises(DataError, match="must unpack to at most"):
        importers.read(pack(tmp_path / "bomb.keras", bomb, zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize("gone", ["metadata.json", "config.json", "model.weights.h5"])
def test_a_missing_member_is_named(gone: str, tmp_path: Path) -> None:
    kept = {k: v for k, v in members(tmp_path).items() if k != gone}
    with pytest.raises(DataError, match=f"there is no {gone}"):
        importers.read(pack(tmp_path / "m.keras", kept))


def test_a_pickle_in_an_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pickled objects are never read"):
        importers.read(pack(tmp_path / "net.pt.keras", {"archive/data.pkl": b"\x80\x02."}))


@pytest.mark.parametrize("cut", [10, 200, 900])
def test_a_cut_file_is_refused(cut: int, tmp_path: Path) -> None:
    whole = pack(tmp_path / "w.keras", members(tmp_path)).read_bytes()
    (tmp_path / "cut.keras").write_bytes(whole[:-cut])
    (tmp_path / "cut.h5").write_bytes(small(tmp_path / "s.h5").read_bytes()[:cut])
    for name in ("cut.keras", "cut.h5"):
        with pytest.raises(DataError, match="cut"):
            importers.read(tmp_path / name)
