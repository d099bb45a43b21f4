"""`qkdflow report`: finished runs side by side."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from qkdflow.errors import ConfigError


def add(verbs: Any) -> None:
    report = verbs.add_parser(
        "report",
        help="compare finished runs side by side",
    )
    report.add_argument("runs", nargs="+", metavar="DIR", help="directories of finished runs")
    report.add_argument(
        "--part",
        metavar="NAME,...",
        help="estimate all for this part, or for each of several, not for each run's own",
    )
    report.add_argument("--board", help="such as pynq-z2, in place of the part")
    report.add_argument("--out", metavar="FILE", help="a .html page or a .md table; the terminal where not given")
    report.set_defaults(command=_report)


def _report(args: argparse.Namespace) -> int:
    from qkdflow.files import write_atomic
    from qkdflow.overview import compare, markdown, page

    out = None if args.out is None else Path(args.out)
    if out is not None and out.suffix not in (".html", ".md"):
        raise ConfigError(f"[--out] must end in .html or .md; got {args.out!r}")
    finished = [run for run in args.runs if (Path(run) / "report.json").exists()]
    for run in args.runs if finished else []:
        if run not in finished:
            print(f"qkdflow: left out: [{run}] holds no finished run", file=sys.stderr)
    parts = args.part.split(",") if args.part else [None]
    rows = [row for part in parts for row in compare(finished or args.runs, part, args.board)]
    if out is None:
        print(markdown(rows), end="")
        return 0
    write_atomic(out, page(rows, out.parent) if out.suffix == ".html" else markdown(rows))
    print(f"report: {out}")
    return 0
