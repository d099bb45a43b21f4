"""The committed notebooks: run from top to bottom, readable as they are, and nobody's machine in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_BYTES = 400_000
MACHINE = re.compile(r"(?<![\w.])/(home|root|tmp|usr|opt|work|var|mnt|Users)/")


def outputs(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (o for cell in notebook["cells"] if cell["cell_type"] == "code" for o in cell["outputs"])


def test_there_are_eleven_and_the_documentation_lists_each() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{n:02}" for n in range(1, 12)]
    table = (ROOT / "docs/seeds.md").read_text()
    assert [path.name for path in NOTEBOOKS if path.name not in table] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_reads_well_unexecuted(path: Path) -> None:
    text = path.read_text()
    notebook = json.loads(text)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert {o["output_type"] for o in outputs(notebook)} <= {"stream", "display_data", "execute_result"}  # no error
    assert [o["text"] for o in outputs(notebook) if o.get("name") == "stderr"] == []
    assert any("image/png" in o.get("data", {}) for o in outputs(notebook))
    assert len(text) < MOST_BYTES
    assert MACHINE.search(text) is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_metadata_of_a_run(path: Path) -> None:
    notebook = json.loads(path.read_text())
    number = path.name[:2]
    assert sorted(notebook["metadata"]) == ["kernelspec", "language_info"]
    assert [cell["id"] for cell in notebook["cells"]] == [f"{number}-{n}" for n in range(len(notebook["cells"]))]
    assert [cell["metadata"] for cell in notebook["cells"]] == [{}] * len(notebook["cells"])
    assert all(o.get("metadata", {}) == {} for o in outputs(notebook))
