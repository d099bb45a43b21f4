"""The page that shows runs side by side: tables, figures, and links to the runs' own reports."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import relpath
from pathlib import Path

from qkdflow.html import Child, Html, join, table, tag
from qkdflow.overview.figures import FIGURES
from qkdflow.overview.rows import Compared, Row
from qkdflow.overview.table import COLUMNS, NOTE, NUMERIC, cells
from qkdflow.report.page import document
from qkdflow.report.verdicts import headline

_HARDWARE = COLUMNS.index("Part")


def page(rows: Sequence[Row], folder: str | Path = ".") -> str:
    """One HTML file without script; links to the runs' own reports are relative to `folder`, where it will lie."""
    configurations = list({row.name: row for row in rows}.values())  # of several parts, each once
    runs = [run for row in configurations for run in row.runs]
    what = f"{len(runs)} runs of {len(configurations)} configurations" if len(runs) > 1 else "One run"
    top = join(
        tag("p", tag("span", "qkdflow · ", tag("strong", "runs side by side")), class_="run"),
        tag("h1", what),
    )
    tables = [
        ("Networks", _table(configurations, 0, _HARDWARE)),
        ("Hardware", _table(rows, _HARDWARE, len(COLUMNS))),
    ]
    drawn = [(title, content) for title, draw in FIGURES.items() if (content := draw(configurations))]
    return document("runs", top, [*tables, *drawn, ("Runs", _links(runs, folder))])


def _table(rows: Sequence[Row], first: int, end: int) -> Html:
    """The columns from `first` to before `end`, behind the run's name; all of them are wider than a page."""
    chosen = sorted({0, *range(first, end)})
    body = [[line[i] for i in chosen] for line in map(cells, rows)]
    numeric = [at for at, i in enumerate(chosen) if i in NUMERIC]
    note = tag("p", NOTE, class_="note") if first == 0 else None
    return join(table([COLUMNS[i] for i in chosen], body, numeric), note)


def _links(runs: Sequence[Compared], folder: str | Path) -> Html:
    items: list[Child] = []
    for run in runs:
        report = run.path / "report.html"
        name = tag("a", str(run.path), href=relpath(report, folder)) if report.exists() else str(run.path)
        items.append(tag("li", name, ": ", headline(run.report)))
    return tag("ul", items)
