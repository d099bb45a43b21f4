"""`qkdflow run`: the whole line, from a data set to a verified hardware project."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from typing import Any

from qkdflow.cli.examples import EXAMPLES
from qkdflow.errors import ConfigError


def add(verbs: Any) -> None:
    run = verbs.add_parser(
        "run",
        help="walk the whole line: data set to verified hardware project",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("name", nargs="?", help="a built-in application: psd")
    run.add_argument("--data", metavar="FILE.csv", help="your own pulses: a header, numeric columns and a label column")
    run.add_argument("--label", default="class", help="the CSV's label column (default: class)")
    run.add_argument("--out", required=True, metavar="DIR", help="where the run is kept, and where it resumes")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--budget", default="quick", help="quick (under two minutes) or paper (the letter's 40 trials)")
    run.add_argument("--bits", type=int, default=8, help="of the student's weights and activations (default: 8)")
    run.add_argument("--sparsity", type=float, default=0.2, help="least share of zero kernel integers (default: 0.2)")
    run.add_argument("--max-parameters", type=int, help="the student's limit (psd: 529 where not given)")
    run.add_argument(
        "--teacher", metavar="FILE", help="a model to learn from (saved, Keras or ONNX), not one searched for"
    )
    run.add_argument("--digits", type=int, help="signed digits a weight may have (2: no product needs a DSP)")
    run.add_argument(
        "--constraints",
        default={},
        type=_constraints,
        metavar="WORD=LIMIT,...",
        help="what the student may need, estimated: part=xc7z020clg400-1,lut=0.6,dsp=0.4,latency_clk=50",
    )
    run.add_argument("--cost", help="what it should need little of: lut, ff, dsp, bram, latency_clk or ii")
    run.add_argument("--jobs", type=int, default=1, help="trials of the searches at once, one thread each (default: 1)")
    run.add_argument("--dask", metavar="tcp://HOST:PORT", help="run these trials on a Dask scheduler's workers")
    hls = run.add_argument_group("hls4ml project")
    hls.add_argument("--backend", default="Vitis", help="Vitis, Vivado or VivadoAccelerator")
    hls.add_argument("--part", help="such as xc7z020clg400-1")
    hls.add_argument("--board", help="such as pynq-z2, in place of the part")
    hls.add_argument("--clock", type=float, default=5.0, dest="clock_ns", metavar="NS", help="clock period in ns")
    hls.add_argument("--reuse-factor", type=int, default=1, help="weights that share a multiplier")
    hls.add_argument("--strategy", default="Latency", help="Latency or Resource")
    hls.add_argument("--io", default="io_parallel", dest="io_type", help="io_parallel or io_stream")
    run.add_argument("--transport", help="what carries the words on the board: comblock, axi_dma or axi_lite")
    run.set_defaults(command=_run)


def _constraints(text: str) -> dict[str, Any]:
    """part=NAME,lut=0.6,...: RunConfig checks the words and the limits."""
    pairs = [word.partition("=") for word in text.split(",")]
    return {key.strip(): value.strip() if key.strip() == "part" else _number(value) for key, _, value in pairs}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # refused by its place, with what was given


def _run(args: argparse.Namespace) -> int:
    from rich.console import Console

    from qkdflow.config import PRESETS, RunConfig
    from qkdflow.export.hls import HlsConfig
    from qkdflow.terminal import summary_table
    from qkdflow.workflow import run

    if (args.name is None) == (args.data is None):
        raise ConfigError("[run] give either a name (psd) or --data FILE.csv")
    values = {f.name: getattr(args, f.name) for f in fields(RunConfig) if hasattr(args, f.name)}
    values["data"] = args.name or os.path.abspath(args.data)
    if args.max_parameters is None:
        values |= PRESETS.get(args.name, {})
    hls = {f.name: getattr(args, f.name) for f in fields(HlsConfig) if hasattr(args, f.name)}
    report = run(RunConfig(**values, hls=HlsConfig(**hls)), args.out, args.dask)
    console = Console()
    console.print(summary_table(report, console.width))
    print(f"report: {os.path.join(args.out, 'report.html')}")
    wrong = report["hls"].get("mismatches", 0) or report["assessment"].get("mismatches", 0)
    return 1 if wrong or report["float_vs_fixed"]["exact_mismatches"] else 0
