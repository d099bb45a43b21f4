from __future__ import annotations

import io
import subprocess
import sys

import pytest
from qkdflow.terminal import stdout, summary_table
from report_example import estimated, example_report
from rich.console import Console
from rich.table import Table


def _console(width: int) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=width, color_system=None), text


@pytest.mark.parametrize("width", [40, 60, 100])
def test_the_summary_fits_its_terminal(width: int) -> None:
    console, text = _console(width)
    report = example_report()
    report["baselines"]["linear"]["accuracy_test"] = 0.999
    console.print(summary_table(report, width))
    lines = text.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    words = " ".join(text.getvalue().split())
    for value in ("529", "16,352", "98.98", "20.39", "30.91", "0 mismatches in 80,000"):
        assert value in words
    assert "The student (98.98 %) does not beat the linear classifier (99.90 %)." in words
    rows = {line[:8].strip(): line for line in lines}
    assert rows["student"].index("98.98") == rows["teacher"].index("99.67")


def test_the_summary_of_a_run_without_compiler_says_so() -> None:
    console, text = _console(100)
    report = example_report()
    report["hls"] = {"not_run": "there is no C++ compiler"}
    report["estimate"] = estimated(1.08, "does not fit")
    report["dataset"]["name"] = "[bold]odd"
    console.print(summary_table(report))
    assert "HLS code     not run" in text.getvalue()
    assert "because there is no C++ compiler." in text.getvalue()
    assert "[bold]odd" in text.getvalue()
    assert "does not fit: LUT 30.0 %, FF 10.0 %, DSP 108.0 %, BRAM 0.0 % of xc7z020clg400-1, 7" in text.getvalue()


def test_what_is_piped_is_not_wrapped_unless_columns_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, name = Table(box=None), " ".join(["words"] * 400)
    table.add_row(name, "12,345")
    table.add_row("one", "")
    monkeypatch.delenv("COLUMNS", raising=False)
    stdout().print(table)
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert [line.split("  ")[0].strip() for line in lines] == [name, "one"]
    assert lines == [line.rstrip() for line in lines]  # blanks behind the last word would wrap in the pipe's reader
    monkeypatch.setenv("COLUMNS", "40")
    stdout().print(table)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


def test_the_terminal_does_not_load_matplotlib() -> None:
    code = "import sys, qkdflow.progress, qkdflow.terminal; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
