"""Threads, forks, other libraries' threads, and the interpreter's end. What must not touch pytest runs by itself."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from qkdflow import Key, Sequential
from qkdflow.layers import Dense, Input
from qkdflow.tune import HyperParameters, Study, Trial

# Large enough that two threads take part in a step.
COMMON = """
import os, sys, threading, time
import numpy as np
from qkdflow import Key, Sequential, _core
from qkdflow.layers import Dense, Input

x = Key(1).normal(1024 * 300).reshape(1024, 300).astype(np.float32)
y = (Key(2).uniform(1024) * 3).astype(np.int64)

def trained(key=0):
    model = Sequential([Input((300,)), Dense(256, "relu"), Dense(3)], key=key)
    model.fit(x, y, batch_size=512, epochs=2, key=key)
    return model

def bits(key=0):
    return trained(key).logits(x).tobytes()

def end_of(child):
    status = os.waitpid(child, 0)[1]
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, status
"""


def alone(script: str, folder: Path) -> None:
    """Runs a script in a process of its own: it must end well, in time, and say nothing on standard error."""
    (folder / "script.py").write_text(COMMON + script)
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "script.py"]  # Python 3.12 warns of every fork
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


AFTER_A_FORK = """
_core.set_threads(2)
before = bits()
child = os.fork()
if child == 0:  # where libgomp would wait for a thread that is not there
    _core.set_threads(2)
    same = _core.threads() == 1 and bits() == before
    seen = []
    other = threading.Thread(target=lambda: seen.append(bits() == before and _core.threads() == 1))
    other.start()
    other.join()
    os._exit(0 if same and seen == [True] else 1)
end_of(child)
assert _core.threads() == 2 and bits() == before
"""

# A fork may fall between two epochs, or before the first, when the model is free: its child then gets its logits.
AT_WORK = """
model = trained()
worker = threading.Thread(target=lambda: model.fit(x, y, epochs=10**6), daemon=True)
worker.start()
refused = False
begun = time.monotonic()
while not refused and time.monotonic() - begun < 40:
    time.sleep(0.05)
    child = os.fork()
    if child == 0:
        try:
            model.logits(x)
        except RuntimeError as error:
            os._exit(3 if "while the process forks" in str(error) else 1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) in (0, 3), status
    refused = os.WEXITSTATUS(status) == 3
assert refused
"""

JOBLIB = """
import multiprocessing
from joblib import Parallel, delayed

if __name__ == "__main__":
    _core.set_threads(2)
    wanted = [bits(k) for k in (1, 2, 3)]
    for backend in ("threading", "loky"):
        assert Parallel(n_jobs=2, backend=backend)(delayed(bits)(k) for k in (1, 2, 3)) == wanted, backend
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(bits, (1, 2, 3)) == wanted
"""

SECOND_LIBGOMP = """
_core.set_threads(2)
before = bits()
from sklearn.ensemble import HistGradientBoostingClassifier
loaded = {line.split()[-1] for line in open("/proc/self/maps") if "libgomp" in line}
assert len(loaded) == 2, loaded
def trees():
    return HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(x[:, :20], y).predict(x[:, :20]).tobytes()
wanted = trees()
assert bits() == before and trees() == wanted
seen = []
threads = [threading.Thread(target=lambda f=f: seen.append(f())) for f in (bits, trees, bits)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert sorted(seen) == sorted([before, before, wanted])
"""

ENDS_WHILE_TRAINING = """
model = trained()
threading.Thread(target=lambda: model.fit(x, y, batch_size=8, epochs=10**6), daemon=True).start()
time.sleep(0.3)
"""

ENDS_WHILE_READING = """
from qkdflow.sources import Source

class Slow(Source):
    sample_shape = (300,)
    labels = y
    def __len__(self): return len(x)
    def read(self, rows):
        time.sleep(0.001)
        return x[rows]

model = trained()
threading.Thread(target=lambda: model.fit(Slow(), batch_size=8, epochs=10**6), daemon=True).start()
time.sleep(0.3)
"""

ENDS_WHILE_SEARCHING = """
from qkdflow.tune import Study

study = Study(lambda hp: [hp.Float(f"x{i}", 0, 1) for i in range(6)], feasible=lambda values: True)
search = lambda: study.optimize(lambda trial: sum(trial.values.values()), 10**6)
threading.Thread(target=search, daemon=True).start()
time.sleep(1)
"""

INTERRUPTED = """
import signal

model, other = trained(), trained(1)

def handler(*_):
    other.get_weights()
    model.get_weights()  # well between two epochs, and refused within one

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.2, 0.03)
try:
    model.fit(np.tile(x, (40, 1)), np.tile(y, 40), batch_size=8, epochs=10**3)  # a second an epoch
except ValueError as error:
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert "a signal's handler must not use the model that it interrupts" in str(error)
model.fit(x, y, epochs=1)
"""

SAVES_AT_EXIT = """
import atexit

model = trained()
atexit.register(lambda: model.fit(x, y, epochs=1) and model.save("kept"))
threading.Thread(target=lambda: model.fit(x, y, batch_size=8, epochs=10**6), daemon=True).start()
time.sleep(0.3)
"""


@pytest.mark.parametrize(
    "script",
    [
        AFTER_A_FORK,
        AT_WORK,
        JOBLIB,
        SECOND_LIBGOMP,
        ENDS_WHILE_TRAINING,
        ENDS_WHILE_READING,
        ENDS_WHILE_SEARCHING,
        INTERRUPTED,
        SAVES_AT_EXIT,
    ],
    ids=[
        "after_a_fork",
        "at_work",
        "joblib",
        "second_libgomp",
        "training",
        "reading",
        "searching",
        "interrupted",
        "saving",
    ],
)
def test_a_process_that_forks_shares_or_ends_is_well(script: str, tmp_path: Path) -> None:
    if "sklearn" in script:
        pytest.importorskip("sklearn")
    alone(script, tmp_path)


def samples(key: int, n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    return Key(key).normal(n * 6).reshape(n, 6).astype(np.float32), (Key(key + 1).uniform(n) * 3).astype(np.int64)


def network(key: int) -> Sequential:
    return Sequential([Input((6,)), Dense(12, "relu"), Dense(3)], key=key)


def test_models_that_train_at_once_learn_what_they_learn_alone() -> None:
    x, y = samples(1)

    def trained(key: int) -> bytes:
        model = network(key)
        model.fit(x, y, epochs=3, key=key)
        return model.logits(x).tobytes()

    wanted = [trained(key) for key in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(trained, range(8))) == wanted


def test_who_asks_a_model_that_trains_gets_what_some_epoch_left() -> None:
    x, y = samples(1)
    model, alone, seen = network(1), network(1), []
    epochs = [alone.logits(x).tobytes()]
    for epoch in range(6):
        alone.fit(x, y, epochs=epoch + 1, initial_epoch=epoch, optimizer_state={})
        epochs.append(alone.logits(x).tobytes())
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append((model.logits(x).tobytes(), model.get_weights()))

    with ThreadPoolExecutor(2) as pool:
        lookers = [pool.submit(look) for _ in range(2)]
        for epoch in range(6):
            model.fit(x, y, epochs=epoch + 1, initial_epoch=epoch, optimizer_state={})
            time.sleep(0.01)
        done.set()
        for looker in lookers:
            looker.result()
    assert {logits for logits, _ in seen} <= set(epochs)
    assert model.logits(x).tobytes() == epochs[-1]


@pytest.mark.parametrize("journal", [False, True])
def test_threads_that_ask_and_tell_share_a_study(journal: bool, tmp_path: Path) -> None:
    def space(hp: HyperParameters) -> None:
        hp.Float("a", 0, 1)
        hp.Choice("b", ["x", "y"])

    path = tmp_path / "journal.jsonl" if journal else None
    study, told = Study(space, journal=path), []

    def work(_: int) -> None:
        for _ in range(4):
            trial = study.ask()
            trial.report(0, 0.5)
            told.append(study.tell(trial, trial.values["a"]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    trials: tuple[Trial, ...] = study.trials
    assert sorted(t.number for t in told) == list(range(32)) == [t.number for t in trials]
    assert all(t.state == "complete" and t.value == t.values["a"] for t in trials)
    if path is not None:
        assert Study(space, journal=path).trials == trials
