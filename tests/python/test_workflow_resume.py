"""A run that was stopped, or whose settings changed, goes on: what is kept, made anew or refused."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from qkdflow import load_run, stages, workflow
from qkdflow.config import RunConfig
from qkdflow.errors import ConfigError, DataError, ToolError
from qkdflow.export.hls import HlsConfig
from qkdflow.files import write_json
from qkdflow.models.training import Augmentation
from qkdflow.runs import _keys, open_run
from qkdflow.tune.journal import has_results
from small_runs import PSD, TINY, without_times

pytestmark = pytest.mark.usefixtures("small")


@pytest.mark.parametrize("moment", range(0, 9, 2))
def test_a_stopped_run_goes_on_and_ends_with_the_same_bits(
    whole: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, moment: int
) -> None:
    """Stopped in the `moment`-th training (baseline, two searches, teacher, students), started again."""
    real, calls = stages.recipe.fit, []

    def stopping(limit: int | None) -> Callable[..., Any]:
        def fit(*args: Any, **kwargs: Any) -> Any:
            calls.append(1)
            if limit is not None and len(calls) > limit:
                raise KeyboardInterrupt
            return real(*args, **kwargs)

        return fit

    monkeypatch.setattr(stages.recipe, "fit", stopping(moment))
    with pytest.raises(KeyboardInterrupt):
        workflow.run(PSD, tmp_path / "r")
    assert not (tmp_path / "r" / "report.json").exists()
    stopped = len(calls) - 1
    monkeypatch.setattr(stages.recipe, "fit", stopping(None))
    assert without_times(workflow.run(PSD, tmp_path / "r")) == without_times(whole[1])
    total = 1 + TINY.teacher_trials + 1 + TINY.student_trials + TINY.student_restarts
    lost_restarts = max(0, stopped - (total - TINY.student_restarts))  # of the stage that was stopped
    assert len(calls) - 1 == total + lost_restarts


def test_a_finished_run_computes_nothing_again(
    whole: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("trained again")

    monkeypatch.setattr(stages.recipe, "fit", never)
    assert without_times(workflow.run(PSD, whole[0])) == without_times(whole[1])


def test_what_a_board_measured_stays_as_long_as_its_hand_over(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    shutil.copytree(whole[0], tmp_path / "r")
    board = {**whole[1]["assessment"], "device": "a board"}
    write_json(tmp_path / "r" / "report.json", {**whole[1], "board": board})
    assert workflow.run(PSD, tmp_path / "r")["board"] == json.loads(json.dumps(board))
    assert "a board" in (tmp_path / "r" / "report.html").read_text()
    assert "board" not in workflow.run(replace(PSD, hls=HlsConfig(clock_ns=8.0)), tmp_path / "r")


def test_other_settings_foreign_folders_and_files_are_refused(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="bits is 8 there and 6 here"):
        workflow.run(replace(PSD, bits=6), whole[0])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("do not lose me")
    with pytest.raises(ConfigError, match="no run of qkdflow"):
        workflow.run(PSD, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "do not lose me"
    with pytest.raises(ConfigError, match="must be a directory"):
        workflow.run(PSD, tmp_path / "mine" / "thesis.tex")


def test_settings_may_be_corrected_while_nothing_was_trained(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    for wrong in (replace(PSD, seed=8, max_parameters=20), replace(PSD, teacher=str(whole[0]))):
        with pytest.raises((ConfigError, DataError)):
            workflow.run(wrong, tmp_path / "r")
    assert without_times(workflow.run(PSD, tmp_path / "r")) == without_times(whole[1])


def test_settings_may_be_changed_before_what_depends_on_them(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the student while there is none; once a trial has ended they would cost it."""
    real, done, stop = stages.recipe.fit, [], [0]

    def fit(*args: Any, **kwargs: Any) -> Any:
        done.append(1)
        if len(done) == stop[0]:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(stages.recipe, "fit", fit)
    before_students = 1 + TINY.teacher_trials + 1
    for config, stop[0] in ((replace(PSD, bits=6), before_students + 1), (PSD, 2 + 1)):
        with pytest.raises(KeyboardInterrupt):
            workflow.run(config, tmp_path / "r")
        done.clear()
    stop[0] = 0
    journal = tmp_path / "r" / "04_student_search" / "journal.jsonl"
    assert has_results(journal)
    for change in ({"bits": 6}, {"effort": {"student_trials": 4}}, {"effort": {"least_steps": 9}}):
        with pytest.raises(ConfigError, match=r"(bits is 8 there and 6 here|effort).* Its 0.* would be lost"):
            workflow.run(replace(PSD, **change), tmp_path / "r")  # type: ignore[arg-type]
    assert has_results(journal)
    assert without_times(workflow.run(PSD, tmp_path / "r")) == without_times(whole[1])
    assert len(done) == TINY.student_trials - 2 + TINY.student_restarts


def test_a_project_of_another_kind_is_made_anew_unless_students_were_scored_by_it(tmp_path: Path) -> None:
    limited, stages_of = replace(PSD, constraints={"lut": 0.5}), ("04_student_search", "07_hls")
    for config, lost in ((PSD, None), (limited, "04_student_search")):
        steps = workflow._steps(config)
        with open_run(tmp_path / str(lost), config.to_dict(), steps) as run:
            for name in stages_of:
                run.stage(name, lambda _: None, lambda _: None)
        other = replace(config, hls=replace(config.hls, reuse_factor=2))
        refused = nullcontext() if lost is None else pytest.raises(ConfigError, match=f"Its {lost} would be lost")
        with refused, open_run(tmp_path / str(lost), other.to_dict(), workflow._steps(other)):
            pass


OTHERS: dict[str, Any] = {
    "data": "gamma-neutron",
    "label": "kind",
    "seed": 4,
    "bits": 7,
    "sparsity": 0.5,
    "max_parameters": 300,
    "teacher": "a saved one",
    "jobs": 2,
    "transport": "axi_dma",
    "hls": HlsConfig(clock_ns=8.0),
    "digits": 2,
    "constraints": {"lut": 0.5},
    "cost": "lut",
    "image_size": (8, 8),
    "teacher_network": {"kind": "mlp"},
    "student_network": {"kind": "mlp", "learning_rate": 0.001},
    "augmentation": Augmentation(flip=True),
}


def test_every_setting_is_one_that_a_stage_depends_on(whole: tuple[Path, dict[str, Any]]) -> None:
    def keys(config: RunConfig) -> dict[str, str]:
        return _keys(workflow._steps(config))

    own = keys(PSD)
    means = {"budget", "application", "effort"}  # of Budget's fields
    assert {f.name for f in fields(RunConfig)} == {*OTHERS, *means}
    for name, value in OTHERS.items():
        assert keys(replace(PSD, **{name: str(whole[0] / "03_teacher") if name == "teacher" else value})) != own, name
    every = replace(PSD, teacher_network={"kind": "zoo"}, effort={"pretext_samples": 9})  # whose teachers learn twice
    for name in (f.name for f in fields(TINY)):
        more = {**every.effort, name: getattr(every.work, name) + 1}
        assert keys(replace(every, effort=more)) != keys(every), name
    late = keys(replace(PSD, hls=HlsConfig(clock_ns=8.0)))
    assert {name for name in own if own[name] != late[name]} == {"07_hls", "08_overlay", "09_assessment"}
    aside = keys(replace(PSD, effort={"baseline_epochs": 9}))
    assert {name for name in own if own[name] != aside[name]} == {"01_baselines"}


def test_a_report_does_not_outlive_what_it_speaks_of(tmp_path: Path) -> None:
    def stop(folder: Path) -> None:
        raise KeyboardInterrupt

    overlays = (PSD, replace(PSD, transport="axi_dma"))  # which costs no training: taken without a question
    for config, compute in zip(overlays, (lambda _: None, stop), strict=True):
        with (
            open_run(tmp_path, config.to_dict(), workflow._steps(config)) as run,
            suppress(KeyboardInterrupt),
        ):
            run.stage("08_overlay", compute, lambda _: None)
            (tmp_path / "report.json").write_text("{}")
    assert not (tmp_path / "report.json").exists()


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    with (
        pytest.raises(ToolError, match=r"must allow locks: No locks available. Choose a folder on a local disk"),
        open_run(tmp_path, PSD.to_dict(), workflow._steps(PSD)),
    ):
        pass


def test_a_second_process_in_one_run_directory_is_refused(tmp_path: Path) -> None:
    with (
        open_run(tmp_path / "r", PSD.to_dict(), workflow._steps(PSD)),
        pytest.raises(ConfigError, match="another process"),
    ):
        workflow.run(PSD, tmp_path / "r")


def test_a_disk_that_fills_is_reported_and_nothing_finished_is_lost(
    whole: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = os.replace

    def full(src: Any, dst: Any) -> None:
        if "05_student" in str(dst) and "model" in str(dst):
            raise OSError(28, "No space left on device")
        real(src, dst)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(ToolError, match="No space left on device"):
            workflow.run(PSD, tmp_path / "r")
    assert (tmp_path / "r" / "04_student_search" / "stage.json").exists()
    assert without_times(workflow.run(PSD, tmp_path / "r")) == without_times(whole[1])


def test_an_unfinished_run_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run"):
        load_run(tmp_path)


def test_a_baseline_that_can_now_be_computed_costs_no_search(
    whole: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(whole[0], tmp_path / "r")
    real, calls = stages.recipe.fit, []
    monkeypatch.setattr(stages.recipe, "fit", lambda *a, **k: (calls.append(1), real(*a, **k))[1])
    there = workflow.find_spec("sklearn") is not None
    monkeypatch.setattr(workflow, "find_spec", lambda _: None if there else True)
    assert without_times(workflow.run(PSD, tmp_path / "r")) == without_times(whole[1])
    assert len(calls) == 1  # the linear classifier, which stands beside the trees


@pytest.mark.parametrize("stage", ["04_student_search", "05_student"])
def test_scores_by_an_estimate_depend_on_what_is_estimated(stage: str) -> None:
    def depends(config: RunConfig) -> dict[str, Any]:
        return next(step.depends for step in workflow._steps(config) if step.name == stage)

    slow = HlsConfig(clock_ns=8.0)
    assert depends(PSD) == depends(replace(PSD, hls=slow))
    limited = replace(PSD, constraints={"lut": 0.5})
    assert depends(limited) != depends(replace(limited, hls=slow))


def test_what_a_cut_write_leaves_does_not_block_a_run(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / ".run.json.12-34.tmp").write_text("{")
    with open_run(tmp_path / "r", PSD.to_dict(), workflow._steps(PSD)):
        assert (tmp_path / "r" / "run.json").exists()


def test_damaged_bookkeeping_is_named(tmp_path: Path) -> None:
    with open_run(tmp_path / "r", PSD.to_dict(), workflow._steps(PSD)):
        pass
    (tmp_path / "r" / "run.json").write_text("[]")
    with pytest.raises(DataError, match=r"run\.json.*damaged"):
        workflow.run(PSD, tmp_path / "r")
