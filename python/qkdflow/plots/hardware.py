"""What a network would need of a part: against reuse factor, against accuracy, and how far estimates were off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from qkdflow.plots.results import pareto_front
from qkdflow.plots.style import (
    DASHES,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SERIES,
    SKY,
    Figure,
    label,
    log_numbers,
    percent_axis,
    styled,
)

_RESOURCES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram": "BRAM"}


@styled
def reuse_factor(
    points: Sequence[Mapping[str, Any]], title: str, measured: Sequence[Mapping[str, float]] = ()
) -> Figure:
    """Estimated latency [us] and share of each part [%] against reuse factor (Molina et al. 2024, Fig. 5).

    points: `device`, `mhz`, `asked`, `taken` (reuse factors by layer), `latency_clk` (value, low, high), `share` (lut,
    ff, dsp, bram; 0 to more than 1). A factor that hls4ml replaces is an open marker, with what it takes below.
    measured: `reuse_factor`, `latency_clk`, `mhz` of RTL that was simulated, drawn on top.
    """
    devices = list(dict.fromkeys(p["device"] for p in points))
    clocks = sorted({p["mhz"] for p in points})
    asked = sorted({p["asked"] for p in points})
    figure = Figure(figsize=(10, 6.2))
    latency, *shares = figure.subplots(1, 1 + len(devices), width_ratios=[1.5, *[1.0] * len(devices)])
    for i, device in enumerate(devices):
        for j, mhz in enumerate(clocks):
            series = sorted((p for p in points if (p["device"], p["mhz"]) == (device, mhz)), key=lambda p: p["asked"])
            name = f"{label(device, 18)}, {mhz:g} MHz"
            _latency(latency, series, SERIES[i % len(SERIES)], DASHES[j % len(DASHES)], name)
        _shares(shares[i], [p for p in points if (p["device"], p["mhz"]) == (device, clocks[-1])], device)
        _factors(shares[i], asked, [])
    for i, mhz in enumerate(sorted({point["mhz"] for point in measured})):
        some = [point for point in measured if point["mhz"] == mhz]
        x, y = [p["reuse_factor"] for p in some], [p["latency_clk"] / mhz for p in some]
        style = {"ls": "none", "marker": "*" if i % 2 == 0 else "P", "ms": 12, "zorder": 6}
        latency.plot(x, y, color=INK, label=f"RTL simulated, {mhz:g} MHz", **style)
    _factors(latency, asked, _replaced(points))
    latency.set(ylabel="latency [us], estimated; lines to the 90 % interval", yscale="log", title=title)
    log_numbers(latency.yaxis)
    latency.legend(fontsize=8, loc="lower right")
    shares[0].set_ylabel(f"share of the part at {clocks[-1]:g} MHz [%], estimated (csynth)")
    shares[-1].legend(fontsize=8)
    figure.supxlabel("reuse factor asked for", fontsize=9.5, color=MUTED)
    return figure


def _latency(ax: Axes, series: Sequence[Mapping[str, Any]], colour: str, dash: Any, name: str) -> None:
    x = [p["asked"] for p in series]
    # No clock at all is drawn at half a clock: the axis is logarithmic.
    value, low, high = (np.array([max(p["latency_clk"][k], 0.5) for p in series]) / series[0]["mhz"] for k in range(3))
    ax.plot(x, value, ls=dash, color=colour, label=name)
    ax.vlines(x, low, high, color=colour, lw=1.0, alpha=0.6)
    for point, y in zip(series, value, strict=True):
        valid = set(point["taken"].values()) == {point["asked"]}
        ax.plot(point["asked"], y, "o", color=colour, mfc=colour if valid else "none")


def _shares(ax: Axes, series: Sequence[Mapping[str, Any]], device: str) -> None:
    series = sorted(series, key=lambda p: p["asked"])
    for i, (resource, name) in enumerate(_RESOURCES.items()):
        y = [100 * p["share"][resource] for p in series]
        ax.plot([p["asked"] for p in series], y, marker="o", ls=DASHES[i], color=SERIES[i], label=name, ms=4)
    ax.axhline(100, color=MUTED, lw=0.8)
    ax.set_title(label(device, 18))
    ax.set_ylim(bottom=0)


def _factors(ax: Axes, asked: Sequence[int], replaced: Sequence[str]) -> None:
    ax.set_xscale("log", base=2)
    ax.set_xticks(list(asked), [str(rf) for rf in asked])
    ax.minorticks_off()
    ax.grid(True)
    if replaced:
        text = "\n".join(replaced)
        note = ax.text(0.02, 0.99, text, transform=ax.transAxes, va="top", fontsize=7.5, color=MUTED)
        note.set_in_layout(False)  # a long one must not push the axes together


def _replaced(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each reuse factor that some layer does not get."""
    lines: dict[int, str] = {}
    for point in points:
        others: dict[int, list[str]] = {}
        for name, rf in point["taken"].items():
            if rf != point["asked"]:
                others.setdefault(rf, []).append(name)
        if others:
            named = ", ".join(f"{rf} ({_named(names)})" for rf, names in others.items())
            lines[point["asked"]] = f"{point['asked']}: hls4ml takes {named}"
    return [lines[asked] for asked in sorted(lines)]


def _named(layers: Sequence[str]) -> str:
    return ", ".join(layers) if len(layers) < 3 else f"{len(layers)} layers"


@styled
def accuracy_against_cost(
    trials: Sequence[Mapping[str, Any]], cost: str, chosen: int | None, limit: float | None = None
) -> Figure:
    """Validation accuracy of each trial against an estimated cost, their Pareto front and the chosen student.

    trials: `number`, `objective` (0 to 1, or None), `cost`, `refused` (a sentence, or None).
    """
    done = [t for t in trials if t["objective"] is not None and t["cost"] is not None]
    figure = Figure(figsize=(7.5, 4.2))
    ax = figure.add_subplot(xlabel=f"estimated {_RESOURCES.get(cost, cost)}", ylabel="validation accuracy [%]")
    y = percent_axis(ax, [t["objective"] for t in done])
    for name, colour, marker, is_refused in (("met", SKY, "o", False), ("refused", MUTED, "x", True)):
        some = [t for t in done if bool(t["refused"]) == is_refused]
        if some:
            ax.plot([t["cost"] for t in some], [y(t["objective"]) for t in some], marker, color=colour, label=name)
    front = pareto_front([(t["cost"], t["objective"]) for t in done])
    if len(front) > 1:
        ax.step([c for c, _ in front], [y(a) for _, a in front], "--", where="post", color=MUTED, label="Pareto front")
    for trial in done:
        if trial["number"] == chosen:
            ax.plot(trial["cost"], y(trial["objective"]), "*", color=ORANGE, ms=14, label="chosen student")
    if limit is not None:
        ax.axvline(limit, color=GREEN, lw=1.2, label="constraint")
    ax.grid(True)
    figure.legend(loc="outside lower center", ncols=5)
    return figure


@styled
def residuals(series: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> Figure:
    """Estimate over report minus one, (rows,), of rows whose network was left out; by target, then by group."""
    figure = Figure(figsize=(10, 1.2 + 1.8 * len(series)))
    axes = np.atleast_1d(figure.subplots(len(series), 1, sharex=True))
    for ax, (target, groups) in zip(axes, series.items(), strict=True):
        for i, values in enumerate(groups.values()):
            spread = (np.arange(len(values)) * 0.618) % 1.0 * 0.6 - 0.3  # points beside each other, not on top
            ax.plot(100 * np.clip(values, -1, 1), i + spread, ".", color=SERIES[i % len(SERIES)], ms=3, alpha=0.6)
            middle = 100 * float(np.median(values))
            ax.plot([middle, middle], [i - 0.4, i + 0.4], color=INK, lw=1.2)
        ax.axvspan(-20, 20, color=GREEN, alpha=0.08, lw=0)
        ax.axvline(0, color=MUTED, lw=0.8)
        names = [f"{group}, {len(values)}" for group, values in groups.items()]
        ax.set_yticks(range(len(groups)), names)
        ax.set_title(target.upper())
    axes[-1].set_xlabel("estimate over report minus one [%], networks left out; band: 20 %")
    return figure
