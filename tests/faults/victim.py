"""What kill.py kills: a small run, or a search, that dies in the middle of a write where it is told to.

    python victim.py run|search FOLDER LOG [PLACE N]

It dies at the N-th change of the disk from PLACE on: "start", a stage of the run, "report"; of a search
"start" or "trials".
LOG gets a line for every place that is reached and every trial that begins, and in the end what each place took.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qkdflow import baselines, workflow
from qkdflow.config import RunConfig
from qkdflow.runs import Run
from qkdflow.tune import HyperParameters, Study, Trial

EFFORT = {
    "samples": 3000,
    "teacher_trials": 5,
    "teacher_trial_epochs": 4,
    "teacher_epochs": 20,
    "student_trials": 10,
    "student_trial_epochs": 8,
    "student_epochs": 60,
    "student_restarts": 2,
    "baseline_epochs": 2,
    "least_steps": 0,
}
CONFIG = RunConfig("psd", seed=3, max_parameters=400, effort=EFFORT)
TRIALS, JOBS = 60, 2
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}  # audit events, beside opening to write
WRITING = os.O_WRONLY | os.O_RDWR

write, fsync, sendfile, opened = os.write, os.fsync, os.sendfile, open
log = -1


def note(line: str) -> None:
    write(log, f"{line}\n".encode())


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Changes:
    """Counts what changes the disk, by place, and dies at the `last` from `first` on: of a write, half is written."""

    def __init__(self, first: str, last: int) -> None:
        self.first, self.left = first, last
        self.is_armed = False
        self.count: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}
        self.reach("start")
        sys.addaudithook(self.audit)
        os.write, os.fsync, os.sendfile = self.write, self.fsync, self.sendfile
        builtins.open = io.open = self.open  # type: ignore[assignment]

    def reach(self, place: str) -> None:
        self.place, self.since = place, time.perf_counter()
        self.is_armed = self.is_armed or place == self.first
        note(f"reaches {place}")

    def leave(self) -> None:
        self.seconds[self.place] = time.perf_counter() - self.since

    def next(self, name: str) -> bool:
        self.count[self.place] += 1
        self.left -= self.is_armed
        is_last = self.is_armed and self.left == 0
        if is_last:
            note(f"dies in {self.place}: {name}")
        return is_last

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        is_change = event in CHANGES or (event == "open" and args[2] & WRITING)
        if is_change and self.next(event):
            die()

    def write(self, file: int, data: Any) -> int:
        if self.next("write"):
            write(file, data[: len(data) // 2])
            die()
        return write(file, data)

    def fsync(self, file: int) -> None:
        if self.next("fsync"):
            die()
        fsync(file)

    def sendfile(self, out: int, file: int, offset: int, count: int) -> int:
        """What shutil copies with."""
        if self.next("copy"):
            sendfile(out, file, offset, min(count, os.fstat(file).st_size) // 2)
            die()
        return sendfile(out, file, offset, count)

    def open(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        """`open`, whose writes are counted too: also those of zipfile, NumPy, json and pathlib."""
        if not {*mode} & {*"wax+"}:
            return opened(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = Raw(self, file, mode.translate({ord("b"): None, ord("t"): None}), closefd, opener)
        if buffering == 0:
            return raw
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding, errors, newline)


class Raw(io.FileIO):
    """A file of which a write may be the last."""

    def __init__(self, changes: Changes, file: Any, mode: str, closefd: bool, opener: Any) -> None:
        super().__init__(file, mode, closefd, opener)
        self.changes = changes

    def write(self, data: Any) -> int:
        if self.changes.next("write"):
            super().write(memoryview(data).cast("B")[: memoryview(data).nbytes // 2])
            die()
        return super().write(data)


def mark_stages(changes: Changes) -> None:
    """Lets a run say which stage it is in. What follows a stage is its own, but for the report, the last one's."""
    stage = Run.stage

    def marked(run: Run, name: str, compute: Callable[[Path], Any], load: Callable[[Path], Any]) -> Any:
        changes.leave()
        changes.reach(name)
        made = stage(run, name, compute, load)
        if name == list(run._steps)[-1]:
            changes.leave()
            changes.reach("report")
        return made

    Run.stage = marked  # type: ignore[method-assign,assignment]


def mark_trials(changes: Changes, mode: str) -> None:
    """Lets a search say which trial begins, by its journal's folder and its number."""
    optimize = Study.optimize

    def marked(study: Study, objective: Any, *args: Any, **kwargs: Any) -> Any:
        journal = study._shared._journal
        assert journal is not None

        def noted(trial: Trial) -> Any:
            note(f"begins {journal.path.parent.name} {trial.number}")
            return objective(trial)

        if mode == "search":
            changes.leave()
            changes.reach("trials")
        return optimize(study, noted, *args, **kwargs)

    Study.optimize = marked  # type: ignore[method-assign,assignment]


def space(hp: HyperParameters) -> None:
    hp.Float("x", 0, 1)
    hp.Float("rate", 1e-4, 1, sampling="log")
    hp.Choice("kind", ["a", "b"])


def objective(trial: Trial) -> float:
    time.sleep(0.01)
    x, rate, kind = (trial.values[name] for name in ("x", "rate", "kind"))
    trial.report(0, x)
    return -((x - 0.3) ** 2) - rate * (1 if kind == "a" else 2)


def main() -> None:
    global log
    mode, folder = sys.argv[1], Path(sys.argv[2])
    log = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    changes = Changes(sys.argv[4], int(sys.argv[5])) if len(sys.argv) > 4 else Changes("", 0)
    mark_trials(changes, mode)
    if mode == "run":
        mark_stages(changes)
        baselines.boosted_trees = lambda data, seed: None  # scikit-learn's time is not what is tested
        workflow.run(CONFIG, folder)
    else:
        Study(space, seed=5, journal=folder / "journal.jsonl").optimize(objective, TRIALS, jobs=JOBS)
    changes.leave()
    note(json.dumps({"changes": changes.count, "seconds": changes.seconds}))


if __name__ == "__main__":
    main()
