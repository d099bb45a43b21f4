"""`qkdflow export`, as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixed_models import mlp
from qkdflow import Key, Sequential
from qkdflow.cli import main
from qkdflow.export.hls import HlsProject
from qkdflow.fixed import FixedModel
from qkdflow.importers import read
from qkdflow.layers import Dense, Input


def test_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fixed = mlp(Key(1), (12, 6, 3))
    fixed.save(tmp_path / "frozen")
    for word, name in (("native", "copy"), ("keras", "a.h5"), ("qonnx", "a.onnx")):
        assert main(["export", str(tmp_path / "frozen"), "--to", word, "--out", str(tmp_path / name)]) == 0
    assert FixedModel.load(tmp_path / "copy").digest == fixed.digest
    assert (tmp_path / "copy" / "model.json").read_bytes() == (tmp_path / "frozen" / "model.json").read_bytes()
    assert [n.kind for n in read(tmp_path / "a.h5").nodes] == [
        "Input",
        "QActivation",
        "QDense",
        "QActivation",
        "QDense",
    ]
    assert "note: inputs between two codes" in capsys.readouterr().out
    options = ["--reuse-factor", "fc1=6", "--strategy", "fc1=Resource", "--io", "io_stream"]
    assert main(["export", str(tmp_path / "frozen"), "--to", "hls4ml", "--out", str(tmp_path / "p"), *options]) == 0
    project = HlsProject.load(tmp_path / "p")
    assert project.config.strategies(fixed) == {"fc1": "Resource", "act1": "Latency", "fc2": "Latency"}
    assert project.config.reuse_factors(fixed) == {"fc1": 6, "fc2": 1}
    again = ["export", str(tmp_path / "p"), "--to", "native", "--out", str(tmp_path / "back")]
    assert main(again) == 0
    assert FixedModel.load(tmp_path / "back").digest == fixed.digest


def test_a_float_network(tmp_path: Path) -> None:
    Sequential([Input((4,)), Dense(3)]).save(tmp_path / "teacher")
    out = tmp_path / "teacher.onnx"
    assert main(["export", str(tmp_path / "teacher"), "--to", "onnx", "--out", str(out)]) == 0
    assert read(out).nodes[-1].kind == "Dense"


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mlp(Key(1), (12, 6, 3)).save(tmp_path)
    assert main(["export", str(tmp_path), "--to", "keras", "--out", str(tmp_path)]) == 2
    assert "must be a file; it is a folder" in capsys.readouterr().err
    (tmp_path / "a.txt").write_text("mine")
    assert main(["export", str(tmp_path), "--to", "native", "--out", str(tmp_path / "a.txt")]) == 2
    assert f"[--out {tmp_path / 'a.txt'}] must be a folder; it is a file. Name another" in capsys.readouterr().err
    assert (tmp_path / "a.txt").read_text() == "mine"
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "run.json").write_text("{}")
    for folder, said in (("unfinished", "the run has frozen nothing yet"), ("nowhere", "is required")):
        assert main(["export", str(tmp_path / folder), "--to", "qonnx", "--out", str(tmp_path / "x.onnx")]) == 2
        assert (err := capsys.readouterr().err).startswith(f"qkdflow: [export {tmp_path / folder}] ")
        assert said in err
    out = ["--to", "hls4ml", "--out", str(tmp_path / "p")]
    for options, said in (
        (["--reuse-factor", "many"], "reuse_factor must be a whole number from 1 on; got many"),
        (["--strategy", "fc9=Resource"], "strategy names a layer that is no kernel or not there: 'fc9'"),
        (["--backend", "Quartus", "--board", "pynq-z2"], "Quartus takes an Intel part"),
    ):
        assert main(["export", str(tmp_path), *out, *options]) == 2
        assert said in capsys.readouterr().err
