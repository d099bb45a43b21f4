"""Verilog that HLS wrote against the C++ that it was written from: hls4ml projects with firmware/ and a solution.

    python tests/hls/vendor_rtl.py [--samples N] PROJECT...

A project is a folder with firmware/ and, somewhere below, syn/verilog, such as those of ArgyKokk/hls4ml_MLP_estimator
(HLS_MLPs/MODEL/hls4ml_prj/STRATEGY_reuseR). The C++ is compiled by g++ with the project's own ap_types, the Verilog by
Verilator; random and extreme codes go through both, and a quarter again through the Verilog with stalls and random
registers. Prints a line a project: values that differ, clocks that were simulated, clocks that HLS said. Exit
code 1 on a difference. Nothing of a project is changed.
"""

from __future__ import annotations

import argparse
import ctypes
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from qkdflow import FixedPoint, Key
from qkdflow.rtl.vendor import compile_design, find_design

BRIDGE = """#include "{top}.h"
extern "C" long ends[] = {{ {n_in}, input_t::width, input_t::iwidth, input_t(-1) < 0,
                           {n_out}, result_t::width, result_t::iwidth, result_t(-1) < 0 }};
extern "C" void run(long n, const long* in, long* out) {{
  for (; n > 0; --n, in += {n_in}, out += {n_out}) {{
    input_t x[{n_in}];
    result_t y[{n_out}];
    for (int i = 0; i < {n_in}; ++i) x[i].range(input_t::width - 1, 0) = in[i];
    {top}(x, y);
    for (int i = 0; i < {n_out}; ++i) {{
      ap_int<64> code = y[i].range(result_t::width - 1, 0).to_uint64();
      out[i] = (code.to_int64() << (64 - result_t::width)) >> (64 - result_t::width);
    }}
  }}
}}
"""
SIGNATURE = re.compile(r"void (\w+)\(\s*input_t \w+\[([\w*]+)\],\s*result_t \w+\[([\w*]+)\]")


def compiled_firmware(project: Path, folder: Path) -> ctypes.CDLL:
    firmware = (project / "firmware").resolve()
    header = next(path for path in firmware.glob("*.h") if SIGNATURE.search(path.read_text()))
    found = SIGNATURE.search(header.read_text())
    assert found
    top, n_in, n_out = found.groups()
    bridge = folder / "bridge.cpp"
    bridge.write_text(BRIDGE.format(top=top, n_in=n_in, n_out=n_out))
    flags = ["-std=c++14", "-O1", "-w", "-fPIC", "-shared", f"-I{firmware}", f"-I{firmware / 'ap_types'}"]
    weights = f'-DWEIGHTS_DIR="{firmware / "weights"}"'
    command = ["g++", *flags, weights, str(bridge), str(firmware / f"{top}.cpp"), "-o", str(folder / "bridge.so")]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(folder / "bridge.so"))


def compare(project: Path, samples: int) -> int:
    """Values that differ."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        library = compiled_firmware(project, Path(folder))
        ends = list((ctypes.c_long * 8).in_dll(library, "ends"))
        kinds = [FixedPoint(ends[i + 1], ends[i + 2], bool(ends[i + 3])) for i in (0, 4)]
        n_in, n_out = ends[0], ends[4]
        rng = np.random.default_rng(0)
        x = rng.integers(kinds[0].low_code, kinds[0].high_code, (samples, n_in), endpoint=True)
        x[: samples // 10] = rng.choice([kinds[0].low_code, kinds[0].high_code], (samples // 10, n_in))
        wanted = np.zeros((samples, n_out), dtype=np.int64)
        library.run(ctypes.c_long(samples), x.ctypes.data_as(ctypes.c_void_p), wanted.ctypes.data_as(ctypes.c_void_p))
        rtl = compile_design(find_design(project), (n_in,), kinds[0], n_out, kinds[1])
        signed = wanted if kinds[1].is_signed else wanted & ((1 << kinds[1].bits) - 1)
        some = samples // 4
        stalled = rtl.run(x[:some], stalls=(0.5, 0.5), key=Key(0)) != signed[:some]
        mismatches = int((rtl.run(x) != signed).sum()) + int(stalled.sum())
        measured, said = rtl.measure(), (rtl.design.latency_clk, rtl.design.ii)
    seconds = time.perf_counter() - start
    clocks = f"simulated {measured.latency_clk} and {measured.ii}, HLS said {said[0]} and {said[1]}"
    print(
        f"{project.parent.parent.name}/{project.name}: {mismatches} of {wanted.size + stalled.size} values differ; "
        f"latency and interval {clocks}; {seconds:.0f} s",
        flush=True,
    )
    return mismatches


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="+", type=Path, metavar="PROJECT")
    parser.add_argument("--samples", type=int, default=2_000)
    args = parser.parse_args()
    return 1 if sum([compare(project, args.samples) for project in args.projects]) else 0


if __name__ == "__main__":
    sys.exit(main())
