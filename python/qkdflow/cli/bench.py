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
    emulate = what.add_parser("emulate", help="inferences a second of the frozen network's integer emulator")
    emulate.add_argument("--workload", default="psd")
    emulate.add_argument("--threads", type=int, default=1)
    emulate.add_argument("--json", action="store_true", help="one JSON object")
    emulate.set_defaults(command=_bench_emulate)
    estimate = what.add_parser("estimate", help="seconds an estimate of a network's resources")
    estimate.add_argument("model", metavar="MODEL", help="a run, or the folder of a frozen network (06_fixed)")
    estimate.add_argument("--json", action="store_true")
    estimate.set_defaults(command=_bench_estimate)
    bench_bo.add(what)


def _bench_train(args: argparse.Namespace) -> int:
    from qkdflow import bench
    from qkdflow.workloads import WORKLOADS

    if args.list:
        print("\n".join(WORKLOADS))
        return 0
    for name in [args.workload] if args.workload else WORKLOADS:
        measured = bench.train(name, args.threads)
        if args.json:
            print(json.dumps(measured))
        else:
            print(f"{name}: {1e6 * measured['s_per_step']:.1f} us a step, {measured['params']} parameters")
    return 0


def _bench_emulate(args: argparse.Namespace) -> int:
    from qkdflow import bench

    measured = bench.emulate(args.workload, args.threads)
    if args.json:
        print(json.dumps(measured))
    else:
        print(f"{args.workload}: {measured['inferences_per_s']:,.0f} inferences a second, {measured['bits']}-bit codes")
    return 0


def _bench_estimate(args: argparse.Namespace) -> int:
    from qkdflow import bench
    from qkdflow.hardware.estimator import find_fixed

    measured = bench.estimate(find_fixed(args.model))
    if args.json:
        print(json.dumps(measured))
    else:
        print(f"{1e3 * measured['s_per_estimate']:.2f} ms an estimate, {measured['params']} parameters")
    return 0
