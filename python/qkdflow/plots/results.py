"""What came out: confusion, accuracy against size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from qkdflow.accuracy import wilson
from qkdflow.plots.style import (
    AMBER,
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    PINK,
    SERIES,
    SKY,
    Figure,
    label,
    log_ticks,
    percent_axis,
    styled,
)

_ROOMY, _LEGIBLE = 5, 12  # classes up to which cells have room for percentages, and for counts
_LOOKS = {
    "linear": (GREEN, "D", 7.0),
    "boosted_trees": (PINK, "^", 8.0),
    "teacher": (BLUE, "s", 8.0),
    "student": (ORANGE, "*", 14.0),
}
_OTHER = (MUTED, "v", 7.0)
_MARKERS = "osD^vP"


@styled
def confusion(matrix: Sequence[Sequence[int]], class_names: Sequence[str], title: str) -> Figure:
    """Counts by true class (rows) and predicted class (columns), shaded by the share of the row.

    Errors have a colour of their own on a cube-root scale: one in a thousand is already seen.
    """
    n = len(class_names)
    figure = Figure(figsize=(4.8, 3.9 if n <= _ROOMY else 4.6))
    ax = figure.add_subplot(title=title, xlabel="predicted", ylabel="true")
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            _cell(ax, i, j, count, count / (sum(row) or 1), n)
    names = [label(c, 14) for c in class_names]
    ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), yticks=range(n), yticklabels=names)
    ax.set_xticks(range(n), names, rotation=0 if n < _ROOMY else 90)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return figure


def _cell(ax: Axes, i: int, j: int, count: int, share: float, n: int) -> None:
    strength = share if i == j else share ** (1 / 3)
    colour = BLUE if i == j else ORANGE
    ax.add_patch(Rectangle((j - 0.48, i - 0.48), 0.96, 0.96, color=colour, alpha=strength, lw=0))
    if n > _LEGIBLE:
        return
    ink = PAPER if strength > 0.55 else INK if count else MUTED
    centred: dict[str, Any] = {"ha": "center", "va": "center", "color": ink}
    with_percent = n <= _ROOMY and count > 0
    ax.text(j, i - 0.13 * with_percent, f"{count:,}", fontsize=10 if n <= _ROOMY else 7, **centred)
    if with_percent:
        ax.text(j, i + 0.2, f"{100 * share:.2f} %", fontsize=8, **centred)


@styled
def accuracy_against_parameters(report: Mapping[str, Any]) -> Figure:
    """Every trial of both searches (validation part); teacher, student, baselines (test part, 95 % bars).

    The dashed line is the trials' Pareto front: nothing tried is both smaller and better.
    """
    samples = report["dataset"]["split"]["test"]
    models = {**(report.get("baselines") or {}), "teacher": report["teacher"], "student": report["student"]}
    models = {name: model for name, model in models.items() if model.get("accuracy_test") is not None}
    searched = {name: _points(report.get(f"{name}_search") or {}) for name in ("teacher", "student")}
    trials = [*searched["teacher"], *searched["student"]]
    bounds = [bound for model in models.values() for bound in wilson(model["accuracy_test"], samples)]
    figure = Figure(figsize=(10, 4.2))
    ax = figure.add_subplot(xlabel="parameters", ylabel="accuracy [%]", xscale="log")
    y = percent_axis(ax, [*(accuracy for _, accuracy in trials), *bounds], samples)

    for name, colour, marker in (("teacher", SKY, "o"), ("student", AMBER, "s")):
        if searched[name]:
            x, scores = zip(*((p, y(a)) for p, a in searched[name]), strict=True)
            text = f"{name} trials (validation)"
            ax.plot(x, scores, marker, color=colour, alpha=0.7, ms=4.5, mew=0, label=text)
    front = pareto_front(trials)
    if len(front) > 1:
        x, scores = zip(*((p, y(a)) for p, a in front), strict=True)
        ax.step(x, scores, "--", where="post", color=MUTED, lw=1.1, label="Pareto front of the trials")
    for name, model in models.items():
        colour, marker, size = _LOOKS.get(name, _OTHER)
        text, score = f"{name.replace('_', ' ')} (test)", y(model["accuracy_test"])
        if not model.get("parameters"):
            ax.axhline(score, color=colour, lw=1.2, dashes=(5, 2, 1, 2), label=f"{text}, size not counted")
            continue
        low, high = wilson(model["accuracy_test"], samples)
        ax.errorbar(
            model["parameters"], score, [[score - y(high)], [y(low) - score]], fmt=marker, color=colour,
            ms=size, mec=PAPER, mew=0.8, elinewidth=1.4, capsize=3, zorder=5, label=text,
        )  # fmt: skip
    log_ticks(ax.xaxis, *ax.get_xlim())
    ax.grid(True, axis="x")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _points(search: Mapping[str, Any]) -> list[tuple[int, float]]:
    trials = search.get("trials", [])
    return [(t["parameters"], t["objective"]) for t in trials if t["objective"] is not None and t["parameters"]]


def pareto_front(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """The (parameters, accuracy) pairs that no other pair beats in both, smallest first."""
    front: list[tuple[int, float]] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    return front


@styled
def accuracy_of_runs(
    series: Mapping[str, Sequence[tuple[float, float]]], xlabel: str, samples: int | None = None
) -> Figure:
    """(size, accuracy in [0, 1]) of every run, one colour and marker a configuration; sizes on a logarithmic axis."""
    figure = Figure(figsize=(10, 4.2))
    ax = figure.add_subplot(xlabel=xlabel, ylabel="accuracy [%]", xscale="log")
    y = percent_axis(ax, [accuracy for points in series.values() for _, accuracy in points], samples)
    for i, (name, points) in enumerate(series.items()):
        sizes, scores = zip(*((size, y(accuracy)) for size, accuracy in points), strict=True)
        marker = _MARKERS[i // len(SERIES) % len(_MARKERS)]
        ax.plot(sizes, scores, marker, color=SERIES[i % len(SERIES)], ms=8, mec=PAPER, mew=0.8, label=label(name, 48))
    log_ticks(ax.xaxis, *ax.get_xlim())
    ax.grid(True, axis="x")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@styled
def accuracy_against_size(report: Mapping[str, Any]) -> Figure:
    """Compression methods of one student by size and test accuracy: bars are the spread over seeds, or of one seed
    the 95 % interval. The teacher's accuracy is a line.

    `report` is what `qkdflow compress` writes.
    """
    samples, rows, teacher = report["samples_test"], report["methods"], report.get("teacher")
    bars = []
    for row in rows:
        mean, spread = row["accuracy_test"], row["accuracy_test_std"]
        bars.append((mean - spread, mean + spread) if row["seeds"] > 1 else wilson(mean, samples))
    figure = Figure(figsize=(8.5, 4.2))
    sizes = [row["size_bits"] / 8 for row in rows]
    beside = " (those of one size side by side)" if len({*sizes}) < len(sizes) else ""
    ax = figure.add_subplot(xlabel=f"bytes{beside}", ylabel="test accuracy [%]", xscale="log")
    y = percent_axis(ax, [*(b for bar in bars for b in bar), *([teacher["accuracy_test"]] if teacher else [])], samples)
    seeds = rows[0]["seeds"]
    meaning = f"standard deviation over {seeds} seeds" if seeds > 1 else "95 % interval of one seed's test samples"
    ax.set_title(f"bars: {meaning}", loc="left", fontsize="small", color=MUTED)
    ax.set_xlim(min(sizes) / 1.5, max(sizes) * 1.5)
    for i, (row, size, (low, high)) in enumerate(zip(rows, sizes, bars, strict=True)):
        score = y(row["accuracy_test"])
        x = size * 1.04 ** (sizes[:i].count(size))  # methods of one size beside each other
        ax.errorbar(
            x, score, [[score - y(high)], [y(low) - score]], fmt="os^Dv*Ph<"[i % 9], color=SERIES[i % len(SERIES)],
            ms=8, mec=PAPER, mew=0.8, elinewidth=1.2, capsize=3, label=row["method"],
        )  # fmt: skip
    if teacher:
        ax.axhline(y(teacher["accuracy_test"]), color=MUTED, lw=1.1, ls="--", label="teacher")
    log_ticks(ax.xaxis, *ax.get_xlim())
    ax.grid(True, axis="x")
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
