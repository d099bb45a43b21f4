"""`qkdflow rtl`: Verilog of a frozen network without a vendor's tools, simulated clock by clock."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from qkdflow.errors import ConfigError


def add(verbs: Any) -> None:
    verb = verbs.add_parser("rtl", help="write Verilog of a frozen network, and compare it with the emulator")
    verb.add_argument("directory", help="a run, or the folder of a frozen network (06_fixed)")
    verb.add_argument(
        "--reuse-factor",
        default="1",
        metavar="R",
        help="weights a multiplier: one number, or one a layer: fc1=10,fc2=5 (default 1)",
    )
    verb.add_argument("--nearest", action="store_true", help="the largest factor up to R that each layer can have")
    verb.add_argument("--argmax", action="store_true", help="give the number of the largest logit in place of logits")
    verb.add_argument("--out", help="folder to write into (default: rtl in the directory)")
    verb.add_argument("--samples", type=int, default=10_000, help="random inputs to compare (default 10,000)")
    verb.add_argument(
        "--synthesise", action="store_true", help="count LUTs, flip-flops and DSPs with Yosys (a minute or more)"
    )
    verb.add_argument("--no-simulation", action="store_true", help="write only")
    verb.set_defaults(command=command)


def command(args: argparse.Namespace) -> int:
    from qkdflow.hardware.estimator import find_fixed
    from qkdflow.rtl import RtlConfig, check_rtl, nearest_reuse_factors, write_rtl

    if args.samples < 1:
        raise ConfigError(f"[--samples] at least 1 is required; got {args.samples}")
    fixed, factor = find_fixed(args.directory), reuse_factor(args.reuse_factor)
    if args.nearest:
        if isinstance(factor, dict):
            raise ConfigError("[--nearest] one --reuse-factor for all layers is required")
        factor = nearest_reuse_factors(fixed, factor)
    out = Path(args.out) if args.out else Path(args.directory) / "rtl"
    project = write_rtl(fixed, out, RtlConfig(factor, "argmax" if args.argmax else "logits"))
    for stage in project.stages:
        folding = stage.folding
        what = f"R = {folding.reuse_factor}, {folding.multipliers} multipliers" if folding else "one register"
        print(f"{stage.name}: {what}, {stage.latency_clk} clocks, one sample every {stage.ii}")
    print(f"Verilog: {project.files[0].parent}")
    if args.synthesise:
        from qkdflow.rtl.yosys import synthesise

        print(synthesise(project))
    if args.no_simulation:
        return 0
    checks = [check_rtl(project, top, args.samples) for top in ("core", "stream")]
    for check in checks:
        print(check)
    return 0 if all(check.passed for check in checks) else 1


def reuse_factor(text: str) -> int | dict[str, int]:
    """10, or fc1=10,fc2=5. Raises ConfigError."""
    try:
        if "=" not in text:
            return int(text)
        return {name: int(factor) for name, factor in (entry.split("=") for entry in text.split(","))}
    except ValueError:
        raise ConfigError(f"[--reuse-factor] a number, or NAME=NUMBER,... is required; got {text!r}") from None
