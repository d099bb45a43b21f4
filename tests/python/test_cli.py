"""The command line with bad input: one line on stderr that says what to do, exit code 2, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from fixed_models import mlp
from qkdflow import Key, cli
from qkdflow.export.hls import HlsConfig
from qkdflow.files import write_json

GOOD = "a,b,class\n" + "\n".join(f"{i % 7},{(i * 3) % 11},{i % 2}" for i in range(60)) + "\n"


def fails(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert cli.main(args) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("qkdflow: ["), captured.err
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["psd", "--bits", "1"], "--bits"),
        (["psd", "--bits", "40"], "--bits"),
        (["psd", "--sparsity", "1"], "--sparsity"),
        (["psd", "--sparsity", "-0.1"], "--sparsity"),
        (["psd", "--max-parameters", "0"], "--max-parameters"),
        (["psd", "--seed", "-1"], "--seed"),
        (["psd", "--budget", "huge"], "quick or paper"),
        (["psd", "--part", "xc7z020clg400-9"], "xc7z020clg400-1"),
        (["psd", "--board", "pynq-z9"], "pynq-z2"),
        (["psd", "--backend", "Vitiss"], "Vitis"),
        (["psd", "--io", "serial"], "io_parallel"),
        (["psd", "--strategy", "Fast"], "Latency"),
        (["psd", "--clock", "0"], "clock"),
        (["psd", "--reuse-factor", "0"], "reuse_factor"),
        (["psb"], "did you mean psd"),
        (["pest-2"], "that is a simulator: --data pest-2"),
        ([], "either a name"),
        (["psd", "--data", "x.csv"], "either a name"),
        (["--data", "nowhere.csv"], "nowhere.csv"),
        (["psd", "--teacher", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_setting_is_one_line(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert message in fails(capsys, "run", *args, "--out", str(tmp_path / "r"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("a,b,class\n", "rows of data are required"),
        (GOOD.replace("class", "kind"), "class"),
        (GOOD.replace("\n3,", "\nthree,", 1), "three"),
        (GOOD.replace("\n3,", "\n3,4,", 1), "pulses.csv:5"),
        (GOOD.replace("\n3,", "\nnan,", 1), "pulses.csv:5"),
        ("a,b,class\n" + "1,2,0\n" * 30, "class"),
    ],
)
def test_a_bad_csv_is_one_line(text: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "pulses.csv"
    path.write_text(text)
    error = fails(capsys, "run", "--data", str(path), "--label", "class", "--out", str(tmp_path / "r"))
    assert message in error
    assert "pulses.csv" in error


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["run", "psd", "--seed", "eight", "--out", "r"],
            "invalid int value: 'eight'. All options: qkdflow run --help",
        ),
        (["run", "psd", "--bits", "4-", "--out", "r"], "N or N-M is required, such as 8 or 4-10; got '4-'"),
        (["run", "psd"], "required: --out"),
        (["run", "psd", "--out", "r", "--bit-s", "8"], "unrecognized arguments: --bit-s 8"),
        (["walk"], "invalid choice: 'walk'"),
    ],
)
def test_a_line_that_is_not_understood_is_one_line(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(args)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("qkdflow: [")
    assert error.count("\n") == 1


def test_an_output_directory_that_cannot_be_made_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in fails(capsys, "run", "psd", "--out", str(tmp_path / "file" / "r"))


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise ValueError("operands could not be broadcast")

    monkeypatch.setattr(cli.bench, "_bench_train", broken)
    with pytest.raises(ValueError, match="broadcast"):
        cli.main(["bench", "train", "--list"])


def test_bench_lists_and_measures(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from qkdflow import bench, workloads

    monkeypatch.setattr(bench, "SECONDS", 0.01)
    assert cli.main(["bench", "train", "--list"]) == 0
    names = capsys.readouterr().out.split()
    assert names == list(workloads.WORKLOADS)
    assert cli.main(["bench", "train", "--workload", names[0], "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["params"] == 984
    assert measured["threads"] == 1
    assert 0 < measured["s_per_step"] < 0.01
    assert "must be one of" in fails(capsys, "bench", "train", "--workload", "nothing")


def test_bench_emulate_counts_inferences(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from qkdflow import bench

    monkeypatch.setattr(bench, "SECONDS", 0.01)
    few = {name: replace(emulation, samples=16) for name, emulation in bench.EMULATIONS.items()}
    monkeypatch.setattr(bench, "EMULATIONS", few)
    assert cli.main(["bench", "emulate", "--workload", "psd", "--threads", "1", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["inferences_per_s"] > 1000
    assert (measured["params"], measured["bits"]) == (984, 32)
    assert cli.main(["bench", "emulate", "--workload", "resnet20-16bit"]) == 0
    assert "64-bit codes" in capsys.readouterr().out
    assert "one thread" in fails(capsys, "bench", "emulate", "--threads", "2")
    assert "must be one of psd" in fails(capsys, "bench", "emulate", "--workload", "nothing")


def test_estimate_shows_every_layer_and_is_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mlp(Key(3), (30, 12, 5)).save(tmp_path)
    arguments = [
        "estimate",
        str(tmp_path),
        "--part",
        "xc7z020clg400-1",
        "--reuse-factor",
        "1,16",
        "--strategy",
        "resource",
    ]
    assert cli.main([*arguments, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [f["layers"][0]["reuse_factor"] for f in found] == [1, 15]
    assert found[0]["total"]["dsp"]["value"] > found[1]["total"]["dsp"]["value"] > 0
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out
    assert shown.count("estimated, not implemented") == 2
    assert "not 16" in shown


def test_an_estimate_of_a_run_is_of_its_own_project_where_no_flag_says_else(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    network = mlp(Key(3), (30, 12, 5))
    network.save(tmp_path / "06_fixed")
    first, second = (layer.name for layer in network.dense)
    hls = HlsConfig(part="xc7a35tcpg236-1", clock_ns=8.0, strategy={first: "resource"}, reuse_factor={first: 15})
    write_json(tmp_path / "run.json", {"config": {"hls": asdict(replace(hls, io_type="stream"))}})

    def found(*flags: str) -> dict[str, Any]:
        assert cli.main(["estimate", str(tmp_path), "--json", *flags]) == 0
        return dict(json.loads(capsys.readouterr().out))

    own = found()
    assert (own["part"], own["clock_ns"], own["io"]) == ("xc7a35tcpg236-1", 8.0, "stream")
    reuse = {layer["name"]: layer["reuse_factor"] for layer in own["layers"]}
    assert (reuse[first], reuse[second]) == (15, 1)
    assert own["from_run"] == ["part", "clock_ns", "strategy", "io", "reuse_factor"]
    other = found("--board", "pynq-z2", "--strategy", "Latency", "--io", "io_parallel", "--reuse-factor", f"{first}=3")
    assert (other["part"], other["clock_ns"], other["io"]) == ("xc7z020clg400-1", 8.0, "parallel")
    assert other["from_run"] == ["clock_ns"]
    assert cli.main(["estimate", str(tmp_path), "--clock", "4"]) == 0
    assert "as in the run: part, strategy, io, reuse factor\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--part", "xc7z020clg400-9"], "did you mean"),
        (["--reuse-factor", "1,x"], "whole numbers"),
        (["--reuse-factor", "0"], "whole numbers"),
        (["--clock", "0"], "clock period"),
        (["--strategy", "fast"], "latency or resource"),
        (["--io", "serial"], "parallel or stream"),
    ],
)
def test_a_wrong_estimate_is_one_line(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mlp(Key(3), (8, 3)).save(tmp_path)
    assert message in fails(capsys, "estimate", str(tmp_path), *args)


def test_an_estimate_needs_a_network(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "must be a run" in fails(capsys, "estimate", str(tmp_path))


def test_bench_times_an_estimate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mlp(Key(3), (30, 12, 5)).save(tmp_path)
    assert cli.main(["bench", "estimate", str(tmp_path), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["params"] == 30 * 12 + 12 + 12 * 5 + 5
    assert 0 < measured["s_per_estimate"] < 0.01


def test_the_module_runs_as_a_command_and_has_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qkdflow.cli", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "qkdflow run psd --out" in done.stdout


def test_a_reader_that_goes_ends_it_quietly() -> None:
    gone, pipe = os.pipe()
    os.close(gone)
    command = [sys.executable, "-m", "qkdflow.cli", "init", "psd"]
    done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (141, "")
