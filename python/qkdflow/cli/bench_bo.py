"""`qkdflow bench bo`: optimisers side by side, on the same problems, in one run."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def add(what: Any) -> None:
    bo = what.add_parser("bo", help="regret and cost of the optimiser, beside its peers in environments of their own")
    bo.add_argument(
        "--problems", default="main", metavar="main|second|fronts|FILE.py", help="FILE: space(hp), objective(values)"
    )
    bo.add_argument(
        "--peers", default="optuna_tpe,optuna_gp,keras_tuner", help="comma-separated, or none; also botorch"
    )
    bo.add_argument("--trials", type=int, default=40)
    bo.add_argument("--seeds", default="", help="of all, or NAME=N,...; 20 where not given, fewer for the dear peers")
    bo.add_argument("--first-seed", type=int, default=0)
    bo.add_argument("--jobs", type=int, default=2, help="searches at a time")
    bo.add_argument("--only", help="comma-separated names of problems")
    bo.add_argument(
        "--environments", type=Path, default=Path("~/.cache/qkdflow/peers"), help="where peers are installed"
    )
    bo.add_argument("--scripts", type=Path, default=Path("tests/bench/bo_peers"), help="the peers' sides")
    bo.add_argument("--keep", type=Path, metavar="FILE", help="searches done; the same command goes on from there")
    bo.add_argument("--score", action="store_true", help="figures of what --keep FILE holds; nothing is played")
    bo.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    bo.set_defaults(command=_bench_bo)


def _bench_bo(args: argparse.Namespace) -> int:
    from qkdflow.contest.play import Kept, tournament
    from qkdflow.contest.players import Entry, check_peers, entry
    from qkdflow.contest.score import score
    from qkdflow.contest.sets import named
    from qkdflow.errors import ConfigError

    counts = _counts(args.seeds)
    for word in ("trials", "jobs"):
        if getattr(args, word) < 1:
            raise ConfigError(f"[bench bo] --{word} must be 1 or more; got {getattr(args, word)}")
    problems = named(args.problems)
    if args.only:
        problems = [p for p in problems if p.name in args.only.split(",")]
    if not problems:
        raise ConfigError(f"[bench bo] --only must name problems of the set; got {args.only}")
    peers = [] if args.peers == "none" else args.peers.split(",")
    check_peers(peers)
    names = ["qkdflow", "random", *peers]
    if args.score:
        found = Kept(args.keep).of(names, problems, args.trials)
        problems = [p for p in problems if any((s.player, s.problem) == ("random", p.name) for s in found)]
        if not problems:
            raise ConfigError(f"[bench bo] --score needs --keep FILE with searches of these problems; got {args.keep}")
        return _print(score(found, problems, args.trials), args.json)
    for problem in problems:
        if problem.needs:
            problem.needs()
    environments = args.environments.expanduser().resolve()
    environments.mkdir(parents=True, exist_ok=True)
    entries = [entry(name, environments, args.scripts.resolve()) for name in names]

    def seeds(e: Entry) -> range:
        return range(args.first_seed, args.first_seed + counts.get(e.name, counts.get("", e.seeds)))

    begun = time.monotonic()
    kept = Kept(args.keep)
    searches = tournament(entries, problems, seeds, args.trials, args.jobs, _tell, kept)
    report = score(searches, problems, args.trials)
    report["seconds"] = round(time.monotonic() - begun, 1)
    report["load"] = round(os.getloadavg()[0], 2)
    return _print(report, args.json)


def _print(report: dict[str, Any], as_json: bool) -> int:
    from qkdflow.contest.score import table

    print(json.dumps(report) if as_json else table(report))
    return 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _counts(text: str) -> dict[str, int]:
    """Seeds by player; "" stands for all that are not named."""
    from qkdflow.errors import ConfigError

    counts = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.rpartition("=")
        if not number.isdigit() or int(number) < 1:
            raise ConfigError(f"[bench bo] --seeds must be numbers from 1, or NAME=N; got {part!r}")
        counts[name] = int(number)
    return counts
