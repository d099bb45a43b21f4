"""Runs and searches that are killed at random moments, again and again, must end as if nothing had happened.

    python tests/faults/kill.py [--kills 50] [--only run|search] [--seed 0] [--json FILE]

Half of the kills come at a random time, half in the middle of a random write. What was killed goes on, is perhaps
killed again, and when it ends: a run's files are those of an undisturbed run (times aside), none is torn or left over;
a search's trials are those of an undisturbed search, each told once, and none begun again that was told.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from qkdflow import Key

VICTIM = Path(__file__).with_name("victim.py")
TIMES = {"seconds", "timings"}  # in JSON: what may differ


class Torn(AssertionError):
    """What was promised did not hold."""


def start(mode: str, folder: Path, log: Path, write: int = 0) -> subprocess.Popen[bytes]:
    # No compiler: csim would be most of the time. No .pyc files: they would be writes.
    environment = {**os.environ, "PATH": "", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(VICTIM), mode, str(folder), str(log), str(write)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes], patience: float | None = None) -> int:
    """Waits, kills after `patience` seconds; the exit code, which is -9 for what was killed and must be 0 otherwise."""
    try:
        _, said = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    else:
        if process.returncode not in (0, -9):
            raise Torn(f"it did not go on: {said.decode()[-2000:]}")
    return process.returncode


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in TIMES}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def contents(folder: Path) -> dict[str, str]:
    """A digest of every file of a run; the page, which shows times, by its name alone."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.suffix == ".json":
                data = json.dumps(without_times(json.loads(data))).encode()
            found[str(path.relative_to(folder))] = "" if path.suffix == ".html" else hashlib.sha256(data).hexdigest()
    return found


def trials(folder: Path) -> dict[str, Any]:
    """Every trial of a journal. Torn, where one is missing, was told twice, or a line is no JSON."""
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()[1:]]
    asked = [line["ask"] for line in lines if "ask" in line]
    ended = [line["tell"] for line in lines if "tell" in line]
    if asked != list(range(len(asked))) or sorted(ended) != asked:
        raise Torn(f"trials asked: {asked}; told: {ended}")
    left = sorted(path.name for path in folder.iterdir() if path.name != "journal.jsonl")
    return {"lines": [line for line in lines if "report" not in line], "left": left}


def told(folder: Path) -> set[int]:
    """Trials that whole lines of a journal say were told."""
    journal = folder / "journal.jsonl"
    whole = journal.read_bytes().rpartition(b"\n")[0].splitlines() if journal.exists() else []
    return {event["tell"] for event in map(json.loads, whole) if "tell" in event}


def begun(log: Path) -> list[int]:
    return [int(line.split()[1]) for line in log.read_text().splitlines() if line.startswith("begins")]


def place(mode: str, folder: Path, log: Path) -> str:
    """Where a kill struck: the write, or the stage that it stopped."""
    last = log.read_text().splitlines()[-1:] if log.exists() else []
    if last and last[0].startswith("dies in"):
        return last[0].removeprefix("dies in ")
    if mode == "search":
        return "a trial" if (folder / "journal.jsonl").exists() else "before the first"
    if not (folder / "run.json").exists():
        return "before the first"
    stages = [p for p in sorted(folder.glob("0*")) if not (p / "stage.json").exists()]
    if not stages and (folder / "09_assessment").exists():
        return "the report"
    return stages[0].name if stages else "between stages"


class Trial:
    """One folder, killed until it ends."""

    def __init__(self, mode: str, root: Path, key: Key, whole: tuple[float, int], most: int) -> None:
        self.mode, self.root, self.folder, self.key = mode, root, root / "out", key
        self.seconds, self.writes = whole
        self.most = most
        self.places: list[str] = []
        root.mkdir()

    def go(self) -> None:
        for attempt in range(self.most + 1):
            log, spared = self.root / f"log{attempt}", told(self.folder) if self.mode == "search" else set()
            chance, moment = self.key.fold(attempt).uniform(2)
            write = 1 + int(moment * self.writes) if chance < 0.5 else 0
            patience = None if write else 0.1 + moment * self.seconds
            if attempt == self.most:
                write, patience = 0, None
            code = finish(start(self.mode, self.folder, log, write), patience)
            again = spared & set(begun(log)) if log.exists() else set()
            if again:
                raise Torn(f"trials {sorted(again)} were told and ran again")
            if code == 0:
                return
            self.places.append(place(self.mode, self.folder, log))


def undisturbed(mode: str, root: Path) -> tuple[Any, float, int]:
    root.mkdir()
    begin = time.perf_counter()
    finish(start(mode, root / "out", root / "log"))
    seconds = time.perf_counter() - begin
    writes = int((root / "log").read_text().splitlines()[-1].split()[1])
    return (contents if mode == "run" else trials)(root / "out"), seconds, writes


def test(mode: str, kills: int, key: Key, root: Path) -> dict[str, Any]:
    wanted, seconds, writes = undisturbed(mode, root / mode)
    struck: Counter[str] = Counter()
    folders = 0
    while struck.total() < kills:
        left = kills - struck.total()
        trial = Trial(mode, root / f"{mode}{folders}", key.fold(folders), (seconds, writes), min(5, left))
        trial.go()
        got = (contents if mode == "run" else trials)(trial.folder)
        if got != wanted:
            differing = [name for name in {*got, *wanted} if got.get(name) != wanted.get(name)]
            raise Torn(f"[{mode}, folder {folders}, killed in {trial.places}] it ended otherwise: {sorted(differing)}")
        struck.update(trial.places)
        folders += 1
    return {
        "seconds_undisturbed": round(seconds, 1),
        "writes_undisturbed": writes,
        "folders": folders,
        "kills": struck.total(),
        "struck": dict(sorted(struck.items())),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="of runs, and as many of searches (50)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["run", "search"], help="one of them")
    parser.add_argument("--json", type=Path, help="the result goes there, beside that of the other")
    args = parser.parse_args()
    result: dict[str, Any] = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    try:
        with tempfile.TemporaryDirectory() as root:
            for mode in [args.only] if args.only else ["run", "search"]:
                result[mode] = test(mode, args.kills, Key(args.seed).fold(mode), Path(root))
                print(f"{mode}: {json.dumps(result[mode])}", flush=True)
    except Torn as broken:
        print(broken, file=sys.stderr)
        return 1
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
