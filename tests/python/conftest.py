"""What several files of tests ask for by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qkdflow import workflow
from small_runs import PSD, make_small


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of seconds."""
    make_small(monkeypatch)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One undisturbed run, for the tests that only look."""
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        path = tmp_path_factory.mktemp("run") / "psd"
        return path, workflow.run(PSD, path)
