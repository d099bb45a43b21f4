"""Yosys's counts of a 30-20-10-10-4 student at several reuse factors, and a simulation of its gates.

    python tests/hls/gates.py [R ...]        (default 10; two to five minutes each; pip install '.[yosys]')

Prints the counts, and the DSPs of each layer; then puts products into LUTs and compares the
netlist with the emulator on 50 vectors, in Verilator on Yosys's own models of the cells. Exit code 1 on a mismatch.
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

VECTORS = 50


def main() -> int:
    fixed, wrong = mlp(Key(5), (30, 20, 10, 10, 4)), 0
    for factor in map(int, sys.argv[1:] or ["10"]):
        with tempfile.TemporaryDirectory() as folder:
            project = write_rtl(fixed, Path(folder) / "rtl", RtlConfig(factor))
            start = time.perf_counter()
            counts = synthesise(project)
            print(f"R = {factor}: {counts}; DSPs {counts.layers}", flush=True)
            print(f"  without DSPs: {synthesise(project, dsp=False)}", flush=True)
            x = draw(fixed, VECTORS, Key(1))
            mismatches = int((compile_gates(project).run(x) != fixed.run(x)).sum())
            wrong += mismatches
            seconds = time.perf_counter() - start
            print(f"  gates: {mismatches} of {x.shape[0] * fixed.outputs} logits differ; {seconds:.0f} s", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
