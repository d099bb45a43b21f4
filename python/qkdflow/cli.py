"""The command line. Exit codes: 0 done, 1 a result is wrong (mismatches), 2 the input or the environment is."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from qkdflow.errors import ConfigError, ToolError

EXAMPLES = """examples:
  qkdflow run psd --out runs/psd                               the letter's pulse-shape discriminator
  qkdflow run psd --out runs/psd-paper --budget paper          the letter's search spaces, 40 trials a search
  qkdflow run --data clyc.csv --label class --out runs/clyc --max-parameters 170
  qkdflow bench train --workload psd-student-b32 --json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code; errors of the user or the environment are one line."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        return int(args.command(args))
    except (ValueError, ToolError, RuntimeError, OSError) as error:
        if not _is_ours(error):
            raise
        print(f"qkdflow: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "qkdflow: stopped; what was finished is kept. The same command goes on from there",
            file=sys.stderr,
        )
        return 130


def _is_ours(error: Exception) -> bool:
    """Ours name their place in brackets, an OSError its file. Anything else is a bug and keeps its traceback."""
    return isinstance(error, OSError) or str(error).startswith("[")


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError):
        where = f"[{error.filename}] " if error.filename else ""
        cure = "Nothing finished is lost; make room or fix the rights, then run again"
        return f"{where}{error.strerror or error}. {cure}"
    return " ".join(str(error).split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qkdflow",
        description="From a data set to a bit-exact tiny neural network on an FPGA.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    from qkdflow import __version__

    parser.add_argument("--version", action="version", version=f"qkdflow {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_run(verbs)
    _add_bench(verbs)
    return parser


def _add_run(verbs: Any) -> None:
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
    run.add_argument("--teacher", metavar="DIR", help="a saved model to learn from, instead of searching for one")
    hls = run.add_argument_group("hls4ml project")
    hls.add_argument("--backend", default="Vitis", help="Vitis, Vivado or VivadoAccelerator")
    hls.add_argument("--part", help="such as xc7z020clg400-1")
    hls.add_argument("--board", help="such as pynq-z2, in place of the part")
    hls.add_argument("--clock", type=float, default=5.0, dest="clock_ns", metavar="NS", help="clock period in ns")
    hls.add_argument("--reuse-factor", type=int, default=1, help="weights that share a multiplier")
    hls.add_argument("--strategy", default="Latency", help="Latency or Resource")
    hls.add_argument("--io", default="io_parallel", dest="io_type", help="io_parallel or io_stream")
    run.set_defaults(command=_run)


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
    report = run(RunConfig(**values, hls=HlsConfig(**hls)), args.out)
    console = Console()
    console.print(summary_table(report, console.width))
    print(f"report: {os.path.join(args.out, 'report.html')}")
    wrong = report["hls"].get("mismatches", 0) or report["assessment"].get("mismatches", 0)
    return 1 if wrong or report["float_vs_fixed"]["exact_mismatches"] else 0


def _add_bench(verbs: Any) -> None:
    bench = verbs.add_parser("bench", help="measure the engine on this machine")
    what = bench.add_subparsers(required=True, metavar="WHAT")
    train = what.add_parser("train", help="seconds an optimiser step, whole: forward, backward, quantisers, mask, Adam")
    train.add_argument("--workload", help="a name of --list; all of them where not given")
    train.add_argument("--threads", type=int, default=1)
    train.add_argument("--list", action="store_true", help="print the workloads' names")
    train.add_argument("--json", action="store_true", help="one JSON object a workload, a line each")
    train.set_defaults(command=_bench_train)


def _bench_train(args: argparse.Namespace) -> int:
    from qkdflow import bench

    if args.list:
        print("\n".join(bench.WORKLOADS))
        return 0
    for name in [args.workload] if args.workload else bench.WORKLOADS:
        measured = bench.train(name, args.threads)
        if args.json:
            print(json.dumps(measured))
        else:
            print(f"{name}: {1e6 * measured['s_per_step']:.1f} us a step, {measured['params']} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
