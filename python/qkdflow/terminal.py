"""What a run shows on a terminal: progress with rate, time left and best so far, and the table at the end.

Progress goes to stderr, and only where that is a terminal: a log wants the result, not the way to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console, Group
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from qkdflow.accuracy import wilson
from qkdflow.report.verdicts import compared, percent, shares, verdicts

_NARROW, _TINY = 70, 40  # widths below which bars, rates and intervals, then the time left, make way


class Bar(Protocol):
    """One stage's progress."""

    def update(self, done: int, best: float | None = None) -> None:
        """`done` of the total are finished; `best` is the best value so far, an accuracy in [0, 1]."""


@contextmanager
def progress(title: str, total: int, console: Console | None = None) -> Iterator[Bar]:
    """Shows a stage while it runs: `with progress("search", total=40) as bar: bar.update(3, best=0.98)`.

    On a terminal a bar with rate, time left and best so far, which stays when the stage ends or is stopped;
    elsewhere nothing. One stage at a time. `console` defaults to stderr.
    """
    console = console or Console(stderr=True)
    bar = _LiveBar(title, total, console) if console.is_terminal else _NoBar()
    try:
        yield bar
    finally:
        bar.close()


class _LiveBar:
    def __init__(self, title: str, total: int, console: Console) -> None:
        wide = console.width >= _NARROW
        columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False)]
        columns += [BarColumn(bar_width=None), MofNCompleteColumn()] if wide else [TaskProgressColumn()]
        columns += [_Rate()] if wide else []
        columns += [TimeRemainingColumn(compact=True)] if console.width >= _TINY else []
        columns += [TextColumn("{task.fields[best]}", markup=False)]
        self._bars = Bars(*columns, console=console, expand=wide)
        self._bars.start()
        self._task = self._bars.add_task(title, total=total, best="")

    def update(self, done: int, best: float | None = None) -> None:
        self._bars.update(self._task, completed=done)
        if best is not None:
            self._bars.update(self._task, best=_best(best))

    def close(self) -> None:
        self._bars.stop()


class _Rate(ProgressColumn):
    """Finished steps a second, or seconds a step where one takes longer than a second."""

    def render(self, task: Any) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each", style="progress.data.speed")


class _NoBar:
    def update(self, done: int, best: float | None = None) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to close."""


def _best(best: float) -> str:
    return f"best {percent(best)} %"


def summary_table(report: Mapping[str, Any], width: int = 80) -> Group:
    """The end of a run, for a console of `width` columns to print.

    Classifiers side by side, how the hardware code agrees, and what to keep in mind.
    """
    hls, device = report.get("hls") or {}, report.get("assessment") or {}
    checks = Table.grid(padding=(0, 2))
    checks.add_row("compression", f"{report['compression_ratio']:.2f} times fewer parameters than the teacher")
    checks.add_row("HLS code", _agreement(hls))
    checks.add_row("assessment", _agreement(device))
    if report.get("estimate"):
        checks.add_row("estimate", _needs(report["estimate"]))
    checks.add_row("time", f"{sum((report.get('timings') or {}).values()):.1f} s")
    notes = Table.grid(padding=(0, 1))
    for sentence in verdicts(report):
        notes.add_row(Text("!", style="yellow"), Text(sentence))
    return Group(_classifiers(report, width >= _NARROW), Text(), checks, Text(), notes)


def _classifiers(report: Mapping[str, Any], wide: bool) -> Table:
    samples = report["dataset"]["split"]["test"]
    title = Text(str(report["dataset"]["name"]))
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in ("params", "bits", "zeros %", "acc. %", *(["95 % interval"] if wide else [])):
        table.add_column(name, justify="right")
    models = {"student": report["student"], "teacher": report["teacher"], **(report.get("baselines") or {})}
    for name, model in models.items():
        accuracy, size = model.get("accuracy_test"), model.get("parameters")
        if accuracy is None:
            continue
        low, high = wilson(accuracy, samples)
        interval = [f"{percent(low)} to {percent(high)}"] if wide else []
        table.add_row(
            Text(name.replace("_", " ")),
            f"{size:,}" if size else "",
            str(model.get("bits", "")),
            percent(model["sparsity"]) if "sparsity" in model else "",
            Text(percent(accuracy), style="bold"),
            *interval,
        )
    return table


def _needs(found: Mapping[str, Any]) -> Text:
    if found.get("not_run"):
        return Text("not estimated", style="yellow")
    style = {"fits": "green", "tight": "yellow"}.get(found["verdict"], "red")
    clocks = found["total"]["latency_clk"]["value"]
    text = f"{found['verdict']}: {shares(found)} of {found['part']}, {clocks:,} clocks (estimated, not implemented)"
    return Text(text, style=style)


def _agreement(part: Mapping[str, Any]) -> Text:
    if not compared(part):
        return Text("not run", style="yellow")
    style = "red" if part["mismatches"] else "green"
    return Text(f"{part['mismatches']:,} mismatches in {compared(part):,} outputs", style=style)
