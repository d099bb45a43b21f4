"""QKDSampler inside Optuna's studies: quality, conditions, several objectives, constraints, processes, PostgreSQL."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

optuna = pytest.importorskip("optuna", reason="optuna is not installed: pip install qkdflow[optuna]")
pytestmark = pytest.mark.filterwarnings("ignore")  # Optuna's own deprecations

from qkdflow.errors import ConfigError  # noqa: E402
from qkdflow.tune.sampler import QKDSampler, open_study  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)


def mixed(trial: Any) -> float:
    kind = trial.suggest_categorical("kind", ["dense", "conv", None])
    units = trial.suggest_categorical("units", [4, 8, 16, 32])
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    layers = trial.suggest_int("layers", 1, 4)
    loss = abs(rate - 3e-3) * 100 + 0.1 * abs(units - 16) + 0.3 * (kind != "conv") + 0.1 * layers
    if kind == "conv":
        loss += 0.1 * abs(trial.suggest_int("kernel", 1, 7, step=2) - 5)
    return float(loss)


def params(study: Any) -> list[dict[str, Any]]:
    return [t.params for t in study.trials]


def test_it_beats_chance_on_a_conditional_space_and_repeats_nothing() -> None:
    best, chance = [], []
    for seed in range(4):
        study = optuna.create_study(sampler=QKDSampler(seed))
        study.optimize(mixed, 30)
        best.append(study.best_value)
        assert len({str(p) for p in params(study)}) == 30
        other = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
        other.optimize(mixed, 30)
        chance.append(other.best_value)
    assert sum(best) < 0.7 * sum(chance)


def test_a_study_goes_on_with_the_same_suggestions(tmp_path: Path) -> None:
    whole = optuna.create_study(sampler=QKDSampler(3))
    whole.optimize(mixed, 16)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal")))
    for stop in (5, 16):
        study = open_study("s", storage, sampler=QKDSampler(3))
        study.optimize(mixed, stop - len(study.trials))
    assert params(study) == params(whole)
    other = optuna.create_study(sampler=QKDSampler(4))
    other.optimize(mixed, 16)
    assert params(other) != params(whole)


def test_two_objectives_and_pruned_failed_and_constrained_trials() -> None:
    def two(trial: Any) -> tuple[float, float]:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x**2 + y, (1 - x) ** 2 + y

    study = optuna.create_study(sampler=QKDSampler(0), directions=["minimize", "minimize"])
    study.optimize(two, 25)
    assert sum(t.params["y"] < 0.1 for t in study.trials[10:]) > 10
    assert len(study.best_trials) > 5

    def limited(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_user_attr("c", 0.4 - x)
        if trial.number == 3:
            raise ValueError("mine")
        trial.report(x + 1, 0)
        if trial.number == 5:
            raise optuna.TrialPruned
        return float(x)

    study = optuna.create_study(sampler=QKDSampler(0, constraints_func=lambda t: [t.user_attrs["c"]]))
    study.optimize(limited, 20, catch=(ValueError,))
    feasible = [t.value for t in study.trials if t.state.name == "COMPLETE" and t.params["x"] >= 0.4]
    assert 0.4 <= min(feasible) < 0.42


def test_a_tree_tells_what_a_value_brings_with_it() -> None:
    study = optuna.create_study(sampler=QKDSampler(0, tree={"kernel": ("kind", ["conv"])}))
    study.optimize(mixed, 12)
    assert len(study.trials) == 12
    with pytest.raises(ConfigError, match="seed must be"):
        QKDSampler(-1)


def worker(url: str, trials: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    open_study("shared", url, sampler=QKDSampler(0)).optimize(mixed, trials)


def in_two_processes(url: str) -> Any:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=worker, args=(url, 8)) for _ in range(2)]
    for process in workers:
        process.start()
    for process in workers:
        process.join(120)
        assert process.exitcode == 0
    return optuna.load_study(study_name="shared", storage=url)


def test_two_processes_make_and_share_one_sqlite_study(tmp_path: Path) -> None:
    study = in_two_processes(f"sqlite:///{tmp_path}/study.db")
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 16


def test_workers_that_make_one_sqlite_study_at_once_all_get_it(tmp_path: Path) -> None:
    barrier, names = threading.Barrier(4), []

    def work() -> None:
        barrier.wait()
        study = open_study("s", f"sqlite:///{tmp_path}/study.db")
        assert isinstance(study.sampler, QKDSampler)
        names.append(study.study_name)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["s"] * 4  # with optuna.create_study three of four end in an IntegrityError or OperationalError
    begun = time.monotonic()
    with pytest.raises(Exception, match="unable to open"):
        open_study("s", f"sqlite:///{tmp_path}/nowhere/study.db")
    assert time.monotonic() - begun < 5  # it is no race


@pytest.fixture
def postgres() -> Iterator[str]:
    """A server of Debian's package on a socket in a folder of its own: pytest keeps its folders to their owner."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not binaries:
        pytest.skip("PostgreSQL is not installed: nothing was tried on it. Debian: apt-get install postgresql")
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed: pip install psycopg2-binary")
    home = Path(tempfile.mkdtemp(prefix="qkdflow-postgres-"))
    folder, data = binaries[-1].parent, home / "data"
    user: dict[str, Any] = {}
    if os.getuid() == 0:  # the server refuses root
        shutil.chown(home, "postgres")
        user = {"user": "postgres"}
    run = {"check": True, "capture_output": True, "cwd": home, **user}
    subprocess.run([folder / "initdb", "-D", data, "-U", "postgres", "-A", "trust"], **run)
    options = f"-c listen_addresses='' -k {home}"
    subprocess.run([folder / "pg_ctl", "-D", data, "-w", "-l", home / "log", "-o", options, "start"], **run)
    try:
        yield f"postgresql+psycopg2://postgres@/postgres?host={home}"
    finally:
        subprocess.run([folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **run)
        shutil.rmtree(home)


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("sh") is None, reason="Debian's paths")
def test_two_processes_share_one_postgresql_study(postgres: str) -> None:
    study = in_two_processes(postgres)
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 16
    assert len({str(t.params) for t in study.trials}) >= 15


@pytest.mark.parametrize(
    "storage",
    [
        "postgresql+psycopg2://me:s3cret@127.0.0.1:9/nothing-listens",
        "postgrsql://me:s3cret@127.0.0.1/a-dialect-that-is-none",
        "me:s3cret@127.0.0.1",
        "sqlite://me:s3cret@127.0.0.1/study.db",
        "postgresql+psycopg2://me:s3cret@127.0.0.1:not-a-port/study",
        "postgresql+psycopg2://me:s3cret@127.0.0.1:9/study?no_such_option=1",
        "postgresql+psycopg2://127.0.0.1:9/study?user=me&password=s3cret",
        "postgresql+psycopg2://me:an@s3cret@127.0.0.1:9/study",
        "postgresql+psycopg2://me:an@s3cret?x@127.0.0.1:9/study",
        "postgresql+psycopg2://me:an@x?s3cret=y@127.0.0.1:9/study",
    ],
)
def test_a_study_that_cannot_be_opened_keeps_its_password(storage: str) -> None:
    import traceback

    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever Optuna, SQLAlchemy or the driver raise
        open_study("s", storage, attempts=1)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_only_a_bare_at_in_a_password_is_refused(tmp_path: Path) -> None:
    for storage in (
        "postgresql://me:an@s3cret@host/study",
        "postgresql://me@site:a?n@s3cret/b@host/study",
        "postgresql://me:an@s3?cret@host/study",
    ):
        with pytest.raises(ConfigError, match=r"study 's': .* Write every other @ as %40$") as caught:
            open_study("s", storage)
        assert "s3cret" not in str(caught.value)
    with pytest.raises(Exception) as other:  # noqa: PT011 - the driver's: nothing listens there
        open_study("s", "postgresql+psycopg2://me@site:an%40o?her@127.0.0.1:9/study?user=me%40site", attempts=1)
    assert not isinstance(other.value, ConfigError)
    folder = tmp_path / "me:a@b@c"
    folder.mkdir()
    assert open_study("s", f"sqlite:///{folder}/study.db").study_name == "s"
