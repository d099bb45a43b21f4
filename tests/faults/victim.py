"""What kill.py kills: a small run, or a search, that dies in the middle of its n-th write where it is told to.

    python victim.py run|search FOLDER LOG [N]

LOG gets a line for every trial of the search begun and ended, and in the end how often the disk was written to.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from qkdflow import baselines, workflow
from qkdflow.config import RunConfig
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
CHANGES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}  # audit events

write, fsync = os.write, os.fsync
log = -1


def note(line: str) -> None:
    write(log, f"{line}\n".encode())


class Writes:
    """Counts what changes the disk, and dies at number `last`: of a write, half is written."""

    def __init__(self, last: int) -> None:
        self.count, self.last = 0, last
        sys.addaudithook(self.audit)
        os.write, os.fsync = self.write, self.fsync

    def next(self, name: str) -> bool:
        self.count += 1
        if self.count == self.last:
            note(f"dies in {name}")
        return self.count == self.last

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        reads = event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR)
        if event in CHANGES and not reads and self.next(event):
            os.kill(os.getpid(), signal.SIGKILL)

    def write(self, file: int, data: bytes) -> int:
        if self.next("write"):
            write(file, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return write(file, data)

    def fsync(self, file: int) -> None:
        if self.next("fsync"):
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(file)


def space(hp: HyperParameters) -> None:
    hp.Float("x", 0, 1)
    hp.Float("rate", 1e-4, 1, sampling="log")
    hp.Choice("kind", ["a", "b"])


def objective(trial: Trial) -> float:
    note(f"begins {trial.number}")
    time.sleep(0.01)
    x, rate, kind = (trial.values[name] for name in ("x", "rate", "kind"))
    trial.report(0, x)
    note(f"ends {trial.number}")
    return -((x - 0.3) ** 2) - rate * (1 if kind == "a" else 2)


def main() -> None:
    global log
    mode, folder = sys.argv[1], Path(sys.argv[2])
    log = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    writes = Writes(int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    if mode == "run":
        baselines.boosted_trees = lambda data, seed: None  # scikit-learn's time is not what is tested
        workflow.run(CONFIG, folder)
    else:
        Study(space, seed=5, journal=folder / "journal.jsonl").optimize(objective, TRIALS, jobs=JOBS)
    note(f"writes {writes.count}")


if __name__ == "__main__":
    main()
