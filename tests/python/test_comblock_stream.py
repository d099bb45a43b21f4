"""The Verilog between a ComBlock's FIFOs and the network's streams, under random stalls."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from qkdflow.handover.templates import copy

BENCH = Path(__file__).parents[1] / "hls/comblock_stream_tb.v"
# The wiring of the letter's own design: TREADY straight to fifo_re. It loses words as soon as the network stalls.
AS_PUBLISHED = "assign fifo_re = running && !fifo_empty && samples_tready;"


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is required (apt install iverilog)")
@pytest.mark.parametrize(("mutant", "verdict"), [(False, "PASS: 5000 words"), (True, "FAIL: word")])
def test_no_word_is_lost(tmp_path: Path, mutant: bool, verdict: str) -> None:
    text = copy("rtl/comblock_stream.v")
    ours = "assign fifo_re = running && !fifo_empty && (count + asked < 2);"
    assert ours in text
    (tmp_path / "dut.v").write_text(text.replace(ours, AS_PUBLISHED) if mutant else text)
    command = ["iverilog", "-g2005", "-Wall", "-o", str(tmp_path / "tb"), str(tmp_path / "dut.v"), str(BENCH)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run(["vvp", str(tmp_path / "tb")], capture_output=True, text=True, check=False, timeout=120)  # noqa: S607
    assert done.stdout.startswith(verdict), done.stdout
