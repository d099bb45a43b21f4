"""The notebooks, cell by cell, on the simulated board."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from conftest import Make

NOTEBOOKS = Path(__file__).parents[2] / "pynq_overlay/notebooks"
KINDS = {"dma": "axi_dma", "comblock": "comblock", "axi_lite": "axi_lite"}


def test_every_flow_has_one() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_notebook(
    make_board: Make, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, bitfile = make_board(KINDS[name])
    monkeypatch.chdir(bitfile.parent)
    mpl.use("Agg")
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    names: dict[str, Any] = {}
    start = time.monotonic()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []  # what is shipped was not run on somebody's machine
            exec(compile("".join(cell["source"]), f"{name}.ipynb", "exec"), names)  # noqa: S102 - it is ours
    assert time.monotonic() - start < 120
    assert names["confusion"].sum() == 40
    out = capsys.readouterr().out
    assert "self-test: every logit of 40 vectors is right" in out
    assert "inferences/s in batches of 40" in out
