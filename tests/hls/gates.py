"""Yosys's counts of a 30-20-10-10-4 student at several reuse factors, and a simulation of the gates of a small one.

    python tests/hls/gates.py [R ...]        (default 10; minutes each; pip install '.[yosys]')

Prints the counts, and the DSPs of each layer. Then puts the products of a 10-6-3 student into LUTs and compares the
netlist with the emulator on 200 vectors, in Verilator on Yosys's own models of the cells. Exit code 1 on a mismatch.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

from fixed_models import mlp
from qkdflow import Key
from qkdflow.rtl import RtlConfig, write_rtl
from qkdflow.rtl.check import draw
from qkdflow.rtl.yosys import compile_gates, synthesise

VECTORS = 200


def gates() -> int:
    """Logits of the netlist that differ."""
    fixed = mlp(Key(5), (10, 6, 3))
    with tempfile.TemporaryDirectory() as folder:
        project = write_rtl(fixed, Path(folder) / "rtl", RtlConfig(5))
        print(f"10-6-3, R = 5, without DSPs: {synthesise(project, dsp=False)}", flush=True)
        x = draw(fixed, VECTORS, Key(1))
        rtl = compile_gates(project)
        mismatches = int((rtl.run(x) != fixed.run(x)).sum())
        print(f"  gates: {mismatches} of {VECTORS * fixed.outputs} logits differ; {rtl.measure()}", flush=True)
    return mismatches


def main() -> int:
    fixed = mlp(Key(5), (30, 20, 10, 10, 4))
    for factor in map(int, sys.argv[1:] or ["10"]):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            counts = synthesise(write_rtl(fixed, Path(folder) / "rtl", RtlConfig(factor)))
            seconds = time.perf_counter() - start
            print(f"30-20-10-10-4, R = {factor}: {counts}; DSPs {counts.layers}; {seconds:.0f} s", flush=True)
    return 1 if gates() else 0


if __name__ == "__main__":
    raise SystemExit(main())
