"""`qkdflow assess`, as a user types it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from fixed_models import mlp
from qkdflow import Key
from qkdflow.assess import Assessment
from qkdflow.cli import main
from qkdflow.handover.templates import render
from qkdflow.hardware.simulated import FAULTS
from qkdflow.overlay import Overlay, build_overlay
from qkdflow.report import write_report
from qkdflow.rtl import RtlConfig, verilator_problem, write_rtl
from report_example import example_report
from test_overlay import data

MODEL = mlp(Key(2), (30, 15, 4))


@pytest.mark.parametrize("kind", ["axi_dma", "comblock", "axi_lite"])
def test_on_the_simulated_board(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    build_overlay(MODEL, data(), tmp_path / "08_overlay", transport=kind)
    assert Overlay.load(tmp_path).samples == 40  # a run's directory stands for its hand-over
    out = tmp_path / "out"
    assert main(["assess", str(tmp_path), "--out", str(out), "--samples", "12", "--benchmark"]) == 0
    said = capsys.readouterr().out
    assert "12 samples, 0 of 48 logits differ" in said
    assert "latency us: p50" in said
    found = Assessment.load(out)
    assert found.accuracy == found.expected_accuracy
    assert found.benchmark is not None
    assert main(["assess", str(tmp_path), "--fault", "bit flip"]) == 1
    assert "1 of 160 logits differ" in capsys.readouterr().out


@pytest.mark.skipif(verilator_problem() is not None, reason=str(verilator_problem()))
def test_on_simulated_verilog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_overlay(MODEL, data(), tmp_path / "08_overlay", transport="axi_dma")
    write_rtl(MODEL, tmp_path / "rtl", RtlConfig({"fc1": 30, "fc2": 15}))
    assert main(["assess", str(tmp_path), "--device", "rtl", "--samples", "12"]) == 0
    said = capsys.readouterr().out
    assert "(Verilog in Verilator)" in said
    assert "12 samples, 0 of 48 logits differ" in said
    assert list((tmp_path / "rtl" / "simulation").glob("network_stream-*.so"))
    assert main(["assess", str(tmp_path), "--device", "rtl", "--fault", "bit flip"]) == 1
    assert "1 of 160 logits differ" in capsys.readouterr().out


def test_a_fault_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_overlay(MODEL, data(), tmp_path, transport="axi_dma")
    for fault in ("missing TLAST", "stuck send", "halted", "short packet"):
        assert fault in FAULTS
        assert main(["assess", str(tmp_path), "--fault", fault, "--timeout", "0.3"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("qkdflow: [assess] [simulated axi_dma_0] ")
        assert said.count("\n") == 1


def test_into_a_runs_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_overlay(MODEL, data(), tmp_path / "08_overlay")
    write_report(tmp_path, example_report())
    assert main(["assess", str(tmp_path)]) == 0
    assert f"report: {tmp_path / 'report.html'}" in capsys.readouterr().out
    assert json.loads((tmp_path / "report.json").read_text())["board"]["samples"] == 40
    assert "On the board" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--device", "toaster"], "is required; got 'toaster'"),
        (["--device", "serial:/dev/none?baud=fast"], "a baud rate in digits is required; got 'fast'"),
        (["--device", "pynq"], "[--device] pynq is required"),
        (["--device", "udma://host:99999"], "a port of 0 to 65535, is required"),
        (["--device", "pynq://"], "is required; got 'pynq://'"),
        (["--fault", "gremlin"], "a fault must be one of missing TLAST"),
        (["--device", "pynq", "--fault", "halted"], "only the simulated boards, --device sim and rtl"),
        (["--reports", "."], "[--reports] a run with a report is required"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    build_overlay(MODEL, data(), tmp_path)
    assert main(["assess", str(tmp_path), *args]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_the_package_for_the_board(tmp_path: Path) -> None:
    build_overlay(MODEL, data(), tmp_path)
    hardware = tmp_path / "hardware"
    hardware.mkdir()
    (hardware / "package.sh").write_text(render("package.sh.j2", {"top": "net_top"}))
    missing = subprocess.run(["sh", "package.sh"], cwd=hardware, capture_output=True, text=True, check=False)  # noqa: S607
    assert (missing.returncode, "net_top.xsa is required; run: vivado" in missing.stderr) == (2, True)
    (hardware / "net_top.xsa").write_bytes(b"bits")
    subprocess.run(["sh", "package.sh"], cwd=hardware, check=True)  # noqa: S607
    listed = subprocess.run(
        ["tar", "tzf", "net_top-board.tar.gz"],  # noqa: S607
        cwd=hardware,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {name.removeprefix("net_top-board/") for name in listed.stdout.split()}
    assert {"net_top.xsa", "manifest.json", "vectors.npz", "driver/qkdflow_overlay/stream.py"} <= names
