"""The line in a run directory: resuming, determinism, refusals. Small budgets, no compiler: test_main_job has it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from qkdflow import Key, _core, hypermodels, load_run, reference, stages, workflow
from qkdflow.config import BUDGETS, RunConfig
from qkdflow.datasets import psd
from qkdflow.errors import ConfigError, DataError, ToolError
from qkdflow.export import csim, unrolling
from qkdflow.export.hls import HlsConfig
from qkdflow.files import write_json
from qkdflow.hardware import simulated
from qkdflow.hardware.estimator import estimate
from qkdflow.models import History
from qkdflow.runs import _keys, open_run
from qkdflow.summary import estimate_part
from qkdflow.tune import HyperParameters
from qkdflow.tune.journal import has_results

TINY = replace(
    BUDGETS["quick"],
    samples=800,
    teacher_trials=2,
    teacher_trial_epochs=2,
    teacher_epochs=3,
    student_trials=3,
    student_trial_epochs=3,
    student_epochs=5,
    student_restarts=2,
    baseline_epochs=2,
    least_steps=0,
)
PSD = RunConfig("psd", seed=3, max_parameters=400)


def make_small(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(BUDGETS, "quick", TINY)
    for module in (workflow, simulated):
        patch.setattr(module, "compiler_problem", lambda *_: "the test has no compiler")
    patch.setattr(workflow.baselines, "boosted_trees", lambda data, seed: None)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    plain = json.loads(json.dumps(report))
    plain.pop("timings")
    plain["assessment"].pop("seconds")
    return plain


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One undisturbed run, for the tests that only look."""
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        path = tmp_path_factory.mktemp("run") / "psd"
        return path, workflow.run(PSD, path)


def test_the_report_says_what_was_done_and_what_was_not(whole: tuple[Path, dict[str, Any]]) -> None:
    path, report = whole
    assert report["hls"]["not_run"] == "the test has no compiler"
    assert report["assessment"]["mismatches"] == 0
    assert "reference" in report["assessment"]["device"]
    assert report["float_vs_fixed"]["exact_mismatches"] == 0
    assert report["student"]["parameters"] <= 400
    assert report["student"]["sparsity"] >= 0.2
    assert report["compression_ratio"] == report["teacher"]["parameters"] / report["student"]["parameters"]
    assert set(report["timings"]) >= {"dataset", "teacher_search", "teacher", "student_search", "student", "hls"}
    assert "<svg" in (path / "report.html").read_text()
    assert json.loads((path / "report.json").read_text()) == json.loads(json.dumps(report))


def test_a_run_gives_its_artefacts_back(whole: tuple[Path, dict[str, Any]]) -> None:
    path, report = whole
    run = load_run(path)
    x, y = run.dataset.test
    assert run.report == json.loads(json.dumps(report))
    assert np.mean(run.fixed.predict(x).argmax(axis=1) == y) == report["student"]["accuracy_test"]
    assert np.mean(run.teacher.logits(x).argmax(axis=1) == y) == report["teacher"]["accuracy_test"]
    np.testing.assert_array_equal(run.student.exact_logits(x), run.fixed.predict(x))
    codes = run.fixed.input_type.encode(x)
    np.testing.assert_array_equal(reference.run(run.fixed, codes), run.fixed.run(codes))


def test_every_trial_of_the_student_search_obeys_the_limit(whole: tuple[Path, dict[str, Any]]) -> None:
    trials = whole[1]["student_search"]["trials"]
    assert len(trials) == TINY.student_trials
    assert all(t["parameters"] <= 400 for t in trials)


def test_the_test_part_is_not_trained_or_chosen_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every array that reaches `fit` is of the train or validation part."""
    seen: list[np.ndarray] = []
    fit = stages.Model.fit

    def watched(self: Any, x: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        seen.extend([np.asarray(x), np.asarray(args[2][0])])
        return fit(self, x, y, *args, **kwargs)

    monkeypatch.setattr(stages.Model, "fit", watched)
    workflow.run(PSD, tmp_path / "r")
    test = {row.tobytes() for row in load_run(tmp_path / "r").dataset.test.x}
    allowed = {
        row.tobytes() for part in ("train", "valid") for row in getattr(load_run(tmp_path / "r").dataset, part).x
    }
    rows = {row.tobytes() for x in seen for row in x}
    assert rows
    assert rows <= allowed
    assert not rows & (test - allowed)


def test_same_seed_same_report_at_one_and_two_threads(whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    _core.set_threads(2)
    try:
        again = workflow.run(PSD, tmp_path / "again")
    finally:
        _core.set_threads(1)
    assert without_times(again) == without_times(whole[1])
    other = workflow.run(replace(PSD, seed=4), tmp_path / "other")
    assert without_times(other) != without_times(whole[1])


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


def test_a_saved_teacher_takes_the_searchs_place(whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    report = workflow.run(replace(PSD, teacher=str(whole[0] / "03_teacher")), tmp_path / "r")
    assert report["teacher"]["accuracy_test"] == whole[1]["teacher"]["accuracy_test"]
    assert "teacher_search" not in report


def test_a_teacher_that_does_not_fit_the_data_is_refused(whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    rows = "\n".join(f"{i % 7},{(i * 3) % 11},{i % 2}" for i in range(60))
    (tmp_path / "two.csv").write_text(f"a,b,class\n{rows}\n")
    config = RunConfig(str(tmp_path / "two.csv"), teacher=str(whole[0] / "03_teacher"))
    with pytest.raises(ConfigError, match=r"--teacher.* must take \(2,\).*it takes \(30,\)"):
        workflow.run(config, tmp_path / "r")


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


def test_a_limit_that_no_student_meets_is_said_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"--max-parameters.*at least 39"):
        workflow.run(replace(PSD, max_parameters=20), tmp_path / "r")
    monkeypatch.setattr(stages, "untrained", lambda *_: None)
    monkeypatch.setattr(stages.Constraints, "refusals", lambda *_, **__: ["too much"])
    with pytest.raises(ConfigError, match=r"--constraints\] must be met by some student; got {'lut': 0.1}"):
        workflow.run(replace(PSD, constraints={"lut": 0.1}), tmp_path / "r")
    with pytest.raises(ConfigError, match=r"TeacherCNN\] needs images"):
        workflow.run(replace(PSD, teacher_network={"kind": "cnn"}), tmp_path / "r")
    assert not (tmp_path / "r" / "01_baselines").exists()


def test_the_report_estimates_the_project_as_it_is_built(whole: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    path, report = whole
    assert report["estimate"] == json.loads(json.dumps(estimate(path, board="pynq-z2").to_dict()))
    shutil.copytree(path, tmp_path / "r")
    hls = replace(PSD.hls, strategy="Unrolled", reuse_factor=2)
    assert "unrolled" in estimate_part(replace(PSD, hls=hls), load_run(path).fixed)["not_run"]


def test_a_wrong_reuse_factor_costs_no_search(
    whole: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(whole[0], tmp_path / "r")
    monkeypatch.setattr(stages.recipe, "fit", lambda *a, **k: pytest.fail("trained again"))
    hls = PSD.hls
    with pytest.raises(ConfigError, match=r"got 7919 for fc1 .* 7919 for output .*same --out keeps the training"):
        workflow.run(replace(PSD, hls=replace(hls, strategy="Resource", reuse_factor=7919)), tmp_path / "r")
    report = workflow.run(replace(PSD, hls=replace(hls, strategy="Resource", reuse_factor=1)), tmp_path / "r")
    assert report["hls"]["strategy"] == "Resource"


@pytest.mark.parametrize(("strategy", "factor"), [("Resource", 7919), ("Unrolled", 1), ("Resource", {"fc9": 2})])
def test_a_wrong_reuse_factor_is_said_before_the_last_training(
    monkeypatch: pytest.MonkeyPatch, strategy: str, factor: int | dict[str, int]
) -> None:
    """Layers have their sizes when the search has ended."""
    data = psd.simulate(Key(1), 200)
    build = stages.student_family(data, PSD)
    monkeypatch.setattr(stages, "_best", lambda _: HyperParameters(hypermodels.least_values(build)))
    stages.check_project(data, None, PSD)  # type: ignore[arg-type]
    wrong = replace(PSD, hls=HlsConfig(strategy=strategy, reuse_factor=factor))
    with pytest.raises(ConfigError, match="same --out keeps the training"):
        stages.check_project(data, None, wrong)  # type: ignore[arg-type]


def test_what_vivado_hls_cannot_unroll_is_said_before_the_last_training(monkeypatch: pytest.MonkeyPatch) -> None:
    data = psd.simulate(Key(1), 200)
    family = stages.student_family(data, PSD)
    monkeypatch.setattr(stages, "_best", lambda _: HyperParameters(hypermodels.least_values(family)))
    monkeypatch.setattr(unrolling, "UNROLL_LIMIT", 10)  # students are small
    vivado = HlsConfig("VivadoAccelerator", board="pynq-z2")
    with pytest.raises(ConfigError, match=r"fc1 must have at most 10 products .* same --out keeps the training"):
        stages.check_project(data, None, replace(PSD, hls=vivado))  # type: ignore[arg-type]
    stages.check_project(data, None, PSD)  # type: ignore[arg-type]


def test_intels_backends_are_run_where_nothing_is_estimated(
    whole: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """oneAPI's projects are compiled by Intel's tool alone: the rest of the line goes on without csim."""
    shutil.copytree(whole[0], tmp_path / "r")
    for module in (workflow, simulated):
        monkeypatch.setattr(module, "compiler_problem", csim.compiler_problem)
    report = workflow.run(replace(PSD, hls=HlsConfig("oneAPI")), tmp_path / "r")
    assert report["hls"]["part"] == "Arria10"
    assert report["assessment"]["mismatches"] == 0
    assert "icpx" in report["hls"]["not_run"]


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


def test_a_student_whose_loss_is_no_number_never_wins() -> None:
    def trained(loss: float, accuracy: float) -> stages.Trained:
        history = History({"loss": [loss], "val_accuracy": [accuracy]})
        return stages.Trained(None, history)  # type: ignore[arg-type]

    bad, good = trained(float("nan"), 0.99), trained(0.1, 0.6)
    assert max([bad, good], key=stages._rank) is good
    with pytest.raises(DataError, match=r"student.*NaN"):
        stages._sound(bad, None, "student")  # type: ignore[arg-type]


def test_a_diverged_restart_is_not_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where constraints are scored; its weights are NaN, which no integers hold."""
    data, config = psd.simulate(Key(1), 200), replace(PSD, constraints={"lut": 1.0})
    model = stages.student_family(data, config)(HyperParameters(), Key(1))
    good = stages.Trained(model, History({"loss": [0.1], "val_accuracy": [0.6]}))
    bad = stages.Trained(None, History({"loss": [float("nan")], "val_accuracy": [0.9]}))  # type: ignore[arg-type]
    made = iter([bad, good])
    monkeypatch.setattr(stages, "_student", lambda *_: next(made))
    monkeypatch.setattr(stages, "_best", lambda _: HyperParameters())
    assert stages.train_student(data, None, None, config, Key(1)) is good  # type: ignore[arg-type]


def image_tree(root: Path) -> Path:
    """Grey images of 12 x 12: a bright bar, upright or lying, anywhere."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 60), ("test", 20)):
        for label in ("lying", "upright"):
            (root / part / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 60, (12, 12), np.uint8)
                row, column = rng.integers(1, 6, 2)
                pixels[row : row + 5, column + 2] = 220
                turned = pixels if label == "upright" else pixels.T
                Image.fromarray(turned).save(root / part / label / f"{i}.png")
    return root


def test_images_walk_the_line_with_convolutions_and_without(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "bars")
    small = {"kind": "cnn", "convolutions": 2, "pool_every": 1, "dense": 1}
    config = RunConfig(
        str(root),
        sparsity=0.4,
        max_parameters=700,
        transport="axi_dma",
        hls=HlsConfig(io_type="io_stream"),
        teacher_network={**small, "kernels": [4, 8, 4]},
        student_network={**small, "batch_normalization": False},
        effort={"least_steps": 20, "train_rows": 80, "student_restarts": 1},
    )
    report = workflow.run(config, tmp_path / "r")
    assert report["dataset"]["split"] == {"train": 80, "valid": 14, "test": 40}
    assert "80 rows of the train part" in report["dataset"]["source"]
    assert (report["assessment"]["samples"], report["assessment"]["mismatches"]) == (40, 0)
    assert report["float_vs_fixed"]["exact_mismatches"] == 0
    assert report["student"]["sparsity"] >= 0.4
    assert all(t["parameters"] <= 700 for t in report["student_search"]["trials"])
    assert {layer["kind"] for layer in report["student"]["layers"]} >= {"conv", "dense"}
    flat = replace(config, student_network={"kind": "mlp", "widths": [[4, 4, 1]]}, teacher_network={})
    report = workflow.run(flat, tmp_path / "flat")
    assert report["student"]["parameters"] == 144 * 4 + 4 + 4 * 2 + 2
    assert (report["assessment"]["mismatches"], report["float_vs_fixed"]["exact_mismatches"]) == (0, 0)


def test_a_network_of_the_zoo_begins_with_what_it_learned_of_textures(tmp_path: Path) -> None:
    config = RunConfig(
        str(image_tree(tmp_path / "bars")),
        hls=HlsConfig(io_type="io_stream"),
        transport="axi_dma",
        teacher_network={"kind": "zoo", "network": "resnet8"},
        student_network={"kind": "resnet", "blocks": 1, "width": 4},
        effort={"pretext_samples": 112, "pretext_epochs": 1, "teacher_trials": 1, "student_trials": 1},
    )
    report = workflow.run(config, tmp_path / "r")
    assert (report["pretext"]["task"], report["pretext"]["samples"]) == ("textures", 112)
    assert report["assessment"]["mismatches"] == 0
    base = workflow.load_model(tmp_path / "r" / "02_pretext")
    begun = stages._begun(hypermodels.TeacherZoo(load_run(tmp_path / "r").dataset, "resnet8")(HyperParameters()), base)
    own, given = ({n: model.effective(n) for n in model.graph.param_names} for model in (begun, base))
    same = {name for name in own if own[name].shape == given[name].shape and (own[name] == given[name]).all()}
    assert set(own) - same == {"conv2d/kernel", "dense/kernel", "dense/bias"}


def test_a_changed_file_below_a_folder_is_noticed(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "bars")
    before = workflow.file_digest(root)
    assert workflow.file_digest(root) == before
    (root / "train/lying/0.png").rename(root / "train/lying/x.png")
    assert workflow.file_digest(root) != before


def test_a_digest_is_of_what_is_read_through_links_and_not_of_a_run_beside_it(tmp_path: Path) -> None:
    real, root = image_tree(tmp_path / "bars"), tmp_path / "linked"
    root.mkdir()
    for part in ("train", "test"):
        (root / part).symlink_to(real / part)
    before = workflow.file_digest(root)
    assert before == workflow.file_digest(real)
    (root / "README").write_text("where they are from")
    with open_run(root / "r", PSD.to_dict(), workflow._steps(PSD)):
        assert workflow.file_digest(root) == before
    Image.fromarray(np.zeros((12, 12), np.uint8)).save(real / "train/lying/0.png")
    assert workflow.file_digest(root) != before


def test_large_files_are_hashed_in_pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(bytes(range(200)))
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read whole"))
    monkeypatch.setattr(workflow, "_PIECE", 64)
    assert workflow.file_digest(tmp_path / "a.csv") == hashlib.sha256(bytes(range(200))).hexdigest()
