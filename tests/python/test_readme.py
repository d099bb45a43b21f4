"""README.md: short, its links lead somewhere; its tables and its picture are what results and scripts make."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
import picture  # type: ignore[import-not-found]  # noqa: E402
import tables  # type: ignore[import-not-found]  # noqa: E402

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_committed_results() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in tables.DOCUMENTS}
    assert set(re.findall(r"<!-- table (\w+) -->", "".join(texts.values()))) == set(tables.TABLES)
    assert [name for name, text in texts.items() if tables.filled(text) != text] == [], "stale: python docs/tables.py"


def test_the_rows_of_every_application_are_those_of_the_committed_results() -> None:
    import results  # type: ignore[import-not-found]  # of tests/bench, which docs/tables.py found

    made = (ROOT / "docs/results/compression.md").read_text(encoding="utf-8")
    assert made == f"{results.HEAD}{results.table()}\n", "stale: python tests/bench/results.py --table"


def test_the_picture_is_what_its_script_draws() -> None:
    assert picture.OUT.read_text(encoding="utf-8") == picture.picture(), (
        "docs/line.svg is stale: python docs/picture.py"
    )
    root = ElementTree.fromstring(picture.picture())  # noqa: S314
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    boxes = root.findall(".//{*}rect")
    assert len(boxes) == len(picture.LINE) + len(picture.LADDER)
    assert max(float(box.attrib["x"]) + float(box.attrib["width"]) for box in boxes) < width
    assert max(float(box.attrib["y"]) + float(box.attrib["height"]) for box in boxes) < height


def test_it_is_short_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) < 200
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(links) > 20
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_a_row_of_the_compression_table(tmp_path: Path) -> None:
    row: dict[str, Any] = {
        "source": "Synthetic: simulated.",
        "teacher": {"parameters": 1000, "accuracy_test": 0.99},
        "student": {
            "parameters": 100,
            "bits": 8,
            "seeds": [{"accuracy_test": a, "sparsity": s} for a, s in ((0.97, 0.3), (0.98, 0.2), (0.96, 0.4))],
        },
        "csim": {"outputs_compared": 4000, "mismatches": 0},
    }
    (tmp_path / "psd.json").write_text(json.dumps(row))
    (line,) = tables.compression(tmp_path).splitlines()[2:]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:6] == ["psd, synthetic", "1,000, 99.00 %", "100", "10.0", "8", "20.0 %"]
    assert cells[6:8] == ["97.00 % (96.00 to 98.00, 3 seeds)", "0 of 4,000"]
    row["csim"] = {"outputs_compared": None, "mismatches": None, "not_run": "no compiler"}
    (tmp_path / "psd.json").write_text(json.dumps(row))
    assert "| not run |" in tables.compression(tmp_path)


def test_the_table_beside_pytorch_is_there_once_it_was_measured(tmp_path: Path) -> None:
    assert "not run to its end" in tables.speed(tmp_path)
    times = {"wall_median_ms": 2.0, "wall_min_ms": 1.0, "cpu_median_ms": 2.0, "cpu_min_ms": 1.0}
    row = {
        "workload": "psd-student-b32",
        "threads": 1,
        "qkdflow": times,
        "torch": {**times, "wall_median_ms": 20.0},
        "torch_compile": None,
        "ratio": {"wall": {"least": 9.0, "median": 10.0, "most": 11.5}, "cpu": {}},
        "memory_mb": {"qkdflow": 30.25, "torch": 400.0},
        "load": 0.5,
    }
    compiled = {**row, "workload": "b", "torch_compile": {**times, "wall_median_ms": 4.0}, "load": 1.5}
    (tmp_path / "train_peers.json").write_text(json.dumps({"rooflines": {}, "results": [row, compiled]}))
    lines = tables.speed(tmp_path).splitlines()
    assert lines[2] == "| psd-student-b32 | 2 | 20 |  | 10.00 | 9.00 to 11.50 | 30.2, 400 |"
    assert lines[3].startswith("| b | 2 | 20 | 4 |")
    assert "1 thread(s), medians, load 0.5 to 1.5" in lines[-1]
