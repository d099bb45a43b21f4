"""The firmware, compiled for this machine against a simulated ComBlock over pipes, and what reads its UART."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixed_models import mlp
from qkdflow import FixedPoint, Key
from qkdflow.cli import main
from qkdflow.errors import ConfigError
from qkdflow.fixed import FixedModel
from qkdflow.handover import write_firmware
from qkdflow.hardware import uart
from qkdflow.hardware.simulated import Faults, SimulatedComBlock, emulator_network
from qkdflow.overlay import Overlay, build_overlay
from qkdflow_overlay import DeviceError, DeviceTimeout
from test_overlay import data

BASE = 0x44A00000
MODEL = mlp(Key(2), (30, 15, 4))
WIDE = mlp(
    Key(12), (30, 5, 4), FixedPoint(16, 12), FixedPoint(16, 2), FixedPoint(30, 6), "relu", FixedPoint(16, 6, False)
)
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="a C compiler is required; gcc is not on PATH")


def firmware(directory: Path, model: FixedModel = MODEL, result: str = "fifo", patience: int = 20_000) -> Overlay:
    """A hand-over whose firmware is compiled, with every warning an error, into DIRECTORY/firmware/run."""
    overlay = build_overlay(model, data(), directory, result=result)
    folder = directory / "firmware"
    assert write_firmware(overlay, folder, "host", BASE, timer_hz=patience, per_class=5) == 20
    sources = [str(folder / name) for name in ("main.c", "algorithm1.c")]
    command = ["gcc", "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    done = subprocess.run([*command, *sources, "-o", str(folder / "run")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return overlay


def run(overlay: Overlay, board: SimulatedComBlock) -> tuple[str, int]:
    """What the firmware prints, and its exit code; `board` answers its reads and writes."""
    requests, requests_in = os.pipe()
    answers_out, answers = os.pipe()
    script = 'exec 3>&"$1" 4<&"$2"; exec "$0"'
    program = str(overlay.directory / "firmware/run")
    process = subprocess.Popen(
        ["bash", "-c", script, program, str(requests_in), str(answers_out)],  # noqa: S607
        stdout=subprocess.PIPE,
        pass_fds=(requests_in, answers_out),
        text=True,
    )
    os.close(requests_in)
    os.close(answers_out)
    with os.fdopen(requests, "rb") as incoming, os.fdopen(answers, "wb", buffering=0) as outgoing:
        while len(request := incoming.read(9)) == 9:
            kind, address, value = struct.unpack("<cII", request)
            if kind == b"W":
                board.write(address - BASE, value)
            else:
                outgoing.write(struct.pack("<I", board.read(address - BASE)))
    output, _ = process.communicate(timeout=60)
    return output, process.returncode


@needs_gcc
@pytest.mark.parametrize(("model", "result"), [(MODEL, "fifo"), (MODEL, "register"), (WIDE, "fifo")], ids=str)
def test_every_class_through_the_firmware(tmp_path: Path, model: FixedModel, result: str) -> None:
    overlay = firmware(tmp_path, model, result)
    text, code = run(overlay, SimulatedComBlock(overlay.manifest, emulator_network(model)))
    assert code == 0
    log = uart.parse(overlay, text.splitlines())
    assert np.bincount(log.labels).tolist() == [5, 5, 5, 5]
    assert (log.logits == overlay.vectors.logits[log.indices]).all()
    assert (log.predicted == log.logits.argmax(axis=1)).all()
    assert (log.cycles > 30).all()
    found = uart.assess_log(overlay, text.splitlines())
    assert (found.samples, found.mismatches) == (20, 0)
    assert found.accuracy == found.expected_accuracy
    assert found.benchmark is not None
    assert list(found.benchmark["cycles"]) == [50, 90, 99]


@needs_gcc
@pytest.mark.parametrize("fault", ["stuck network", "overflow", "underflow", "bit flip"])
def test_faults_are_printed_and_the_next_sample_works(tmp_path: Path, fault: str) -> None:
    overlay = firmware(tmp_path, patience=500)
    faults = Faults()
    board = SimulatedComBlock(overlay.manifest, emulator_network(MODEL), faults)
    board.read(4 * 34)
    faults.inject(fault, 2 if fault in ("overflow", "underflow") else 1)  # the reset's own look clears the first
    text, code = run(overlay, board)
    words = {"stuck network": "timeout", "overflow": "output FIFO overflow", "underflow": "input FIFO underflow"}
    if fault == "bit flip":
        assert code == 0
        assert uart.assess_log(overlay, text.splitlines()).mismatches == 1
        return
    assert code == 1
    assert text.splitlines()[1] == f"E,0,{words[fault]}"
    assert text.splitlines()[-1] == "# end 19 1"
    with pytest.raises(DeviceError, match=rf"line 2\] every sample must succeed; got 'E,0,{words[fault]}'"):
        uart.parse(overlay, text.splitlines())


@needs_gcc
def test_the_command_reads_what_was_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overlay = firmware(tmp_path)
    text, _ = run(overlay, SimulatedComBlock(overlay.manifest, emulator_network(MODEL)))
    (tmp_path / "uart.txt").write_text("boot loader 1.0\r\n" + text)
    assert main(["assess", str(tmp_path), "--device", str(tmp_path / "uart.txt"), "--out", str(tmp_path / "out")]) == 0
    assert "20 samples, 0 of 80 logits differ" in capsys.readouterr().out


def lines(overlay: Overlay) -> list[str]:
    codes = overlay.vectors.logits[0]
    words = ",".join(f"{int(code) & 0xFFFFFFFF:08x}" for code in codes)
    return ["# qkdflow net samples 1 words 4", f"S,0,0,{codes.argmax()},77,{words}", "# end 1 0"]


def test_a_garbled_line_is_named(tmp_path: Path) -> None:
    overlay = build_overlay(MODEL, data(), tmp_path)
    good = lines(overlay)
    assert uart.parse(overlay, good).cycles.tolist() == [77]
    for bad, message in (
        ([good[0].replace("words 4", "words 5"), *good[1:]], "4 words a result are required; the firmware has 5"),
        ([good[0], good[1][:-3] + "zzz", good[2]], r"line 2\] S,index.*characters are lost"),
        ([good[0], good[1].rpartition(",")[0], good[2]], r"line 2\] S,index,label"),
        ([good[0], good[2]], "1 samples are required; the firmware counts 1, 0 failed, 0 came"),
        ([good[0], good[1].replace("77", "9" * 30), good[2]], r"line 2\] S,index,label"),
        ([good[0], good[1].rpartition(",")[0] + ",123456789", good[2]], r"line 2\] S,index,label"),
        ([good[0], good[1].rpartition(",")[0] + ",-1", good[2]], r"line 2\] S,index,label"),
        ([good[0], good[1], "# end " + "1" * 5000 + " 0"], r"line 3\] S,index,label"),
        (good[:2], "first and last line are required"),
        (good[1:], "first and last line are required"),
    ):
        with pytest.raises(DeviceError, match=message):
            uart.parse(overlay, bad)
    other = good[1].split(",")
    for column, value, message in (
        (1, "4000", "indices below 40 are required; got 4000"),
        (3, "9", "class must be that"),
    ):
        changed = [*other[:column], value, *other[column + 1 :]]
        with pytest.raises(DeviceError, match=message):
            uart.assess_log(overlay, [good[0], ",".join(changed), good[2]])


def test_serial_port(tmp_path: Path) -> None:
    """Over a pseudo-terminal, as a USB UART is one: lines come in pieces; silence ends in time."""
    pytest.importorskip("serial", reason="the serial port needs pyserial")
    overlay = build_overlay(MODEL, data(), tmp_path)
    ours, theirs = os.openpty()
    name: Any = os.ttyname(theirs)
    text = "\r\n".join(lines(overlay)).encode() + b"\r\n"
    # Opening a port throws away what came before, so the board starts a little later.
    board = threading.Timer(0.5, lambda: [os.write(ours, text[at : at + 7]) for at in range(0, len(text), 7)])
    board.start()
    assert uart.parse(overlay, uart.read_serial(name, timeout_s=10)).indices.tolist() == [0]
    board.join()
    os.write(ours, b"# qkdflow net samples 1 words 4\r\nS,0")
    with pytest.raises(DeviceTimeout, match=r"a line must come within 0.2 s. Does the firmware run, and at 9600 baud"):
        list(uart.read_serial(name, 9600, timeout_s=0.2))
    with pytest.raises(DeviceError, match=r"nowhere\] a serial port is required"):
        list(uart.read_serial(str(tmp_path / "nowhere")))
    os.close(ours)
    os.close(theirs)


def test_firmware_refuses(tmp_path: Path) -> None:
    overlay = build_overlay(MODEL, data(), tmp_path, transport="axi_dma")
    with pytest.raises(ConfigError, match="a ComBlock is required; the manifest has axi_dma"):
        write_firmware(overlay, tmp_path / "f", "host", BASE)
    overlay = build_overlay(MODEL, data(), tmp_path)
    with pytest.raises(ConfigError, match="platform must be one of microblaze, zynq, host; got 'arduino'"):
        write_firmware(overlay, tmp_path / "f", "arduino", BASE)


@needs_gcc
@pytest.mark.parametrize("platform", ["microblaze", "zynq"])
def test_the_boards_own_firmware_compiles(tmp_path: Path, platform: str) -> None:
    """There is no compiler for its processor here: this one says whether the C is right."""
    overlay = build_overlay(MODEL, data(), tmp_path)
    write_firmware(overlay, tmp_path / "f", platform, BASE, 0x41C00000)
    (tmp_path / "f/xil_printf.h").write_text("void xil_printf(const char *format, ...);\n")
    command = ["gcc", "-std=c99", "-m32", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fsyntax-only"]
    sources = [str(tmp_path / "f" / name) for name in ("main.c", "algorithm1.c")]
    done = subprocess.run([*command, *sources], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
