"""`qkdflow run`: the whole line, from a data set to a verified hardware project."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from typing import Any

from qkdflow.cli import hls_options
from qkdflow.errors import ConfigError


def add(verbs: Any) -> None:
    run = verbs.add_parser(
        "run",
        help="walk the whole line: data set to verified hardware project",
    )
    unset = argparse.SUPPRESS  # what no flag says is the application's, the file's or RunConfig's
    run.add_argument(
        "name", nargs="?", help="an application (psd, clyc, mnist-mlp, mnist-cnn, ...) or a TOML file of `init`"
    )
    run.add_argument(
        "--data", default=unset, metavar="PATH", help="your own data: a CSV, NPZ or HDF5 file, or a folder"
    )
    run.add_argument("--label", default=unset, help="the CSV's label column (default: class)")
    run.add_argument("--image-size", default=unset, type=size, metavar="HxW", help="resize a folder's images to it")
    run.add_argument("--out", required=True, metavar="DIR", help="where the run is kept, and where it resumes")
    run.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any key of `init`, as hls.clock_ns=4"
    )
    run.add_argument("--seed", type=int, default=unset)
    run.add_argument("--budget", default=unset, help="quick (minutes) or paper (psd: the letter's 40 trials a search)")
    run.add_argument(
        "--bits",
        type=_bits,
        default=unset,
        metavar="N|N-M",
        help="of the student's weights and activations (default: 8); 4-10: the search chooses each layer's",
    )
    run.add_argument("--sparsity", type=float, default=unset, help="least share of zero kernel integers (default: 0.2)")
    run.add_argument("--max-parameters", type=int, default=unset, help="the student's limit (psd: 529 where not given)")
    run.add_argument(
        "--teacher",
        default=unset,
        metavar="FILE",
        help="a model to learn from (saved, Keras or ONNX), not one searched for",
    )
    run.add_argument(
        "--digits", type=int, default=unset, help="signed digits a weight may have (2: no product needs a DSP)"
    )
    run.add_argument(
        "--constraints",
        default=unset,
        type=_constraints,
        metavar="WORD=LIMIT,...",
        help="what the student may need, estimated: part=xc7z020clg400-1,lut=0.6,dsp=0.4,latency_clk=50",
    )
    run.add_argument(
        "--cost", default=unset, help="what it should need little of: lut, ff, dsp, bram, latency_clk or ii"
    )
    run.add_argument(
        "--jobs", type=int, default=unset, help="trials of the searches at once, one thread each (default: 1)"
    )
    run.add_argument("--dask", metavar="tcp://HOST:PORT", help="run these trials on a Dask scheduler's workers")
    hls_options.add(run)
    run.add_argument(
        "--transport", default=unset, help="what carries the words on the board: comblock, axi_dma or axi_lite"
    )
    run.set_defaults(command=_run)


def size(text: str) -> tuple[int, ...]:
    """HxW: RunConfig checks that there are two."""
    words = text.lower().split("x")
    if not all(word.isdecimal() for word in words):
        raise argparse.ArgumentTypeError(f"HxW is required, such as 80x80; got {text!r}")
    return tuple(map(int, words))


def _bits(text: str) -> int | tuple[int, ...]:
    """N, or N-M: RunConfig checks them."""
    words = text.split("-")
    if len(words) > 2 or not all(word.isdecimal() for word in words):
        raise argparse.ArgumentTypeError(f"N or N-M is required, such as 8 or 4-10; got {text!r}")
    return int(text) if len(words) == 1 else tuple(map(int, words))


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
    from qkdflow import settings
    from qkdflow.config import RunConfig
    from qkdflow.datasets import SIMULATORS
    from qkdflow.terminal import stdout, summary_table
    from qkdflow.workflow import run

    flags = {f.name: getattr(args, f.name) for f in fields(RunConfig) if hasattr(args, f.name)}
    if hls := hls_options.given(args):
        flags["hls"] = hls
    if args.name is None and "data" not in flags:
        raise ConfigError("[run] give either a name (psd), a TOML file or --data FILE")
    base: dict[str, Any] = {}
    if args.name is not None and args.name.lower().endswith(".toml"):
        base = settings.read_toml(args.name)
    elif args.name is not None:
        base = settings.preset(args.name)
        if "data" in base and "data" in flags:
            raise ConfigError(f"[run] give either a name ({args.name} draws its own data) or --data FILE")
    if "data" in flags and flags["data"] not in SIMULATORS:
        flags["data"] = os.path.abspath(flags["data"])
    given = settings.merged(settings.parse_set(args.set), settings.resolved(flags, "."))
    values = settings.merged(base, given)
    config = settings.make_config(values)
    report = run(config, args.out, args.dask)
    console = stdout()
    console.print(summary_table(report, console.width))
    print(f"report: {os.path.join(args.out, 'report.html')}")
    wrong = report["hls"].get("mismatches", 0) or report["assessment"].get("mismatches", 0)
    return 1 if wrong or report["float_vs_fixed"].get("exact_mismatches") else 0
