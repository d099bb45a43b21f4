"""Several trials at once: threads, processes that share a journal, a killed worker, Dask."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qkdflow import _core
from qkdflow.errors import ConfigError, ToolError
from qkdflow.tune import HyperParameters, Study, Trial, cluster

WORKER = """
import sys, time
from pathlib import Path
from test_tune_parallel import score, space
from qkdflow.tune import Study

folder, trials, sleep, name = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]

def objective(trial):
    (folder / f"{name}.{trial.number}").touch()
    time.sleep(sleep)
    return score(trial)

Study(space, direction="min", seed=1, journal=folder / "journal.jsonl").optimize(objective, trials)
"""


def space(hp: HyperParameters) -> None:
    hp.Int("units", 1, 40)
    hp.Float("rate", 0, 1)


def score(trial: Trial) -> float:
    return abs(int(trial.values["units"]) - 17) + float(trial.values["rate"])


def study(**options: Any) -> Study:
    return Study(space, direction="min", seed=1, **options)


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def start(folder: Path, trials: int, sleep: float, name: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", WORKER, str(folder), str(trials), str(sleep), name]
    return subprocess.Popen(command, env=environment)


def test_threads_run_at_once_and_the_search_is_the_same_every_time() -> None:
    together, most = [0], [0]
    lock = threading.Lock()

    def objective(trial: Trial) -> float:
        with lock:
            together[0] += 1
            most[0] = max(most[0], together[0])
        time.sleep(0.002 * (trial.number % 3))
        with lock:
            together[0] -= 1
        return score(trial)

    runs = []
    for _ in range(2):
        parallel = study()
        parallel.optimize(objective, 14, jobs=3)
        runs.append(parallel.trials)
    assert runs[0] == runs[1]
    assert len(runs[0]) == 14
    assert most[0] > 1
    with pytest.raises(ConfigError, match="jobs must be"):
        study().optimize(objective, 3, jobs=0)
    with pytest.raises(ConfigError, match="n_trials must be a whole number; got None"):
        study().optimize(objective, None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="n_trials must be a whole number from 0; got -1"):
        study().optimize(objective, -1)
    assert study().optimize(objective, np.int64(1)) is not None  # type: ignore[arg-type]


def test_an_error_in_one_of_several_trials_stops_the_search_and_loses_nothing(tmp_path: Path) -> None:
    def broken(trial: Trial) -> float:
        if trial.number == 5:
            raise ZeroDivisionError("mine")
        return score(trial)

    first = study(journal=tmp_path / "j")
    with pytest.raises(ZeroDivisionError, match="mine"):
        first.optimize(broken, 12, jobs=3)
    assert first.trials[5].state == "running"
    first.optimize(score, 12, jobs=3)
    assert [t.state for t in first.trials] == ["complete"] * 12


def test_two_studies_share_a_journal_without_repeats(tmp_path: Path) -> None:
    one, other = (study(journal=tmp_path / "j") for _ in range(2))
    for number in range(6):
        trial, second = one.ask(), other.ask()
        assert (trial.number, second.number) == (2 * number, 2 * number + 1)
        other.tell(second, score(second))
        one.tell(trial, score(trial))
    one.optimize(score, 13)
    other.optimize(score, 14)
    assert one.trials == other.trials[:13]
    assert len({json.dumps(t.values) for t in other.trials}) == 14
    assert study(journal=tmp_path / "j").trials == other.trials


def test_a_killed_worker_loses_only_its_trial_which_runs_again(tmp_path: Path) -> None:
    doomed = start(tmp_path, 1000, 30, "doomed")
    until(lambda: (tmp_path / "doomed.0").exists() or doomed.poll() is not None)
    assert doomed.poll() is None
    survivor = start(tmp_path, 10, 0.01, "survivor")
    until(lambda: (tmp_path / "survivor.9").exists() or survivor.poll() is not None)  # 1 to 9; then it waits for 0
    assert survivor.poll() is None
    doomed.send_signal(signal.SIGKILL)
    doomed.wait(60)
    assert survivor.wait(60) == 0
    assert (tmp_path / "survivor.0").exists()
    trials = study(journal=tmp_path / "journal.jsonl").trials
    assert [t.state for t in trials] == ["complete"] * 10
    assert list(tmp_path.glob("*.running")) == []
    # The same completed trials in the same order, undisturbed, lead to the same next suggestion.
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert sum('"ask": 0' in line for line in lines) == 1
    (tmp_path / "copy").write_text("\n".join(lines) + "\n")
    asked = study(journal=tmp_path / "copy").ask()
    assert asked == study(journal=tmp_path / "journal.jsonl").ask()


@pytest.fixture
def scheduler() -> Iterator[str]:
    """Two workers, each a process with a nanny that starts it again."""
    distributed = pytest.importorskip("distributed", reason="dask is not installed: pip install qkdflow[dask]")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as two:
        yield two.scheduler_address


def test_on_dask_a_killed_worker_s_trial_runs_again_and_the_search_is_the_same(tmp_path: Path, scheduler: str) -> None:
    from qkdflow import Key, datasets, stages
    from qkdflow.config import RunConfig

    def deadly(trial: Trial) -> float:
        (tmp_path / f"{trial.number}.{os.getpid()}").touch()
        if trial.number == 5 and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return abs(int(trial.values["units"]) - 17) + float(trial.values["rate"])

    search = study(journal=tmp_path / "journal.jsonl")
    search.optimize(deadly, 12, jobs=2, dask=scheduler)
    assert len(list(tmp_path.glob("5.*"))) == 2
    undisturbed = study()
    undisturbed.optimize(score, 12, jobs=2)
    assert search.trials == undisturbed.trials
    assert search.ask() == undisturbed.ask()

    data = datasets.psd.simulate(Key(0), 400)
    config = RunConfig("psd", jobs=2, effort={"teacher_trials": 4, "teacher_trial_epochs": 2})
    here, far = (stages.search_teacher(data, config, Key(1), dask=address) for address in (None, scheduler))
    assert here.trials == far.trials


def test_an_objective_that_died_with_its_only_holder_is_sent_anew(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask's broadcast passes over a worker that is slow to take the objective: here one alone has it."""
    from distributed import Client

    real, sent = Client.scatter, []

    def scatter(client: Any, data: Any, **options: Any) -> Any:
        sent.append(data)
        return real(client, data, **{**options, "broadcast": False})

    def deadly(trial: Trial) -> float:
        if not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return score(trial)

    monkeypatch.setattr(Client, "scatter", scatter)
    search, undisturbed = study(), study()
    search.optimize(deadly, 6, dask=scheduler)
    undisturbed.optimize(score, 6)
    assert len(sent) >= 2
    assert search.trials == undisturbed.trials


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="dask is not installed: pip install qkdflow[dask]")
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    with pytest.raises(ToolError, match="no scheduler answers at tcp:"):
        study().optimize(score, 3, dask="tcp://127.0.0.1:9")
    with pytest.raises(ConfigError, match="address of a scheduler"):
        study().optimize(score, 3, dask="localhost")


def test_a_journal_that_may_only_be_read_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "j"
    study(journal=path).optimize(score, 3)
    opened = os.open

    def read_only(name: Any, flags: int, *rest: Any) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise PermissionError(13, "Permission denied")
        return opened(name, flags, *rest)

    monkeypatch.setattr(os, "open", read_only)
    assert len(study(journal=path).trials) == 3


def test_the_workflow_s_searches_run_several_trials_at_once() -> None:
    from qkdflow import Key, datasets, stages
    from qkdflow.config import RunConfig

    data = datasets.psd.simulate(Key(0), 400)
    config = RunConfig("psd", jobs=2, effort={"teacher_trials": 4, "teacher_trial_epochs": 2})
    runs = [stages.search_teacher(data, config, Key(1)).trials for _ in range(2)]
    assert runs[0] == runs[1]
    assert [t.state for t in runs[0]] == ["complete"] * 4


def test_a_trial_that_kills_every_worker_ends_with_the_cure(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="dask is not installed: pip install qkdflow[dask]")
    import dask

    def deadly(trial: Trial) -> float:
        os.kill(os.getpid(), signal.SIGKILL)
        return score(trial)

    search = study(journal=tmp_path / "j")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as one,
        pytest.raises(ToolError, match=r"\[dask\] a worker must outlive its trial; 1 died .* memory"),
    ):
        search.optimize(deadly, 3, dask=one.scheduler_address)
    search.optimize(score, 3)
    assert [t.state for t in search.trials] == ["complete"] * 3


def test_on_dask_workers_may_join_later_and_must_not_all_leave(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="dask is not installed: pip install qkdflow[dask]")

    def long(trial: Trial) -> float:
        if trial.number == 1:
            (tmp_path / "begun").touch()
            time.sleep(60)
        return score(trial)

    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as changing:
        threads: dict[str, int] = {}

        def grow(_: Study, trial: Trial) -> None:
            changing.scale(2)
            with distributed.Client(changing.scheduler_address, set_as_default=False) as client:
                client.wait_for_workers(2, timeout=60)
                threads.update(client.run(_core.threads))

        def leave() -> None:
            until((tmp_path / "begun").exists)
            changing.scale(0)

        leaving = threading.Thread(target=leave)
        leaving.start()
        with pytest.raises(ToolError, match=r"\[dask\] the scheduler at tcp:.*, or all its workers, went away"):
            study().optimize(long, 3, grow, dask=changing.scheduler_address)
        leaving.join(60)
    assert list(threads.values()) == [1, 1]
