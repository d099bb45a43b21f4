from __future__ import annotations

import io
import subprocess
import sys

import pytest
from qkdflow.terminal import progress, summary_table
from report_example import estimated, example_report
from rich.console import Console


def _console(width: int, terminal: bool = False) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=width, force_terminal=terminal, color_system=None), text


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


def test_elsewhere_than_on_a_terminal_progress_is_silent() -> None:
    console, text = _console(40)
    with progress("student [search]", 40, console) as bar:
        bar.update(40, best=0.9871)
    assert text.getvalue() == ""


@pytest.mark.parametrize("width", [30, 60, 100])
def test_a_terminal_sees_how_far_and_how_good(width: int) -> None:
    console, text = _console(width, terminal=True)
    with progress("search", 4, console) as bar:
        bar.update(1)
        bar.update(4, best=0.9871)
    last = text.getvalue().replace("\r", "\n").splitlines()[-1]
    assert "best 98.71 %" in text.getvalue()
    assert ("4/4" if width == 100 else "100%") in text.getvalue()
    assert len(last) <= width + 10  # escape codes


@pytest.mark.parametrize("terminal", [False, True])
def test_a_stage_that_is_stopped_leaves_its_count_and_a_clean_terminal(terminal: bool) -> None:
    console, text = _console(100, terminal)

    def stopped() -> None:
        with progress("search", 40, console) as bar:
            bar.update(3, best=0.5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    if terminal:
        assert "3/40" in text.getvalue()
        assert text.getvalue().endswith("\x1b[?25h")  # the cursor is back
    with progress("next", 1, console) as bar:
        bar.update(1)


def test_progress_does_not_load_matplotlib() -> None:
    code = "import sys, qkdflow.terminal; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
