"""What the README promises of its first command, end to end with the compiler: `qkdflow run psd`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qkdflow import load_run
from qkdflow.export.csim import compiler_problem, load_csim

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
import tour  # type: ignore[import-not-found]  # noqa: E402


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("main job") / "psd"  # with a space
    command = [sys.executable, "-m", "qkdflow.cli", "run", "psd", "--out", str(out)]
    return out, subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)


@pytest.fixture(scope="module")
def report(job: tuple[Path, subprocess.CompletedProcess[str]]) -> dict[str, Any]:
    return dict(json.loads((job[0] / "report.json").read_text()))


def test_it_ends_well_and_prints_a_table(job: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, done = job
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no terminal, no progress
    assert "compression" in done.stdout
    assert str(out / "report.html") in done.stdout
    assert sorted(p.name for p in out.iterdir() if p.is_dir()) == [
        "01_baselines",
        "01_dataset",
        "02_teacher_search",
        "03_teacher",
        "04_student_search",
        "05_student",
        "06_fixed",
        "07_hls",
        "08_overlay",
        "09_assessment",
    ]


def test_the_student_is_small_sparse_and_good(report: dict[str, Any]) -> None:
    student, teacher = report["student"], report["teacher"]
    assert student["parameters"] <= 529
    assert student["bits"] == 8
    assert student["sparsity"] >= 0.2
    assert report["baselines"]["linear"]["accuracy_test"] < 0.97
    assert teacher["accuracy_test"] > 0.985
    assert student["accuracy_test"] > 0.98
    assert report["float_vs_fixed"]["exact_mismatches"] == 0


@pytest.mark.skipif(compiler_problem() is not None, reason=f"csim: {compiler_problem()}")
def test_csim_and_the_device_agree_on_the_whole_test_part(
    job: tuple[Path, subprocess.CompletedProcess[str]], report: dict[str, Any]
) -> None:
    test = report["dataset"]["split"]["test"]
    assert (report["hls"]["outputs_compared"], report["hls"]["mismatches"]) == (4 * test, 0)
    assert (report["assessment"]["samples"], report["assessment"]["mismatches"]) == (test, 0)
    assert report["assessment"]["accuracy"] == report["student"]["accuracy_test"]
    run = load_run(job[0])
    csim = load_csim(run.hls)
    raw = np.floor(np.linspace(0, 255, 300)).reshape(10, 30)  # not of the data set
    np.testing.assert_array_equal(csim.predict(raw), run.fixed.predict(raw))


def test_the_readmes_python_runs(
    job: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = (ROOT / "README.md").read_text()
    code = readme.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "psd").symlink_to(job[0])
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - it is ours
    test = names["run"].dataset.test
    assert np.mean(names["logits"].argmax(axis=1) == test.y) > 0.95
    assert names["fixed"].sparsity >= 0.5


@pytest.mark.skipif(compiler_problem() is not None, reason=f"csim: {compiler_problem()}")
def test_the_tour_shows_what_its_commands_print(
    job: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Twenty seconds: a second search and two C simulations; its first command finds the main job done."""
    shutil.copytree(job[0], tmp_path / "runs" / "psd")
    page = tour.PAGE.read_text(encoding="utf-8")
    assert tour.missing(page, tour.walked(page, tmp_path)) == [], "docs/tour.md is stale: python docs/tour.py"
    assert page.count("\n$ ") + page.count("\n>>> ") > 25
    assert tour.missing(page, page.replace("mismatches", "")) == ["mismatches"]
