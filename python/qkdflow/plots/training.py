"""How a search and a training went."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from qkdflow.plots.style import BLUE, DASHES, MUTED, ORANGE, SERIES, Figure, label, log_ticks, percent_axis, styled


@styled
def search_history(search: Mapping[str, Any], title: str) -> Figure:
    """Each trial's objective (validation accuracy, 0 to 1) and the best so far, against the trial's number.

    `search` is report.json's `teacher_search` or `student_search`; a trial without an objective is a cross.
    """
    trials = sorted(search["trials"], key=lambda t: t["number"])
    done = [t for t in trials if t["objective"] is not None]
    failed = [t["number"] for t in trials if t["objective"] is None]
    figure = Figure(figsize=(4.8, 3.3))
    ax = figure.add_subplot(title=title, xlabel="trial", ylabel="validation accuracy [%]")
    y = percent_axis(ax, [t["objective"] for t in done])
    if done:
        numbers = [t["number"] for t in done]
        scores = [y(t["objective"]) for t in done]
        best = [min(scores[: i + 1]) for i in range(len(scores))]
        last = trials[-1]["number"]
        ax.plot(numbers, scores, "o", color=BLUE, alpha=0.75, mew=0, label="trial")
        ax.step([*numbers, last], [*best, best[-1]], where="post", color=ORANGE, label="best so far")
    if failed:
        low = [0.03] * len(failed)
        ax.plot(failed, low, "x", color=MUTED, transform=ax.get_xaxis_transform(), label="failed")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if trials:
        figure.legend(loc="outside lower center", ncols=3)
    return figure


@styled
def learning_curves(history: Mapping[str, list[float | None]], title: str) -> Figure:
    """Loss and accuracy per epoch, training and validation; a line marks the lowest validation loss.

    `history` holds `loss`, `accuracy`, `val_loss`, `val_accuracy`: a value an epoch, None where not finite.
    """
    figure = Figure(figsize=(10, 3.1))
    loss_ax, accuracy_ax = figure.subplots(1, 2)
    loss_ax.set(title=f"{title}: loss", xlabel="epoch", ylabel="loss")
    accuracy_ax.set(title=f"{title}: accuracy", xlabel="epoch", ylabel="accuracy [%]")
    known = {name: [v for v in values if v is not None] for name, values in history.items()}
    y = percent_axis(accuracy_ax, [*known.get("accuracy", []), *known.get("val_accuracy", [])])
    for prefix, part, colour, dash in (("", "training", BLUE, "-"), ("val_", "validation", ORANGE, "--")):
        losses = [math.nan if v is None else v for v in history.get(f"{prefix}loss", [])]
        scores = [math.nan if v is None else y(v) for v in history.get(f"{prefix}accuracy", [])]
        loss_ax.plot(range(1, len(losses) + 1), losses, dash, color=colour, label=part)
        accuracy_ax.plot(range(1, len(scores) + 1), scores, dash, color=colour, label=part)
    losses = [*known.get("loss", []), *known.get("val_loss", [])]
    if losses and min(losses) > 0:
        low, high = min(losses) / 1.15, max(losses) * 1.15
        loss_ax.set(yscale="log", ylim=(low, high))
        log_ticks(loss_ax.yaxis, low, high)
    validation = [(v, epoch) for epoch, v in enumerate(history.get("val_loss", []), 1) if v is not None]
    for ax in (loss_ax, accuracy_ax):
        ax.grid(True, axis="y")
        ax.tick_params(axis="y", length=0)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if validation:
            ax.axvline(min(validation)[1], color=MUTED, linewidth=0.8, dashes=(2, 2), label="best epoch")
    loss_ax.legend(loc="lower left")
    return figure


@styled
def learning_curves_of_runs(series: Mapping[str, Sequence[Sequence[float | None]]]) -> Figure:
    """Validation accuracy (0 to 1) epoch by epoch, a line a run and a colour a configuration; gaps where it is None."""
    figure = Figure(figsize=(10, 3.6))
    ax = figure.add_subplot(xlabel="epoch", ylabel="validation accuracy [%]")
    y = percent_axis(ax, [v for curves in series.values() for curve in curves for v in curve if v is not None])
    for i, (name, curves) in enumerate(series.items()):
        look: dict[str, Any] = {"color": SERIES[i % len(SERIES)], "linestyle": DASHES[i // len(SERIES) % len(DASHES)]}
        for j, curve in enumerate(curves):
            scores = [math.nan if v is None else y(v) for v in curve]
            ax.plot(range(1, len(scores) + 1), scores, lw=1.2, label=label(name, 48) if j == 0 else None, **look)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
