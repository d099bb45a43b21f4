"""`qkdflow estimate`: what a network would need of a part, and how fast it would be, before any vendor tool."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from qkdflow.errors import ConfigError

if TYPE_CHECKING:
    from qkdflow.hardware.estimator import Estimate, Quantity

RESOURCES = ("lut", "ff", "dsp", "bram")
COUNTS = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram": "BRAM18", "latency_clk": "clocks", "ii": "II"}


def add(verbs: Any) -> None:
    verb = verbs.add_parser(
        "estimate", help="estimate LUTs, flip-flops, DSPs, BRAMs and clocks of a frozen network, without a vendor tool"
    )
    verb.add_argument("model", metavar="MODEL", help="a run, or the folder of a frozen network (06_fixed)")
    add_target(verb)
    verb.add_argument("--reuse-factor", default="1", metavar="N,N,...", help="one or more, as in 1,8,16,32,64")
    verb.add_argument("--json", action="store_true", help="one JSON object a reuse factor, a line each")
    verb.set_defaults(command=_estimate)


def add_target(verb: argparse.ArgumentParser) -> None:
    """The arguments that say what is built for."""
    verb.add_argument("--part", help="such as xc7z020clg400-1")
    verb.add_argument("--board", help="such as pynq-z2, in place of the part")
    verb.add_argument("--clock", type=float, default=5.0, dest="clock_ns", metavar="NS", help="clock period in ns")
    verb.add_argument("--strategy", default="latency", help="latency or resource")
    verb.add_argument("--io", default="parallel", help="parallel or stream")
    verb.add_argument(
        "--uncertainty", type=float, metavar="U", help="share of the clock HLS keeps back (Vitis: 0.27, Vivado: 0.125)"
    )


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

    board = args.board if args.part or args.board else "pynq-z2"
    target = Target.of(
        args.part, board, clock_ns=args.clock_ns, strategy=args.strategy, io=args.io, uncertainty=args.uncertainty
    )
    factors = integers(args.reuse_factor, "--reuse-factor")
    fixed = find_fixed(args.model)
    for factor in factors:
        found = estimate_for(fixed, target, factor)
        if args.json:
            print(json.dumps(found.to_dict()))
        else:
            _show(found, factor)
    return 0


def _show(found: Estimate, factor: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    target = found.target
    title = f"{target.part.name}, {target.clock_ns:g} ns, {target.strategy}, {target.io}, reuse factor {factor}"
    table = Table(
        title=f"estimated, not implemented: {title}", box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1)
    )
    table.add_column("layer")
    for word in ("reuse", *COUNTS.values()):
        table.add_column(word, justify="right", no_wrap=True)
    for layer in (*found.layers, found.total):
        reuse = "" if layer.kind != "dense" else str(layer.reuse_factor)
        if layer.kind == "dense" and layer.asked != layer.reuse_factor:
            reuse += f"\nnot {layer.asked}"
        table.add_row(layer.name, reuse, *(_cell(getattr(layer, word)) for word in COUNTS))
    table.add_row("of the part", "", *(f"{found.share(r):.1%}" for r in RESOURCES))
    table.add_row("synthesis leaves", "", *(_cell(found.synthesised[r]) for r in RESOURCES))
    console = Console()
    console = Console(width=max(console.width, 100)) if not console.is_terminal else console
    console.print(table)
    advice = f": {found.advice}" if found.advice else ""
    print(f"{found.verdict}{advice} ({found.total.ebops:,} EBOPs)")


def _cell(quantity: Quantity) -> str:
    """The value, and below it the 90 % interval where there is one."""
    text = f"{quantity.value:,}"
    return text if quantity.low == quantity.high else f"{text}\n{quantity.low:,}-{quantity.high:,}"
