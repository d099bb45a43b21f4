"""Runs side by side: repetitions share a row, estimates stand beside accuracies, bad folders are named."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fixed_models import mlp
from html_page import Page
from qkdflow import Key, cli
from qkdflow.errors import DataError
from qkdflow.overview import COLUMNS, cells, compare, markdown, page
from report_example import example_report


def run(
    folder: Path, accuracy: float = 0.98985, hls: dict[str, Any] | None = None, bits: int = 8, **config: Any
) -> Path:
    """A finished run with an invented report, and a frozen network to estimate."""
    report = example_report()
    report["student"]["accuracy_test"] = accuracy
    report["student"]["bits"] = bits
    report["hls"] |= hls or {}
    report["config"] = {"bits": 8, **config}
    report["seed"] = config.get("seed", 0)
    mlp(Key(0), (30, 15, 4)).save(folder / "06_fixed")
    (folder / "report.json").write_text(json.dumps(report))
    (folder / "report.html").write_text("")
    return folder


def column(row: list[str], name: str) -> str:
    return row[COLUMNS.index(name)]


def test_seeds_of_one_configuration_share_a_row(tmp_path: Path) -> None:
    folders = [run(tmp_path / "a", 0.98, seed=0), run(tmp_path / "b", 0.99, seed=1), run(tmp_path / "c", 0.97, jobs=2)]
    rows = compare(folders)
    assert [len(row.runs) for row in rows] == [2, 1]
    assert column(cells(rows[0]), "OA [%]") == "98.50 ± 0.71"
    assert column(cells(rows[1]), "OA [%]") == "97.00"


def test_the_estimate_is_of_the_part_that_was_asked_for(tmp_path: Path) -> None:
    folder = run(tmp_path / "a")
    own, small = compare([folder])[0], compare([folder], part="xc7a35tcpg236-1")[0]
    assert (own.part, small.part) == ("xc7z020clg400-1", "xc7a35tcpg236-1")
    assert small.share("lut") > own.share("lut") > 0
    assert column(cells(own), "Part") == "xc7z020clg400-1"


def test_a_folder_given_twice_is_one_run(tmp_path: Path) -> None:
    folder = run(tmp_path / "a")
    (row,) = compare([folder, tmp_path / "b" / ".." / "a"])
    assert len(row.runs) == 1


def test_counts_are_medians_and_depthwise_layers_count(tmp_path: Path) -> None:
    folders = [run(tmp_path / name, bits=bits, seed=bits) for name, bits in (("a", 8), ("b", 6), ("c", 6))]
    report = json.loads((folders[0] / "report.json").read_text())
    report["student"]["layers"] = [{"kind": kind} for kind in ("conv", "depthwise_conv", "conv", "dense", "activation")]
    (folders[0] / "report.json").write_text(json.dumps(report))
    (row,) = compare(folders)
    assert column(cells(row), "Bits") == "6"
    assert row.layers == 3  # of 4, 3 and 3
    assert compare(folders[:1])[0].layers == 4


@pytest.mark.parametrize("hls", [{"strategy": "Unrolled"}, {"backend": "Quartus", "part": "Arria10"}])
def test_what_is_not_estimated_is_said(tmp_path: Path, hls: dict[str, Any]) -> None:
    rows = compare([run(tmp_path / "a", hls=hls), run(tmp_path / "b")])
    for name in ("EBOPs", "LUT [%]", "Clocks"):
        assert column(cells(rows[0]), name) == "not estimated"
        assert column(cells(rows[1]), name) != "not estimated"
    assert column(cells(rows[0]), "Part") == hls.get("part", "xc7z020clg400-1")
    assert "runs side by side" in page(rows)
    assert "No run is built" in page(rows[:1])


def test_each_of_several_parts_has_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, chosen = run(tmp_path / "a"), "xc7z020clg400-1,xc7a35tcpg236-1"
    assert cli.main(["report", str(folder), "--part", chosen]) == 0
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:4]]
    assert [column(line, "Part") for line in lines] == chosen.split(",")
    assert float(column(lines[0], "Latency [µs]")) == float(column(lines[0], "Clocks")) * 5e-3
    rows = [row for part in chosen.split(",") for row in compare([folder], part)]
    text = Page(page(rows)).text
    assert "One run" in text  # and not two
    assert text.count("xc7z020clg400-1") == text.count("xc7a35tcpg236-1") == 1


def test_the_page_shows_how_runs_learnt_and_what_is_in_their_layers(tmp_path: Path) -> None:
    html = page(compare([run(tmp_path / "a"), run(tmp_path / "b", bits=6, jobs=2)]))
    for name in ("accuracy-against-parameters", "accuracy-against-estimated-luts", "learning"):
        assert f'id="{name}-figure_1"' in html
    for name in ("confusion", "widths", "weights", "activations"):
        assert [f'id="{name}-{i}-figure_1"' in html for i in range(3)] == [True, True, False]


def test_a_page_of_bare_reports_leaves_out_what_they_do_not_have(tmp_path: Path) -> None:
    folder = run(tmp_path / "a")
    report = json.loads((folder / "report.json").read_text())
    for word in ("history", "confusion_test", "weights", "activations"):
        del report["student"][word]
    (folder / "report.json").write_text(json.dumps(report))
    titles = re.findall("<h2>(.*?)</h2>", page(compare([folder])))
    assert "Learning curves" not in titles
    assert "Confusion" not in titles
    assert titles[-2:] == ["Layer by layer", "Runs"]


def test_the_table_is_markdown(tmp_path: Path) -> None:
    lines = markdown(compare([run(tmp_path / "a|b")])).splitlines()
    assert [line.count(" | ") for line in lines[:3]] == [len(COLUMNS) - 1] * 3
    assert "a\\|b" in lines[2]


def test_the_verb_writes_a_page_that_links_to_the_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = run(tmp_path / "a"), tmp_path / "pages" / "runs.html"
    assert cli.main(["report", str(folder), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"report: {out}\n"
    found: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda name, attrs: found.extend(v or "" for k, v in attrs if k == "href")  # type: ignore[method-assign]
    parser.feed(out.read_text())
    assert "../a/report.html" in found
    assert "<script" not in out.read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "holds no finished run"), ("{}", "is no report of a run"), ('{"hls": 3}', "is no report of a run")],
)
def test_a_folder_without_a_run_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    mlp(Key(0), (30, 15, 4)).save(tmp_path / "06_fixed")
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(DataError, match=message):
        compare([tmp_path])


def test_the_verb_leaves_out_what_is_not_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "runs.html").write_text("")
    names = [str(tmp_path / name) for name in ("a", "b", "runs.html")]
    assert cli.main(["report", *names]) == 0
    captured = capsys.readouterr()
    assert captured.out == markdown(compare(names[:1]))
    assert captured.err == "".join(f"qkdflow: left out: [{name}] holds no finished run\n" for name in names[1:])
    assert cli.main(["report", *names[1:]]) == 2
    assert capsys.readouterr().err.startswith(f"qkdflow: [{names[1]}] holds no finished run")


def test_an_unknown_ending_is_refused_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", "nowhere", "--out", "runs.txt"]) == 2
    assert "must end in .html or .md" in capsys.readouterr().err
