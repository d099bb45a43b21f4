"""`qkdflow plot`: figures of a frozen network and of a search."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from qkdflow.cli.estimate import DEFAULTS, integers, of_run
from qkdflow.errors import ConfigError, DataError

if TYPE_CHECKING:
    from qkdflow.fixed import FixedModel

BOARDS = "arty-a7-35,pynq-z1,zcu102"  # the letter's Artix-7, its PYNQ-Z1, its ZCU102


def add(verbs: Any) -> None:
    plot = verbs.add_parser("plot", help="draw figures")
    what = plot.add_subparsers(required=True, metavar="WHAT")
    reuse = what.add_parser("reuse-factor", help="estimated, against reuse factor (Fig. 5)")
    reuse.add_argument("model", metavar="MODEL", help="a run, or the folder of a frozen network (06_fixed)")
    reuse.add_argument("--boards", default=BOARDS, metavar="NAME,NAME,...", help=f"default: {BOARDS}")
    reuse.add_argument("--mhz", default="100,200", metavar="N,N,...", help="clock frequencies (default: 100,200)")
    reuse.add_argument("--reuse-factor", default="1,8,16,32,64", metavar="N,N,...")
    reuse.add_argument("--strategy", default="resource", help="latency or resource (default: resource)")
    reuse.add_argument("--io", help="io_parallel or io_stream (default: the run's, else io_parallel)")
    reuse.add_argument("--simulate", action="store_true", help="simulate Verilog of qkdflow rtl, and draw its latency")
    reuse.add_argument("--measured", metavar="FILE.csv", help="of RTL simulated: columns reuse_factor,latency_clk,mhz")
    reuse.add_argument("--out", default="reuse-factor.svg", metavar="FILE", help=".svg, .png or .pdf")
    reuse.set_defaults(command=_reuse_factor)
    pareto = what.add_parser("pareto", help="accuracy against an estimated cost, of a constrained search's students")
    pareto.add_argument("run", metavar="RUN", help="a run with --constraints or --cost")
    pareto.add_argument("--cost", default="lut", help="lut, ff, dsp, bram, latency_clk or ii (default: lut)")
    pareto.add_argument("--out", default="pareto.svg", metavar="FILE", help=".svg, .png or .pdf")
    pareto.set_defaults(command=_pareto)


def _reuse_factor(args: argparse.Namespace) -> int:
    from qkdflow import plots
    from qkdflow.hardware.estimator import find_fixed, sweep

    _check_out(args.out)
    factors, clocks = integers(args.reuse_factor, "--reuse-factor"), integers(args.mhz, "--mhz")
    measured = _measured(args.measured) if args.measured else []
    fixed = find_fixed(args.model)
    if args.simulate:
        measured += _simulated(fixed, factors, clocks)
    io = args.io or {**DEFAULTS, **of_run(args.model)}["io"]
    points = sweep(fixed, args.boards.split(","), clocks, factors, args.strategy, io)
    plots.reuse_factor(points, f"{fixed.name}, {args.strategy}", measured).savefig(args.out)
    print(f"estimated, not implemented: {args.out}")
    return 0


def _pareto(args: argparse.Namespace) -> int:
    from qkdflow import plots
    from qkdflow.explain import students

    _check_out(args.out)
    found = [s for s in students(args.run) if s.needs]
    if not found:
        raise ConfigError(f"[{args.run}] holds no estimates: run with --constraints or --cost")
    if any(args.cost not in s.needs for s in found):
        raise ConfigError(f"[--cost] must be one of {', '.join(found[0].needs)}; got {args.cost!r}")
    trials = [
        {"number": s.number, "objective": s.accuracy, "cost": s.needs[args.cost], "refused": "; ".join(s.refused)}
        for s in found
    ]
    best = max(found, key=lambda s: s.value)
    plots.accuracy_against_cost(trials, args.cost, best.number).savefig(args.out)
    print(f"estimated, not implemented: {args.out}")
    return 0


def _check_out(path: str) -> None:
    if Path(path).suffix not in (".svg", ".png", ".pdf"):
        raise ConfigError(f"[--out] must end in .svg, .png or .pdf; got {path!r}")


def _simulated(fixed: FixedModel, factors: Sequence[int], clocks: Sequence[int]) -> list[dict[str, float]]:
    """The measured latency of our own Verilog at the largest factors up to those asked for."""
    from qkdflow.rtl import RtlConfig, compile_rtl, nearest_reuse_factors, write_rtl

    points: list[dict[str, float]] = []
    with TemporaryDirectory() as folder:
        for factor in factors:
            config = RtlConfig(nearest_reuse_factors(fixed, factor))
            project = write_rtl(fixed, Path(folder) / str(factor), config)
            clk = compile_rtl(project, "core").measure().latency_clk
            print(f"simulated at reuse factor {factor}: {clk} clocks")
            points += [{"reuse_factor": factor, "latency_clk": clk, "mhz": mhz} for mhz in clocks]
    return points


def _measured(path: str) -> list[dict[str, float]]:
    names = "reuse_factor", "latency_clk", "mhz"
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            points = [{key: float(row[key]) for key in names} for row in csv.DictReader(file)]
    except OSError as error:
        raise DataError(f"[{path}] a CSV file of measured points is required; {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"[{path}] must have columns {', '.join(names)} of numbers; {error}") from error
    if not all(value > 0 for point in points for value in point.values()):
        raise ConfigError(f"[{path}] reuse factors, clocks and MHz must be above 0")
    return points
