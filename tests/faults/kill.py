"""Runs and searches that are killed at random moments, again and again, must end as if nothing had happened.

    python tests/faults/kill.py [--kills 50] [--jobs 1] [--only run|search] [--seed 0] [--json FILE]

The places of the kills are drawn evenly from the start, the stages of a run and its report, as an undisturbed run gives
them; half of the kills come at a random time there, half at a random change of the disk: in the middle of a write, or
before a rename. What was killed goes on, is killed again, and when it ends: a run's files are those of an undisturbed
run (times aside), none is torn or left over; a search's trials are those of an undisturbed search, each told once, and
none begun again that was told.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from qkdflow import Key

VICTIM = Path(__file__).with_name("victim.py")
TIMES = {"seconds", "timings"}  # in JSON: what may differ
LONGEST = 900  # seconds of one start; a run of half a minute on an idle machine
TOGETHER = 10  # kills of one folder
JOURNAL = "journal.jsonl"


class Torn(AssertionError):
    """What was promised did not hold."""


class Kill(NamedTuple):
    """From a place on: at the change of that number, or where that is 0 after seconds."""

    place: str
    change: int
    seconds: float


class Whole(NamedTuple):
    """An undisturbed run or search: what it holds, how often each place changed the disk, how long each took."""

    held: dict[str, Any]
    changes: dict[str, int]
    seconds: dict[str, float]


def start(mode: str, folder: Path, log: Path, kill: Kill | None) -> subprocess.Popen[bytes]:
    # No compiler: csim would be most of the time. No .pyc files: they would be writes.
    environment = {**os.environ, "PATH": "", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(VICTIM), mode, str(folder), str(log)]
    if kill is not None and kill.change:
        command += [kill.place, str(kill.change)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes], log: Path, kill: Kill | None = None) -> int:
    """Waits, kills where it is told to; the exit code, which is -9 for what was killed and must be 0 otherwise."""
    begun = time.monotonic()
    if kill is not None and not kill.change:
        while f"reaches {kill.place}" not in lines(log) and process.poll() is None:
            time.sleep(0.002)
            if time.monotonic() - begun > LONGEST:
                break
        else:
            time.sleep(kill.seconds)
            process.kill()
    try:
        _, said = process.communicate(timeout=max(LONGEST - (time.monotonic() - begun), 0))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Torn(f"[{log}] a start must end within {LONGEST:,} s; it was stopped") from None
    if process.returncode not in (0, -9):
        raise Torn(f"it did not go on: {said.decode()[-2000:]}")
    return process.returncode


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in TIMES}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def contents(folder: Path) -> dict[str, Any]:
    """A digest of every file of a run or search; a journal's without reports; the page, with its times, by name."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name, data = str(path.relative_to(folder)), path.read_bytes()
            if path.suffix == ".json":
                data = json.dumps(without_times(json.loads(data))).encode()
            elif path.name == JOURNAL:
                data = b"\n".join(line for line in data.split(b"\n") if not line.startswith(b'{"report"'))
            found[name] = "" if path.suffix == ".html" else hashlib.sha256(data).hexdigest()
    return found


def check_trials(folder: Path) -> None:
    """Torn, where a journal lacks a trial, one was told twice, or a line is no JSON."""
    for journal in folder.rglob(JOURNAL):
        events = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
        asked = [event["ask"] for event in events if "ask" in event]
        ended = [event["tell"] for event in events if "tell" in event]
        if asked != list(range(len(asked))) or sorted(ended) != asked:
            raise Torn(f"[{journal.parent.name}] trials asked: {asked}; told: {ended}")


def told(folder: Path) -> set[str]:
    """Trials, as "folder number", that whole lines of journals say were told."""
    found = set()
    for journal in folder.rglob(JOURNAL):
        whole = journal.read_bytes().rpartition(b"\n")[0].splitlines()
        found |= {f"{journal.parent.name} {event['tell']}" for event in map(json.loads, whole) if "tell" in event}
    return found


def struck(log: Path) -> tuple[str, str]:
    """Where a kill struck: the place, and the change that it stopped or "at a time"."""
    said = lines(log)
    for line in said:
        if line.startswith("dies in "):
            place, change = line.removeprefix("dies in ").split(": ")
            return place, change
    reached = [line.removeprefix("reaches ") for line in said if line.startswith("reaches ")]
    return (reached or ["start"])[-1], "at a time"


def deck(places: list[str], kills: int, key: Key) -> list[str]:
    """As many of each place as of any other, give or take one, shuffled."""
    drawn: list[str] = []
    while len(drawn) < kills:
        drawn += [places[int(i)] for i in key.fold(len(drawn)).permutation(len(places))]
    return drawn[:kills]


def draw(place: str, whole: Whole, key: Key) -> Kill:
    """A kill there: at a change of the disk, or at a time."""
    chance, moment = (float(value) for value in key.uniform(2))
    is_change = chance < 0.5
    return Kill(place, 1 + int(moment * whole.changes[place]) if is_change else 0, moment * whole.seconds[place])


def disturbed(mode: str, root: Path, planned: list[Kill]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """One folder, killed until it ends: what it holds, and where the kills struck."""
    root.mkdir()
    hits: list[tuple[str, str]] = []
    for attempt, kill in enumerate([*planned, None]):
        log, spared = root / f"log{attempt}", told(root / "out")
        code = finish(start(mode, root / "out", log, kill), log, kill)
        again = spared & {line.removeprefix("begins ") for line in lines(log)}
        if again:
            raise Torn(f"trials {sorted(again)} were told and ran again")
        lost = spared - told(root / "out")
        if lost:
            raise Torn(f"trials {sorted(lost)} were told and are gone, killed in {hits}")
        if code == 0:
            break
        hits.append(struck(log))
    check_trials(root / "out")
    return contents(root / "out"), hits


def undisturbed(mode: str, root: Path) -> Whole:
    root.mkdir()
    finish(start(mode, root / "out", root / "log", None), root / "log")
    counted = json.loads(lines(root / "log")[-1])
    return Whole(contents(root / "out"), counted["changes"], counted["seconds"])


def test(mode: str, kills: int, jobs: int, key: Key, root: Path) -> dict[str, Any]:
    whole = undisturbed(mode, root / mode)
    places = [place for place in whole.seconds if whole.changes.get(place)]
    hits: Counter[tuple[str, str]] = Counter()
    folders = 0

    def one(folder: int, some: list[str]) -> list[tuple[str, str]]:
        some.sort(key=places.index)  # what comes before a kill is there already
        planned = [draw(place, whole, key.fold(f"{folder} {i}")) for i, place in enumerate(some)]
        got, where = disturbed(mode, root / f"{mode}{folder}", planned)
        differing = sorted(name for name in {*got, *whole.held} if got.get(name) != whole.held.get(name))
        if differing:
            raise Torn(f"[{mode}, folder {folder}, killed in {where}] it ended otherwise: {differing}")
        return where

    while hits.total() < kills:  # a kill may come after the end
        left = deck(places, kills, key)[hits.total() :]
        parts = [left[at : at + TOGETHER] for at in range(0, len(left), TOGETHER)]
        with ThreadPoolExecutor(jobs) as pool:
            for where in pool.map(one, range(folders, folders + len(parts)), parts):
                hits.update(where)
        folders += len(parts)
    by_place = {p: {c: n for (q, c), n in sorted(hits.items()) if q == p} for p in places}
    return {
        "seconds_undisturbed": round(sum(whole.seconds.values()), 1),
        "changes_undisturbed": sum(whole.changes.values()),
        "folders": folders,
        "kills": hits.total(),
        "differences": 0,
        "struck": by_place,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="of runs, and as many of searches (50)")
    parser.add_argument("--jobs", type=int, default=1, help="folders at once (1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["run", "search"], help="one of them")
    parser.add_argument("--json", type=Path, help="the result goes there, beside that of the other")
    args = parser.parse_args()
    result: dict[str, Any] = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    try:
        with tempfile.TemporaryDirectory() as root:
            for mode in [args.only] if args.only else ["run", "search"]:
                result[mode] = test(mode, args.kills, args.jobs, Key(args.seed).fold(mode), Path(root))
                print(f"{mode}: {json.dumps(result[mode])}", flush=True)
    except Torn as broken:
        print(broken, file=sys.stderr)
        return 1
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
