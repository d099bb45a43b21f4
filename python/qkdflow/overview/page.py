"""The page that shows runs side by side: the table, and accuracy against size and against estimated LUTs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os.path import relpath
from pathlib import Path

from qkdflow import plots
from qkdflow.html import Child, Html, figure, join, table, tag
from qkdflow.overview.rows import Compared, Row
from qkdflow.overview.table import COLUMNS, NOTE, NUMERIC, cells
from qkdflow.report.page import document
from qkdflow.report.verdicts import headline

_DRAWN: dict[str, tuple[str, Callable[[Compared], float | None]]] = {
    "Accuracy against parameters": ("parameters", lambda run: float(run.report["student"]["parameters"])),
    "Accuracy against estimated LUTs": (
        "LUTs, estimated, not implemented",
        lambda run: None if run.estimate is None else float(run.estimate.total.lut.value),
    ),
}
_HARDWARE = COLUMNS.index("Part")


def page(rows: Sequence[Row], folder: str | Path = ".") -> str:
    """One HTML file without script; links to the runs' own reports are relative to `folder`, where it will lie."""
    runs = [run for row in rows for run in row.runs]
    top = join(
        tag("p", tag("span", "qkdflow · ", tag("strong", "runs side by side")), class_="run"),
        tag("h1", f"{len(runs)} runs of {len(rows)} configurations" if len(runs) > 1 else "One run"),
    )
    drawn = [(title, _drawing(title, rows)) for title in _DRAWN]
    tables = [("Networks", _table(rows, 0, _HARDWARE)), ("Hardware", _table(rows, _HARDWARE, len(COLUMNS)))]
    parts = [*tables, *drawn, ("Runs", _links(runs, folder))]
    return document("runs", top, parts)


def _table(rows: Sequence[Row], first: int, end: int) -> Html:
    """The columns from `first` to before `end`, behind the run's name; all of them are wider than a page."""
    chosen = sorted({0, *range(first, end)})
    body = [[line[i] for i in chosen] for line in map(cells, rows)]
    numeric = [at for at, i in enumerate(chosen) if i in NUMERIC]
    note = tag("p", NOTE, class_="note") if first == 0 else None
    return join(table([COLUMNS[i] for i in chosen], body, numeric), note)


def _drawing(title: str, rows: Sequence[Row]) -> Html:
    xlabel, size = _DRAWN[title]
    sizes = {row.name: [(size(run), run.report["student"]["accuracy_test"]) for run in row.runs] for row in rows}
    shown = {name: [(x, y) for x, y in points if x is not None] for name, points in sizes.items()}
    series = {name: points for name, points in shown.items() if points}
    if not series:
        return tag("p", "No run is built in a way that is estimated.", class_="note")
    samples = min(run.report["dataset"]["split"]["test"] for row in rows for run in row.runs)
    caption = "Students on their test part; the vertical axis is logarithmic in the error."
    drawing = plots.svg(plots.accuracy_of_runs(series, xlabel, samples), title.lower().replace(" ", "-"))
    return figure(title, drawing, caption)


def _links(runs: Sequence[Compared], folder: str | Path) -> Html:
    items: list[Child] = []
    for run in runs:
        report = run.path / "report.html"
        name = tag("a", str(run.path), href=relpath(report, folder)) if report.exists() else str(run.path)
        items.append(tag("li", name, ": ", headline(run.report)))
    return tag("ul", items)
