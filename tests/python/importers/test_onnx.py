"""ONNX and QONNX graphs against onnx.reference, and what is refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
import onnx
from numpy_forward import forward
from onnx_models import CASES, Builder, channels_last
from qkdflow import importers
from qkdflow.errors import DataError, ToolError
from qkdflow.quantizers import binary, quantized_bits


@pytest.mark.parametrize("name", CASES)
def test_a_graph_computes_what_onnx_computes(name: str, tmp_path: Path) -> None:
    build, shape, is_first = CASES[name]
    b = Builder(shape)
    x, y = b.save(build(b), tmp_path / "net.onnx")
    network = importers.read(tmp_path / "net.onnx")
    got = forward(network, channels_last(x) if is_first else x)
    np.testing.assert_allclose(got.reshape(y.shape), y, rtol=1e-5, atol=1e-5)
    assert y.std(axis=0).max() > 1e-3
    assert network.format == "ONNX opset 15"


def test_a_power_of_two_scale_is_a_quantizer_and_others_are_said(tmp_path: Path) -> None:
    b = Builder((2, 6, 6))
    b.save(CASES["quantized"][0](b), tmp_path / "q.onnx")
    network = importers.read(tmp_path / "q.onnx")
    found = [q for n in network.nodes for q in n.quantizers.values()]
    assert quantized_bits(8, 4, alpha=1) in found  # step 1/8
    assert quantized_bits(4, 1, True, alpha=1) in found  # step 1/4, narrow
    assert quantized_bits(3, 2, keep_negative=False, alpha=1) in found  # step 1/2, unsigned
    assert binary(alpha=0.5) in found
    assert any("more scales" in note for note in network.notes)


def test_a_bias_after_a_product_is_the_layers_own(tmp_path: Path) -> None:
    b = Builder((8, 8, 2))
    b.save(CASES["tensorflow_cnn"][0](b), tmp_path / "net.onnx")
    last = importers.read(tmp_path / "net.onnx").nodes[-1]
    assert (last.kind, last.arguments["use_bias"], set(last.tensors)) == ("Dense", True, {"kernel", "bias"})


def test_opset_13_and_auto_pad_are_read(tmp_path: Path) -> None:
    results = []
    for i, attributes in enumerate(({"auto_pad": "SAME_UPPER"}, {"pads": [0, 0, 1, 1]})):
        b = Builder((2, 6, 6))
        onnx.save(b.model(b("Conv", "x", b.w(3, 2, 3, 3), strides=[2, 2], **attributes), 13), tmp_path / f"{i}.onnx")
        results.append(importers.read(tmp_path / f"{i}.onnx").nodes[1].arguments)
    assert results[0] == results[1]
    assert results[0]["padding"] == "same"


def test_an_open_axis_needs_a_shape(tmp_path: Path) -> None:
    b = Builder(("C", 4))  # type: ignore[arg-type]
    onnx.save(b.model(b("GlobalAveragePool", "x")), tmp_path / "open.onnx")
    with pytest.raises(DataError, match="input_shape"):
        importers.read(tmp_path / "open.onnx")
    assert importers.read(tmp_path / "open.onnx", input_shape=(4, 5)).shapes["net_globalaveragepool0"] == (1, 5)


REFUSED: dict[str, tuple[Any, str]] = {
    "an operator": (lambda b: b("Erf", "x"), r"Erf /net/erf0\] this operator is not supported"),
    "dilations": (lambda b: b("Conv", "x", b.w(2, 2, 2, 2), dilations=[2, 2]), "dilations must be 1"),
    "groups": (lambda b: b("Conv", "x", b.w(4, 1, 1, 1), group=3), "group must be 1"),
    "auto_pad": (lambda b: b("Conv", "x", b.w(2, 2, 2, 2), auto_pad="ODD"), "auto_pad must be"),
    "max pads": (lambda b: b("MaxPool", "x", kernel_shape=[2, 2], pads=[1, 1, 1, 1]), "unless a Relu"),
    "softmax axis": (lambda b: b("Softmax", b("Conv", "x", b.w(2, 2, 1, 1)), axis=3), "axis must be the channels'"),
    "a min": (lambda b: b("Clip", "x", b.c(-1.0), b.c(1.0)), "min must be 0"),
    "a zero point": (lambda b: b("Quant", "x", b.c(0.5), b.c(3.0), b.c(8.0)), "zeropt must be 0"),
    "a rounding": (
        lambda b: b("Quant", "x", b.c(0.5), b.c(0.0), b.c(8.0), rounding_mode="UP"),
        "rounding_mode must be",
    ),
    "a reshaped image": (lambda b: b("Reshape", b("Conv", "x", b.w(2, 2, 1, 1)), b.ints(0, 8, 9)), "not reshaped"),
    "a flattened result": (lambda b: b("Flatten", b("Conv", "x", b.w(2, 2, 1, 1))), "another order"),
    "a product of two": (lambda b: b("Mul", "x", "x"), "one source must be constant"),
    "a minimum": (lambda b: b("Min", b("Tanh", "x"), b.c(0.5)), "must come from a Relu, or from a LeakyRelu"),
    "a minimum below zero": (lambda b: b("Min", b("Relu", "x"), b.c(-0.5)), "one number above 0"),
    "a sum with a constant": (lambda b: b("Sum", "x", "x", b.c(0.5)), "all must be computed"),
    "a mean of channels": (lambda b: b("ReduceMean", b("Conv", "x", b.w(2, 2, 1, 1)), axes=[1, 2]), "rows and columns"),
    "padded channels": (
        lambda b: b("Pad", b("Conv", "x", b.w(2, 2, 1, 1)), b.ints(0, 1, 0, 0, 0, 0, 0, 0)),
        "rows and columns",
    ),
    "a kernel's shape": (lambda b: b("Conv", "x", b.w(2, 5, 2, 2)), r"kernel must be \(2, 2, 2, 2\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_supported_is_named(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    b = Builder((2, 6, 6))
    onnx.save(b.model(make(b)), tmp_path / "no.onnx")
    with pytest.raises(DataError, match=message) as error:
        importers.read(tmp_path / "no.onnx")
    assert "no.onnx" in str(error.value)


@pytest.mark.parametrize(("content", "got"), [(b"", "an empty file"), (b"\x08\x08", "2 bytes without one")])
def test_a_file_without_a_model_is_refused(content: bytes, got: str, tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(content)
    with pytest.raises(DataError, match=rf"no\.onnx\] an ONNX model is required; got {got}"):
        importers.read(tmp_path / "no.onnx")


def test_an_old_opset_is_refused(tmp_path: Path) -> None:
    b = Builder((3,))
    onnx.save(b.model(b("Relu", "x"), opset=12), tmp_path / "old.onnx")
    with pytest.raises(DataError, match="opset must be 13"):
        importers.read(tmp_path / "old.onnx")


def external(folder: Path, location: str, **entries: str) -> Path:
    """A model whose only kernel says that it lies at `location`."""
    b = Builder((3,))
    model = b.model(b("MatMul", "x", b.w(3, 2)))
    tensor = model.graph.initializer[0]
    (folder / "w.bin").write_bytes(b"\0" * 8 + tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_external_data_beside_the_model_is_read(tmp_path: Path) -> None:
    network = importers.read(external(tmp_path, "w.bin", offset="8"))
    np.testing.assert_array_equal(
        network.nodes[1].tensors["kernel"], Builder((3,)).rng.normal(size=(3, 2)).astype(np.float32) * np.float32(0.5)
    )


@pytest.mark.parametrize("location", ["../w.bin", "/etc/hostname", "link.bin", "", "missing.bin"])
def test_external_data_elsewhere_is_refused(location: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "w.bin").write_bytes(b"\0" * 24)
    os.symlink(tmp_path / "w.bin", inside / "link.bin")
    with pytest.raises(DataError, match="model's own folder"):
        importers.read(external(inside, location))


@pytest.mark.parametrize("entries", [{"offset": "30"}, {"length": "999"}, {"offset": "-4"}, {"offset": "x"}])
def test_external_data_beyond_its_file_is_refused(entries: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"within the 32 bytes|whole numbers|as many numbers"):
        importers.read(external(tmp_path, "w.bin", **entries))


@pytest.mark.parametrize("cut", [1, 20, -10])
def test_a_damaged_file_is_refused(cut: int, tmp_path: Path) -> None:
    b = Builder((3,))
    whole = b.model(b("MatMul", "x", b.w(3, 2))).SerializeToString()
    (tmp_path / "cut.onnx").write_bytes(whole[:cut] if cut > 1 else b"\xff" + whole)
    with pytest.raises(DataError, match=r"cut\.onnx"):
        importers.read(tmp_path / "cut.onnx")


def test_without_onnx_the_cure_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ToolError, match=r"pip install 'qkdflow\[onnx\]'"):
        importers.read(tmp_path / "net.onnx")
