"""`qkdflow verify`: the ladder, rung by rung."""

from __future__ import annotations

import argparse
from typing import Any

from qkdflow.errors import ConfigError


def add(verbs: Any) -> None:
    verify = verbs.add_parser("verify", help="hold every rung of a run's ladder against the one it must equal")
    verify.add_argument(
        "directory", metavar="DIR", help="a run, a saved student, a frozen network or an hls4ml project"
    )
    verify.add_argument(
        "--rungs", metavar="NAME,...", help="some of them; those named must be able to run. All of them where not given"
    )
    verify.add_argument("--samples", type=int, metavar="N", help="the first N of the test part, or N random ones")
    verify.add_argument(
        "--rtl", metavar="FOLDER", help="Verilog that Vitis or Vivado HLS wrote, which the rung rtl must simulate"
    )
    verify.add_argument(
        "--unpacked", action="store_true", help="with --rtl: each code has a word of 32 bits of its own in a stream"
    )
    verify.add_argument(
        "--dummies",
        type=int,
        metavar="N",
        help="with --rtl: N samples behind the last, to flush a pipeline that keeps its last results",
    )
    verify.add_argument("--json", action="store_true", help="one JSON object")
    verify.set_defaults(command=_verify)


def _verify(args: argparse.Namespace) -> int:
    from qkdflow.files import json_text
    from qkdflow.verify import verify

    if args.unpacked and not args.rtl:
        raise ConfigError("[--unpacked] is about the streams of the Verilog that --rtl names; give --rtl")
    if args.dummies is not None and not args.rtl:
        raise ConfigError("[--dummies] is about the pipeline of the Verilog that --rtl names; give --rtl")
    rungs = tuple(args.rungs.split(",")) if args.rungs else None
    must_run = {*(rungs or ()), *(("rtl",) if args.rtl else ())}
    found = verify(args.directory, rungs, args.samples, args.rtl, not args.unpacked, args.dummies or 0)
    print(json_text(found.to_dict()) if args.json else found.text(), end="" if args.json else "\n")
    if found.mismatches:
        return 1
    return 2 if any(outcome.not_run and outcome.rung in must_run for outcome in found.outcomes) else 0
