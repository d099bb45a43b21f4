"""Every notebook, run in its fast mode; tests/python/test_notebook_files.py looks at the committed files."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from execute import notebooks, run

SECONDS = 60  # of CPU, all threads and the compiler included: more than a quiet machine's clock shows


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_it_runs(path: Path, tmp_path: Path) -> None:
    before = cpu_seconds()
    done = run(path, tmp_path, fast=True)  # an exception in a cell is one here
    used = cpu_seconds() - before
    print(f"{path.stem}: {used:.1f} CPU seconds")
    said = [o for cell in done.cells if cell.cell_type == "code" for o in cell.outputs]
    assert [o.text for o in said if o.output_type == "stream" and o.name == "stderr"] == []  # warnings too
    assert any("image/png" in o.get("data", {}) for o in said)
    assert used < SECONDS
