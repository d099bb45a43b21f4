"""`qkdflow assess`: a hand-over's vectors on a board, simulated or real."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(verbs: Any) -> None:
    assess = verbs.add_parser("assess", help="play a hand-over's vectors on a board, simulated or real")
    assess.add_argument("directory", metavar="DIR", help="a run, or its hand-over (08_overlay)")
    assess.add_argument(
        "--device",
        default="sim",
        help="sim, rtl, pynq, pynq://HOST[:PORT], udma://HOST[:PORT], serial:PORT[?baud=N], or a file of UART text",
    )
    assess.add_argument("--samples", type=int, help="the first so many vectors; all of them where not given")
    assess.add_argument(
        "--timeout", type=float, default=5.0, metavar="S", help="how long nothing may move (default: 5)"
    )
    assess.add_argument(
        "--bitfile", metavar="FILE", help="the .bit or .xsa, where the hand-over does not hold just one"
    )
    assess.add_argument("--benchmark", action="store_true", help="measure throughput and latency too")
    assess.add_argument(
        "--fault", help="with --device sim or rtl: a fault to order, such as 'missing TLAST'; any other word lists them"
    )
    assess.add_argument("--out", metavar="DIR", help="where assessment.json goes (default: nowhere)")
    assess.add_argument(
        "--reports", metavar="DIR", help="vendor reports (csynth.xml, utilisation and timing .rpt) for a run's report"
    )
    assess.set_defaults(command=_assess)


def _assess(args: argparse.Namespace) -> int:
    from qkdflow.errors import ConfigError
    from qkdflow.hardware.board_report import add_board
    from qkdflow.hardware.devices import assess_device
    from qkdflow.overlay import Overlay

    overlay = Overlay.load(args.directory)
    has_report = (Path(args.directory) / "report.json").is_file()
    if args.reports and not has_report:
        raise ConfigError(f"[--reports] a run with a report is required; {args.directory} holds none")
    found = assess_device(overlay, args.device, args.samples, args.timeout, args.bitfile, args.benchmark, args.fault)
    if args.out:
        found.save(args.out)
    print(found.text())
    if has_report:
        add_board(args.directory, found, args.reports)
        print(f"report: {Path(args.directory) / 'report.html'}")
    return 1 if found.mismatches else 0
