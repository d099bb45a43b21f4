"""What the engine bears: long searches, data larger than its memory, many trainings at once, days of steps.

    python tests/faults/load.py [--quick] [--json FILE]

Prints a figure for each; exits with 1 where a promise did not hold.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from qkdflow import Key, Sequential
from qkdflow.layers import Dense, Input
from qkdflow.sources import from_npy
from qkdflow.tune import HyperParameters, Study

MB = 2**20
LONGEST = 900  # seconds of a training of its own; some on an idle machine
Figures = dict[str, Any]


def resident() -> float:
    """Megabytes of this process in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / MB


def network(features: int, key: int = 0) -> Sequential:
    return Sequential([Input((features,)), Dense(16, "relu"), Dense(4)], key=key)


def blobs(n: int, features: int, key: int) -> tuple[np.ndarray, np.ndarray]:
    return Key(key).normal(n * features).reshape(n, features).astype(np.float32), np.arange(n) % 4


def search(trials: int) -> Figures:
    """A search on an objective that costs nothing: seconds a suggestion, at first and in the end."""

    def space(hp: HyperParameters) -> None:
        for name in ("a", "b", "c", "d"):
            hp.Float(name, 0, 1)

    marks = [time.perf_counter()]
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.jsonl"
        study = Study(space, seed=1, journal=journal)
        study.optimize(
            lambda trial: -sum((v - 0.3) ** 2 for v in trial.values.values()),
            trials,
            lambda *_: marks.append(time.perf_counter()),
        )
        assert len(study.trials) == len({tuple(t.values.values()) for t in study.trials}) == trials, (
            "a trial is missing"
        )
        assert Study(space, seed=1, journal=journal).trials == study.trials, "the journal tells another search"
        size = journal.stat().st_size
    steps, tenth = np.diff(marks), max(trials // 10, 1)
    return {
        "trials": trials,
        "seconds": round(marks[-1] - marks[0], 1),
        "ms_a_trial_first_tenth": round(float(np.mean(steps[:tenth])) * 1e3, 1),
        "ms_a_trial_last_tenth": round(float(np.mean(steps[-tenth:])) * 1e3, 1),
        "journal_mb": round(size / MB, 2),
        "resident_mb": round(resident()),
    }


def streamed(rows: int) -> Figures:
    """A data set on the disk, trained in a process that may have a quarter of its size."""
    features = 128
    with tempfile.TemporaryDirectory() as folder:
        x = np.lib.format.open_memmap(f"{folder}/x.npy", "w+", np.float32, (rows, features))
        for at in range(0, rows, 10_000):
            x[at : at + 10_000] = blobs(min(10_000, rows - at), features, at)[0]
        x.flush()
        size = x.nbytes
        del x
        np.save(f"{folder}/y.npy", np.arange(rows) % 4)
        command = [sys.executable, __file__, "--stream", folder, str(size // 4)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"its training must end within {LONGEST:,} s; it was stopped") from None
    assert done.returncode == 0, done.stderr
    return {"samples": rows, "file_mb": round(size / MB), **json.loads(done.stdout)}


def stream(folder: str, allowed: int) -> Figures:
    """The limited process: `allowed` bytes more than it has, and not one byte for the whole of x."""
    model, source = network(128), from_npy(f"{folder}/x.npy", f"{folder}/y.npy")
    model.fit(*blobs(256, 128, 1))
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    limit = int(status["VmData"].split()[0]) * 1024 + allowed
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        np.load(f"{folder}/x.npy")
        raise AssertionError("the limit does not bite")
    except MemoryError:
        pass
    begin = time.perf_counter()
    history = model.fit(source, batch_size=256, epochs=1)
    assert np.isfinite(history.history["loss"]).all()
    return {"allowed_mb": round(allowed / MB), "seconds": round(time.perf_counter() - begin, 1)}


def at_once(trainings: int) -> Figures:
    """Trainings in as many Python threads: the bits of trainings one after the other."""
    x, y = blobs(500, 8, 1)

    def trained(key: int) -> bytes:
        model = network(8, key)
        model.fit(x, y, epochs=5, key=key)
        return model.logits(x).tobytes()

    begin = time.perf_counter()
    wanted = [trained(key) for key in range(trainings)]
    alone = time.perf_counter() - begin
    begin = time.perf_counter()
    with ThreadPoolExecutor(trainings) as pool:
        assert list(pool.map(trained, range(trainings))) == wanted, "trainings at once learn something else"
    seconds = time.perf_counter() - begin
    return {"trainings": trainings, "seconds_one_by_one": round(alone, 2), "seconds_at_once": round(seconds, 2)}


def steps(samples: int) -> Figures:
    """A tiny network for days: memory after a tenth of the samples, and after all."""
    x, y = blobs(100_000, 8, 1)
    model, epochs = network(8), max(samples // len(x), 10)
    seen: list[float] = []
    begin = time.perf_counter()
    for part in range(10):
        model.fit(x, y, batch_size=1000, epochs=epochs * (part + 1) // 10, initial_epoch=epochs * part // 10)
        seen.append(resident())
    seconds = time.perf_counter() - begin
    growth = seen[-1] - seen[0]
    assert growth < 2, f"memory grew by {growth:.1f} MB: {seen}"
    done = epochs * len(x)
    return {
        "samples": done,
        "seconds": round(seconds, 1),
        "million_samples_a_second": round(done / seconds / 1e6, 2),
        "resident_mb_after_a_tenth": round(seen[0], 1),
        "resident_mb_after_all": round(seen[-1], 1),
    }


TESTS: dict[str, tuple[Callable[[int], Figures], int, int]] = {  # what, in full, quick
    "search": (search, 2000, 150),
    "streamed": (streamed, 1_000_000, 200_000),
    "at_once": (at_once, 64, 64),
    "steps": (steps, 100_000_000, 2_000_000),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="reduced counts")
    parser.add_argument("--only", choices=list(TESTS), help="one of them")
    parser.add_argument("--json", type=Path, help="the figures go there, beside those of the others")
    parser.add_argument("--stream", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stream:
        print(json.dumps(stream(args.stream[0], int(args.stream[1]))))
        return 0
    found = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    for name, (test, full, quick) in TESTS.items():
        if args.only in (None, name):
            try:
                found[name] = test(quick if args.quick else full)
            except AssertionError as broken:
                print(f"{name}: {broken}", file=sys.stderr)
                return 1
            print(f"{name}: {json.dumps(found[name])}", flush=True)
            if args.json:
                args.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
