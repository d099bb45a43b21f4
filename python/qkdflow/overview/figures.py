"""The figures of the page that shows runs side by side: each from the rows to markup, or to None."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qkdflow import plots
from qkdflow.html import Html, join, tag
from qkdflow.overview.rows import Compared, Row
from qkdflow.report.drawing import drawn

_MOST = 8  # configurations that are drawn one by one

Size = Callable[[Compared], float | None]


def against_parameters(rows: Sequence[Row]) -> Html | None:
    """Accuracy against the student's parameters."""
    return _sized(
        "Accuracy against parameters", rows, "parameters", lambda run: float(run.report["student"]["parameters"])
    )


def against_luts(rows: Sequence[Row]) -> Html | None:
    """Accuracy against estimated LUTs."""
    found = _sized(
        "Accuracy against estimated LUTs",
        rows,
        "LUTs, estimated, not implemented",
        lambda run: None if run.estimate is None else float(run.estimate.total.lut.value),
    )
    return found or tag("p", "No run is built in a way that is estimated.", class_="note")


def _sized(title: str, rows: Sequence[Row], xlabel: str, size: Size) -> Html | None:
    sizes = {row.name: [(size(run), run.report["student"]["accuracy_test"]) for run in row.runs] for row in rows}
    shown = {name: [(x, y) for x, y in points if x is not None] for name, points in sizes.items()}
    series = {name: points for name, points in shown.items() if points}
    if not series:
        return None
    samples = min(run.report["dataset"]["split"]["test"] for row in rows for run in row.runs)
    caption = "Students on their test part; the vertical axis is logarithmic in the error."
    drawing = plots.accuracy_of_runs(series, xlabel, samples)
    return drawn(title.lower().replace(" ", "-"), title, drawing, caption)


def learning(rows: Sequence[Row]) -> Html | None:
    """The students' validation accuracy, epoch by epoch."""
    curves = {row.name: [_curve(run.report) for run in row.runs if _curve(run.report)] for row in rows}
    series = {name: found for name, found in curves.items() if found}
    if not series:
        return None
    caption = "Students on their validation part while they learn, a line a run."
    return drawn("learning", "Learning curves", plots.learning_curves_of_runs(series), caption)


def _curve(report: dict[str, Any]) -> list[float | None]:
    history = report["student"].get("history") or {}
    return list(history.get("val_accuracy") or [])


def confusion(rows: Sequence[Row]) -> Html | None:
    """The student's confusion on the test part, of the first run of each configuration."""
    drawings = []
    for i, row in enumerate(rows[:_MOST]):
        report = row.runs[0].report
        matrix = report["student"].get("confusion_test")
        if matrix:
            drawing = plots.confusion(matrix, report["dataset"]["class_names"], str(row.runs[0].path))
            drawings.append(drawn(f"confusion-{i}", f"Confusion of {row.runs[0].path}", drawing, None, wide=False))
    return join(tag("div", drawings, class_="pair"), _note(rows)) if drawings else None


def layers(rows: Sequence[Row]) -> Html | None:
    """Bits, zeros, weights and results layer by layer, of the first run of each configuration."""
    return join([_layers(i, row) for i, row in enumerate(rows[:_MOST])], _note(rows)) if rows else None


def _layers(number: int, row: Row) -> Html:
    student, name = row.runs[0].report["student"], str(row.runs[0].path)
    shown = [drawn(f"widths-{number}", f"Bits and zeros of {name}", plots.layer_widths(student["layers"]), None)]
    if student.get("weights"):
        drawing = plots.weight_histograms(student["weights"])
        caption = "Integer codes of each kernel; dashed, the lowest and the highest code of its type."
        shown.append(drawn(f"weights-{number}", f"Weights of {name}", drawing, caption))
    if student.get("activations"):
        drawing = plots.activation_histograms(student["activations"])
        caption = "The input and each layer's results, a bar a power of two; grey is the fixed-point range."
        shown.append(drawn(f"activations-{number}", f"Activations of {name}", drawing, caption))
    return tag("details", tag("summary", name), shown)


def _note(rows: Sequence[Row]) -> Html:
    cut = f" Of {len(rows)} configurations the first {_MOST}." if len(rows) > _MOST else ""
    return tag("p", f"The first run of each configuration.{cut}", class_="note")


FIGURES: dict[str, Callable[[Sequence[Row]], Html | None]] = {
    "Accuracy against parameters": against_parameters,
    "Accuracy against estimated LUTs": against_luts,
    "Learning curves": learning,
    "Confusion": confusion,
    "Layer by layer": layers,
}
