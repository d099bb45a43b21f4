"""The line in a run directory: reports, determinism, refusals. Small budgets, no compiler: test_main_job has it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qkdflow import Key, _core, hypermodels, load_run, reference, stages, workflow
from qkdflow.config import RunConfig
from qkdflow.datasets import psd
from qkdflow.errors import ConfigError, DataError
from qkdflow.export import csim, unrolling
from qkdflow.export.hls import HlsConfig
from qkdflow.hardware import simulated
from qkdflow.hardware.estimator import estimate
from qkdflow.models import History
from qkdflow.summary import estimate_part
from qkdflow.tune import HyperParameters
from small_runs import PSD, TINY, without_times

pytestmark = pytest.mark.usefixtures("small")


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


def test_the_search_chooses_each_layers_bits() -> None:
    few = {"samples": 400, "student_trials": 2, "student_restarts": 1}
    config = RunConfig("psd", bits=(3, 6), effort=few)
    data, key = stages.dataset(config), Key(1)
    logits = np.eye(4, dtype=np.float32)[data.train.y]
    study = stages.search_student(data, logits, config, key)
    assert study.best is not None
    fixed = stages.freeze(stages.train_student(data, logits, study, config, key).model)
    widths = [layer.weight_type.bits for layer in fixed.dense]
    names = ("fc1", "fc2", "output") if len(widths) == 3 else ("fc1", "output")
    assert widths == [study.best.hp.get(f"bits_{name}") for name in names]
    assert 3 <= min(widths) <= max(widths) <= 6


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
