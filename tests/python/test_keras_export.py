"""Keras .h5 files of frozen networks, read back by our importer; tests/export_keras/run has real QKeras read them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from fixed_graphs import GRAPHS, Build
from fixed_models import codes, mlp
from qkdflow import FixedPoint, Key, Sequential, load_model
from qkdflow.errors import ConfigError, DataError
from qkdflow.export.keras import write_keras
from qkdflow.fixed import FixedActivation, FixedModel
from qkdflow.freeze import freeze
from qkdflow.layers import Input

ROUNDING = ("TRN", "RND", "RND_MIN_INF", "RND_CONV")


def raw(fixed: FixedModel, samples: int = 400) -> np.ndarray:
    return fixed.input_type.decode(codes(Key(4), fixed.input_type, (samples, *fixed.input_shape)))


def rounding(mode: str, function: str, before: str) -> FixedModel:
    b = Build(Key(5), (6,))
    first = b.dense(5)
    if before == "add":
        b.add(first, first)
    kind = (
        FixedPoint(5, 5, False, mode, "SAT")
        if function == "relu6"
        else FixedPoint(6, 6, function != "relu", mode, "SAT")
    )
    b.activation(function, kind)
    b.dense(3)
    return b.model()


def block() -> FixedModel:
    """A residual block and a mean over 16 pixels, which is a binary number."""
    b = Build(Key(6), (8, 8, 2))
    b.conv(3, (3, 3), (2, 2), "same")
    start = b.relu()
    b.conv(3, (3, 3), padding="same")
    b.cut()
    b.add(b.last, start)
    b.relu()
    b.pool("average", kind=FixedPoint(7, 3, False, "RND", "SAT"), extra=4)
    b.dense(4)
    return b.model()


def small() -> FixedModel:
    b = Build(Key(5), (6,))
    b.dense(5)
    b.relu(FixedPoint(6, -1, False, "RND", "SAT"))
    b.dense(3)
    return b.model()


GIVEN = {"mlp": lambda: mlp(Key(1), (30, 15, 4)), "block": block}


@pytest.mark.parametrize("graph", ["mlp", "conv2d", "block", "scaled"])
def test_our_importer_gives_the_same_bits(tmp_path: Path, graph: str) -> None:
    fixed = GIVEN[graph]() if graph in GIVEN else GRAPHS[graph](Key(3))
    write_keras(fixed, tmp_path / "a.h5")
    write_keras(fixed, tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    x = raw(fixed)
    again = load_model(tmp_path / "a.h5")
    np.testing.assert_array_equal(again.exact_logits(x), fixed.predict(x))
    if graph != "scaled":  # a BatchNormalization gets types anew
        np.testing.assert_array_equal(freeze(again).predict(x), fixed.predict(x))
    assert again.input.type == fixed.input_type


def test_a_file_that_names_no_input_type_freezes_as_the_error_says(tmp_path: Path) -> None:
    fixed = GIVEN["mlp"]()
    write_keras(fixed, tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "a") as file:
        del file.attrs["qkdflow"]
    model = load_model(tmp_path / "net.h5")
    cure = r"Sequential\(\[Input\(shape, type=...\), \*model.layers\[1:\]\]\)"
    with pytest.raises(ConfigError, match=rf"\[network_input\] .* Input\(\(30,\), type=FixedPoint.* {cure}"):
        freeze(model)
    typed = Sequential([Input((30,), type=fixed.input_type), *model.layers[1:]])
    typed.set_weights(model.get_weights())
    np.testing.assert_array_equal(freeze(typed).predict(raw(fixed)), fixed.predict(raw(fixed)))


def test_an_input_type_that_is_not_trained_is_left_out_and_said(tmp_path: Path) -> None:
    fixed = replace(GIVEN["mlp"](), input_type=FixedPoint(10, 10, False, "TRN", "WRAP"))
    write_keras(fixed, tmp_path / "net.h5")
    with pytest.warns(UserWarning, match="does not train with inputs of ap_ufixed<10,10,AP_TRN,AP_WRAP>"):
        assert load_model(tmp_path / "net.h5").input.type is None


@pytest.mark.parametrize("about", ['{"input_type": "fixed<8,3,RND,NEVER>"}', '{"input_type": "int"}', "[]", "{"])
def test_a_damaged_input_type_is_refused(tmp_path: Path, about: str) -> None:
    write_keras(GIVEN["mlp"](), tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "a") as file:
        file.attrs["qkdflow"] = about
    with pytest.raises(DataError, match=r"net\.h5"):
        load_model(tmp_path / "net.h5")


@pytest.mark.parametrize("mode", ROUNDING)
@pytest.mark.parametrize("function", ["linear", "relu", "relu6", "leaky_relu"])
@pytest.mark.parametrize("before", ["dense", "add"])
def test_every_rounding_that_can_be_said(tmp_path: Path, mode: str, function: str, before: str) -> None:
    fixed = rounding(mode, function, before)
    x = raw(fixed, 1500)
    notes = write_keras(fixed, tmp_path / "net.h5")
    shifted = (before == "add" or function in ("relu6", "leaky_relu")) and mode != "RND_CONV"
    assert any("Rescaling before its" in note for note in notes) == shifted
    np.testing.assert_array_equal(load_model(tmp_path / "net.h5").exact_logits(x), fixed.predict(x))
    other = "TRN" if mode != "TRN" else "RND"
    assert np.any(rounding(other, function, before).predict(x) != fixed.predict(x))  # the test can tell


def test_the_rounding_comes_after_the_function(tmp_path: Path) -> None:
    """A quarter of a whole number has fractions that the number had not; 6 is no multiple of a step of 4."""
    for function, options, low in (
        ("leaky_relu", {"slope": 1, "slope_type": FixedPoint(2, 0, False)}, 8),
        ("relu6", {}, 6),
    ):
        for mode in ROUNDING:
            b = Build(Key(5), (1,), FixedPoint(8, 8, True, "RND_CONV", "SAT"))
            b.put(FixedActivation("act", function, FixedPoint(low, 8, True, mode, "SAT"), **options, inputs=(b.last,)))
            fixed = b.model()
            x = np.arange(-128.0, 128.0)[:, None]
            write_keras(fixed, tmp_path / "net.h5")
            np.testing.assert_array_equal(load_model(tmp_path / "net.h5").predict(x), fixed.predict(x))


def test_what_it_says(tmp_path: Path) -> None:
    fixed = mlp(Key(1), (8, 5, 3))
    notes = write_keras(fixed, tmp_path / "net.h5")
    assert notes == ("inputs between two codes are rounded half to even; in hardware: TRN",)
    with h5py.File(tmp_path / "net.h5") as file:
        said = json.loads(file.attrs["qkdflow"])
        config = json.loads(file.attrs["model_config"])["config"]
        assert file["model_weights/fc1/fc1/kernel:0"].shape == (8, 5)
    assert (said["digest"], said["input_type"]) == (fixed.digest, "ufixed<10,10,TRN,SAT>")
    by_name = {layer["name"]: layer for layer in config["layers"]}
    assert [layer["class_name"] for layer in config["layers"]] == [
        "InputLayer",
        "QActivation",
        "QDense",
        "QActivation",
        "QDense",
    ]
    quantizer = by_name["fc1"]["config"]["kernel_quantizer"]
    missing = 1 - fixed.dense[0].weight_type.integer  # QKeras takes no negative integer: more bits, the same grid
    assert missing > 0
    assert quantizer["config"] == {"bits": 8 + missing, "integer": 0, "symmetric": 0, "alpha": 1, "keep_negative": True}
    wide = mlp(Key(1), (30, 4), FixedPoint(16, 3), FixedPoint(16, 2), FixedPoint(30, 6))
    assert any("layer fc1: its sums need 3" in note for note in write_keras(wide, tmp_path / "wide.h5"))


def test_what_cannot_be_said_is_refused(tmp_path: Path) -> None:
    cases = [
        (GRAPHS["tables"](Key(1)), "layer sigmoid2: QKeras has no tables"),
        (GRAPHS["activations"](Key(1)), "hard_sigmoid cannot be written"),
        (small(), r"no negative integer; got ap_ufixed<6,-1,AP_RND,AP_SAT>"),
        (rounding("RND_INF", "linear", "dense"), "RND_INF of signed values cannot be said"),
    ]
    for fixed, message in cases:
        with pytest.raises(ConfigError, match=message):
            write_keras(fixed, tmp_path / "net.h5")
        assert not (tmp_path / "net.h5").exists()
