"""`qkdflow bench`: what this machine does in how much time."""

from __future__ import annotations

import argparse
import json
from typing import Any

from qkdflow.cli import bench_bo


def add(verbs: Any) -> None:
    bench = verbs.add_parser("bench", help="measure the engine on this machine")
    what = bench.add_subparsers(required=True, metavar="WHAT")
    train = what.add_parser("train", help="seconds an optimiser step, whole: forward, backward, quantisers, mask, Adam")
    train.add_argument("--workload", help="a name of --list; all of them where not given")
    train.add_argument("--threads", type=int, default=1)
    train.add_argument("--list", action="store_true", help="print the workloads' names")
    train.add_argument("--json", action="store_true", help="one JSON object a workload, a line each")
    train.set_defaults(command=_bench_train)
    bench_bo.add(what)


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
