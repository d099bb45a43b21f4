"""Tables for a terminal: where they are printed, and the one at the end of a run."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import IO, Any, cast

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from qkdflow.accuracy import wilson
from qkdflow.report.verdicts import compared, percent, shares, verdicts

_NARROW = 70  # width below which intervals make way
_ENDLESS = 10_000  # columns
_FILLING = re.compile(" +(?=\n)")


def stdout() -> Console:
    """A console as wide as the terminal; in a pipe or a file as wide as what is printed, so that nothing is wrapped or
    cut, unless COLUMNS says how wide."""
    console = Console()
    if console.is_terminal:
        return console
    return Console(width=None if "COLUMNS" in os.environ else _ENDLESS, file=cast(IO[str], _Trimmed(console.file)))


class _Trimmed:
    """A stream that gets no blanks at the ends of lines, which fill a table's columns up."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(_FILLING.sub("", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


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
