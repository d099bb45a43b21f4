"""`qkdflow verify`: the ladder, rung by rung."""

from __future__ import annotations

import argparse
from typing import Any


def add(verbs: Any) -> None:
    verify = verbs.add_parser("verify", help="hold every rung of a run's ladder against the one it must equal")
    verify.add_argument(
        "directory", metavar="DIR", help="a run, a saved student, a frozen network or an hls4ml project"
    )
    verify.add_argument(
        "--rungs", metavar="NAME,...", help="some of them; those named must be able to run. All of them where not given"
    )
    verify.add_argument("--samples", type=int, metavar="N", help="the first N of the test part, or N random ones")
    verify.add_argument("--rtl", metavar="FOLDER", help="Verilog that Vitis or Vivado HLS wrote: the rung rtl")
    verify.add_argument("--json", action="store_true", help="one JSON object")
    verify.set_defaults(command=_verify)


def _verify(args: argparse.Namespace) -> int:
    from qkdflow.files import json_text
    from qkdflow.verify import verify

    rungs = tuple(args.rungs.split(",")) if args.rungs else None
    found = verify(args.directory, rungs, args.samples, args.rtl)
    print(json_text(found.to_dict()) if args.json else found.text(), end="" if args.json else "\n")
    if found.mismatches:
        return 1
    return 2 if rungs and any(outcome.not_run for outcome in found.outcomes) else 0
