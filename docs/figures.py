"""The figures of the concepts' pages, each drawn from what the package computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from qkdflow import FixedPoint
from qkdflow.plots.style import BLUE, GREEN, MUTED, ORANGE, PINK, styled
from qkdflow.sparsity import PolynomialDecay


def draw(folder: Path) -> None:
    """Writes every figure as SVG into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in {"fixed_point": fixed_point(), "distillation": distillation(), "pruning": pruning()}.items():
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


@styled
def fixed_point() -> Figure:
    """A value and what four bits keep of it, by rounding and by overflow."""
    figure = Figure(figsize=(9, 3.4))
    rounding, overflow = figure.subplots(1, 2)
    x = np.linspace(-1.2, 1.2, 1201)
    for mode, colour in (("TRN", BLUE), ("RND", ORANGE)):
        kind = FixedPoint(4, 1, True, mode, "SAT")
        rounding.plot(x, kind.decode(kind.encode(x)), color=colour, label=f"ap_fixed<4,1,AP_{mode},AP_SAT>")
    for mode, colour in (("SAT", GREEN), ("WRAP", PINK)):
        kind = FixedPoint(4, 1, True, "RND", mode)
        overflow.plot(2 * x, kind.decode(kind.encode(2 * x)), color=colour, label=f"ap_fixed<4,1,AP_RND,AP_{mode}>")
    for ax, span in ((rounding, x), (overflow, 2 * x)):
        ax.plot(span, span, ":", color=MUTED, lw=1)
        ax.set(xlabel="value", ylabel="what the type keeps", ylim=(-1.3, 1.3))
        ax.legend(loc="upper left")
        ax.grid(True)
    return figure


@styled
def distillation() -> Figure:
    """A teacher's logits as probabilities, at three temperatures."""
    logits, classes = np.array([6.0, 4.0, 1.0, -2.0]), np.arange(4)
    figure = Figure(figsize=(9, 3.2))
    ax = figure.add_subplot(ylabel="probability", xticks=classes)
    ax.set_xticks(classes, [f"logit {v:g}" for v in logits])
    for i, (temperature, colour) in enumerate(((1.0, BLUE), (2.0, ORANGE), (8.0, GREEN))):
        scaled = np.exp(logits / temperature)
        ax.bar(classes + 0.25 * (i - 1), scaled / scaled.sum(), 0.22, color=colour, label=f"T = {temperature:g}")
    ax.legend()
    ax.grid(True, axis="y")
    return figure


@styled
def pruning() -> Figure:
    """The share of zeros that PolynomialDecay asks for, step by step."""
    schedule = PolynomialDecay(0.0, 0.5, begin_step=200, end_step=1500)
    steps = np.arange(0, 2001, 10)
    figure = Figure(figsize=(9, 2.8))
    ax = figure.add_subplot(xlabel="optimiser step", ylabel="zeros [%]")
    ax.plot(steps, [100 * schedule.core().sparsity(int(step)) for step in steps], color=BLUE)
    ax.grid(True)
    return figure
