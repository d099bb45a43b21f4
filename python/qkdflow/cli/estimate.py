"""`qkdflow estimate`: what a network would need of a part, and how fast it would be, before any vendor tool."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qkdflow.cli.rtl import reuse_factor as reuse_factor_of
from qkdflow.errors import ConfigError

if TYPE_CHECKING:
    from qkdflow.fixed import FixedModel
    from qkdflow.hardware.estimator import Estimate, Quantity, Target

DEFAULTS = {"part": None, "clock_ns": 5.0, "strategy": "latency", "io": "parallel", "reuse_factor": 1}
WORDS = {"part": "part", "clock_ns": "clock", "strategy": "strategy", "io": "io", "reuse_factor": "reuse factor"}
RESOURCES = ("lut", "ff", "dsp", "bram")
INTERVALS = (
    "below a value its 90 % interval: how far the estimator was off on public HLS reports that it was not fitted to, "
    "wider for layers unlike them (docs/estimator.md)"
)
COUNTS = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram": "BRAM18", "latency_clk": "clocks", "ii": "II"}


def add(verbs: Any) -> None:
    verb = verbs.add_parser(
        "estimate", help="estimate LUTs, flip-flops, DSPs, BRAMs and clocks of a frozen network, without a vendor tool"
    )
    verb.add_argument("model", metavar="MODEL", help="a run, or the folder of a frozen network (06_fixed)")
    add_target(verb)
    verb.add_argument(
        "--reuse-factor", metavar="N,N,...", help="one or more, as in 1,8,16,32,64, or one a layer: fc1=10,fc2=5"
    )
    verb.add_argument("--json", action="store_true", help="one JSON object a reuse factor, a line each")
    verb.add_argument(
        "--calibrate",
        nargs="+",
        metavar="REPORTS",
        help="csynth.xml, *_csynth.rpt, utilisation and timing reports of MODEL, or folders of them: refit to them",
    )
    verb.add_argument("--calibrated", action="store_true", help="estimate with the refitted prices")
    verb.set_defaults(command=_estimate)


def add_target(verb: argparse.ArgumentParser) -> None:
    """The arguments that say what is built for; what is not given is the run's own, or DEFAULTS'."""
    verb.add_argument("--part", help="such as xc7z020clg400-1 (default: the run's, else the PYNQ-Z2's)")
    verb.add_argument("--board", help="such as pynq-z2, in place of the part")
    verb.add_argument(
        "--clock", type=float, dest="clock_ns", metavar="NS", help="clock period in ns (default: the run's, else 5)"
    )
    verb.add_argument("--strategy", help="Latency or Resource (default: the run's, else Latency)")
    verb.add_argument("--io", help="io_parallel or io_stream (default: the run's, else io_parallel)")
    verb.add_argument(
        "--uncertainty", type=float, metavar="U", help="share of the clock HLS keeps back (Vitis: 0.27, Vivado: 0.125)"
    )


def of_run(path: str) -> dict[str, Any]:
    """part, clock_ns, strategy, io and reuse_factor of a run's hls4ml project; empty where `path` is no run."""
    from qkdflow.export.hls import HlsConfig
    from qkdflow.runs import hls_settings

    settings = hls_settings(Path(path))
    if settings is None:
        return {}
    hls = HlsConfig(**settings)
    return {
        "part": hls.part_name,
        "clock_ns": hls.clock_ns,
        "strategy": hls.strategy,
        "io": hls.io_type,
        "reuse_factor": hls.reuse_factor,
    }


def integers(text: str, option: str) -> list[int]:
    """Whole numbers from 1 on, separated by commas. ConfigError."""
    try:
        values = [int(word) for word in text.split(",")]
    except ValueError:
        values = []
    if not values or min(values) < 1:
        raise ConfigError(f"[{option}] must be whole numbers from 1 on, such as 1,8,16; got {text!r}")
    return values


def _estimate(args: argparse.Namespace) -> int:
    from qkdflow.hardware.estimator import Target, estimate_for, find_fixed
    from qkdflow.hardware.estimator.calibrate import calibrate, local_table

    given = {word: getattr(args, word) for word in DEFAULTS if getattr(args, word) is not None}
    if "reuse_factor" in given:
        given["reuse_factor"] = _factors(given["reuse_factor"])
    if args.board:
        given.setdefault("part", None)
    run = {word: value for word, value in of_run(args.model).items() if word not in given}
    asked = {**DEFAULTS, **run, **given}
    board = args.board if asked["part"] or args.board else "pynq-z2"
    every, named = (asked["strategy"], {}) if isinstance(asked["strategy"], str) else ("latency", asked["strategy"])
    target = Target.of(
        asked["part"], board, clock_ns=asked["clock_ns"], strategy=every, io=asked["io"], uncertainty=args.uncertainty
    )
    factors = asked["reuse_factor"] if isinstance(asked["reuse_factor"], list) else [asked["reuse_factor"]]
    fixed = find_fixed(args.model)
    if args.calibrate:
        if len(factors) != 1:
            raise ConfigError(
                f"[--calibrate] one --reuse-factor is required, that of the reports; got {args.reuse_factor}"
            )
        return _calibrate(args.calibrate, fixed, target, factors[0])
    table = calibrate(local_table()).table if args.calibrated else None
    for factor in factors:
        found = estimate_for(fixed, target, factor, table, named)
        if args.json:
            print(json.dumps({**found.to_dict(), "from_run": list(run)}))
        else:
            _show(found, _each(asked["strategy"]), _each(factor), [WORDS[word] for word in run])
    return 0


def _factors(text: str) -> list[int] | int | dict[str, int]:
    return reuse_factor_of(text) if "=" in text else integers(text, "--reuse-factor")


def _each(value: int | str | Mapping[str, Any]) -> str:
    """One for all layers, or LAYER=VALUE,..., as flags have it."""
    return ",".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)


def _calibrate(paths: list[str], fixed: FixedModel, target: Target, factor: int | Mapping[str, int]) -> int:
    from qkdflow.hardware.estimator.calibrate import calibrate, local_table, remember
    from qkdflow.hardware.estimator.network import reuse_factors
    from qkdflow.hardware.vendor_reports import read_reports, sentences

    reports = read_reports(paths, modules=True)
    print("\n".join(sentences(reports)))
    factors = reuse_factors(fixed, factor)
    dense = {layer.name: factors[layer.name] for layer in fixed.dense}
    added = remember(reports, fixed, target, dense, local_table())
    found = calibrate(local_table())
    print(f"{added} reports added, {found.reports} in {local_table()}")
    for resource, (before, after) in found.errors.items():
        print(f"{resource.upper()}: mean error against csynth {before:.1%} before, {after:.1%} after")
    for stage, ratios in found.corrections.items():
        print(f"{stage} over csynth: " + ", ".join(f"{r} {v:.2f}" for r, v in ratios.items()))
    print("estimate with these prices: qkdflow estimate MODEL --calibrated")
    return 0


def _show(found: Estimate, strategy: str, factor: str, from_run: list[str]) -> None:
    from rich import box
    from rich.table import Table

    from qkdflow.terminal import stdout

    target = found.target
    title = f"{target.part.name}, {target.clock_ns:g} ns, {strategy.lower()}, {target.io}, reuse factor {factor}"
    print(f"estimated, not implemented: {title}")
    if from_run:
        print(f"as in the run: {', '.join(from_run)}")
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("layer")
    for word in ("reuse", *COUNTS.values()):
        table.add_column(word, justify="right", no_wrap=True)
    for layer in (*found.layers, found.total):
        reuse = str(layer.reuse_factor) if layer.has_weights else ""
        if layer.has_weights and layer.asked != layer.reuse_factor:
            reuse += f"\nnot {layer.asked}"
        table.add_row(layer.name, reuse, *(_cell(getattr(layer, word)) for word in COUNTS))
    table.add_row("of the part", "", *(f"{found.share(r):.1%}" for r in RESOURCES))
    table.add_row("synthesis leaves", "", *(_cell(found.synthesised[r]) for r in RESOURCES))
    stdout().print(table)
    print(INTERVALS)
    advice = f": {found.advice}" if found.advice else ""
    print(f"{found.verdict}{advice} ({found.total.ebops:,} EBOPs)")


def _cell(quantity: Quantity) -> str:
    """The value, and below it the 90 % interval where there is one."""
    text = f"{quantity.value:,}"
    return text if quantity.low == quantity.high else f"{text}\n{quantity.low:,}-{quantity.high:,}"
