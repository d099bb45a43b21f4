"""How a data set shows itself in a notebook: counts a class and part, and the mean sample of each class."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from qkdflow.datasets.dataset import Dataset

COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#777777")  # P. Tol, "bright"
SHOWN = 20  # classes; a table longer than that says no more
WIDTH, HEIGHT = 320, 120  # pixels


def render(dataset: Dataset) -> str:
    """A small self-contained HTML fragment."""
    parts = (dataset.train, dataset.valid, dataset.test)
    counts = np.array([np.bincount(p.y, minlength=dataset.classes) for p in parts])
    rows = [
        f"<tr><td style='color:{_colour(i)}'>&#9632; {escape(name)}</td>"
        + "".join(f"<td>{n:,}</td>" for n in counts[:, i])
        + "</tr>"
        for i, name in enumerate(dataset.class_names[:SHOWN])
    ]
    if dataset.classes > SHOWN:
        rows.append(f"<tr><td>and {dataset.classes - SHOWN} more</td><td></td><td></td><td></td></tr>")
    total = "".join(f"<th>{n:,}</th>" for n in counts.sum(axis=1))
    return (
        f"<div><b>{escape(dataset.name)}</b>: {dataset.samples:,} samples of shape {dataset.shape}, "
        f"{escape(dataset.input_type.ap_type)}"
        "<table><tr><th>class</th><th>train</th><th>valid</th><th>test</th></tr>"
        f"{''.join(rows)}<tr><th>all</th>{total}</tr></table>{_mean_pulses(dataset)}</div>"
    )


def _colour(label: int) -> str:
    return COLOURS[label % len(COLOURS)]


def _mean_pulses(dataset: Dataset) -> str:
    if len(dataset.shape) != 1 or dataset.shape[0] < 2:
        return ""
    train = dataset.train
    means = [train.x[train.y == c].mean(axis=0, dtype=np.float64) for c in range(min(dataset.classes, SHOWN))]
    low, high = min(m.min() for m in means), max(m.max() for m in means)
    across = np.linspace(2, WIDTH - 2, dataset.shape[0])
    lines = []
    for label, mean in enumerate(means):
        down = HEIGHT - 2 - (mean - low) / ((high - low) or 1.0) * (HEIGHT - 4)
        points = " ".join(f"{a:.1f},{d:.1f}" for a, d in zip(across, down, strict=True))
        lines.append(f"<polyline points='{points}' fill='none' stroke='{_colour(label)}'/>")
    return (
        f"<svg width='{WIDTH}' height='{HEIGHT}' role='img' aria-label='mean sample of each class'>"
        f"{''.join(lines)}</svg>"
    )
