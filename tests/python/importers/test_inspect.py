"""`qkdflow inspect`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from golden_files import folder
from h5_files import dense, sequential, small, tensors_of, write_h5
from qkdflow.cli import main


def test_a_file_is_shown_with_all_that_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder("keras2_files") / "qkeras_conv.h5")]) == 0
    out = capsys.readouterr().out
    assert "Keras 2.14.0, qkeras_conv" in out
    assert "a (QConv2D)" in out
    assert "(9, 9, 4)" in out
    assert "quantized_bits(6,1,symmetric=True,alpha='auto_po2')" in out
    assert "NaN or infinite: none" in out
    assert "parameters: 418" in out  # two of them count steps


def test_nans_zeros_and_masks_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensors = tensors_of("fc", 3, 2, 0.0)
    tensors["fc"]["fc/kernel:0"][0, 0] = np.nan
    assert main(["inspect", str(write_h5(tmp_path / "n.h5", sequential(dense("fc", 2)), tensors))]) == 0
    out = capsys.readouterr().out
    assert "zeros as stored: 6 (75.0 %)" in out
    assert "NaN or infinite: fc/kernel (1)" in out
    assert main(["inspect", str(folder("keras2_files") / "pruned.h5")]) == 0
    assert "masked by pruning: " in capsys.readouterr().out


def test_json_has_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(small(tmp_path / "s.h5")), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["parameters"], value["zeros"], value["nans"]) == (8, 1, {})
    assert [x["kind"] for x in value["layers"]] == ["Input", "Dense"]


def test_a_folder_is_told_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small(tmp_path / "s.h5")
    assert main(["inspect", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert f"[{tmp_path}] a model's file is required, .h5, .hdf5, .keras, .json or .onnx; got a folder" in error
    assert "load_model(FOLDER).summary()" in error


@pytest.mark.parametrize(
    ("args", "message"), [(["nowhere.h5"], "nowhere.h5"), (["x.h5", "--shape", "a"], "--shape must be whole numbers")]
)
def test_a_mistake_is_one_line(args: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", *args]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
