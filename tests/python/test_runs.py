"""The rule by which a run directory keeps results: what may change, and what would cost a training."""

from __future__ import annotations

from pathlib import Path

import pytest
from qkdflow import runs
from qkdflow.errors import ConfigError
from qkdflow.runs import Step, open_run

CONFIG = {"bits": 8}


def steps(sha256: str = "a", compiler: bool = True) -> list[Step]:
    data = Step("01_dataset", {"sha256": sha256}, remade_for=None)
    return [data, Step("02_search", {}), Step("07_hls", {"compiler": compiler}, remade_for=("hls",))]


def walk(path: Path, *stages: str, **changed: object) -> list[str]:
    """What was computed of these stages."""
    with open_run(path, CONFIG, steps(**changed)) as run:  # type: ignore[arg-type]
        for name in stages:
            run.stage(name, lambda folder: None, lambda folder: None)
        return run.made


def test_a_changed_data_file_does_not_cost_a_training(tmp_path: Path) -> None:
    assert walk(tmp_path, "01_dataset") == ["01_dataset"]
    assert walk(tmp_path, "01_dataset", "02_search", sha256="b") == ["01_dataset", "02_search"]
    with pytest.raises(ConfigError, match=r"a file has changed since\. Its 02_search would be lost\. Choose another"):
        walk(tmp_path, "01_dataset", sha256="c")
    assert walk(tmp_path, "01_dataset", "02_search", sha256="b") == []


def test_a_new_version_does_not_cost_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk(tmp_path, "01_dataset", "02_search")
    was = runs.version("qkdflow")
    monkeypatch.setattr(runs, "version", lambda name: "9.9")
    with pytest.raises(ConfigError, match=rf"another version of qkdflow, {was}; this is 9\.9\. Its 02_search would"):
        walk(tmp_path, "01_dataset")


def test_a_compiler_that_is_there_now_makes_the_project_anew(tmp_path: Path) -> None:
    walk(tmp_path, "01_dataset", "02_search", "07_hls", compiler=False)
    assert walk(tmp_path, "01_dataset", "02_search", "07_hls") == ["07_hls"]


def test_what_a_killed_write_left_goes(tmp_path: Path) -> None:
    walk(tmp_path, "01_dataset")
    left = [tmp_path / ".report.json.12-34.tmp", tmp_path / "01_dataset" / ".stage.json.12-34.tmp"]
    kept = tmp_path / "01_dataset" / ".of another.tmp"
    for path in [*left, kept]:
        path.touch()
    assert walk(tmp_path, "01_dataset") == []
    assert [path.exists() for path in [*left, kept]] == [False, False, True]


def test_a_stage_that_was_killed_at_its_very_end_looks_like_any_other(tmp_path: Path) -> None:
    walk(tmp_path, "01_dataset")
    (tmp_path / "01_dataset" / "begun.json").write_text('{"key": "that of the stage"}')
    assert walk(tmp_path, "01_dataset") == []
    assert [p.name for p in (tmp_path / "01_dataset").iterdir()] == ["stage.json"]
