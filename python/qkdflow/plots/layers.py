"""A frozen network layer by layer: how wide its numbers are, how many are zero, what results use of their types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from qkdflow.plots.style import BLUE, GRID, INK, MUTED, ORANGE, SKY, Figure, label, styled

_SUPERSCRIPTS = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
_NAME = 24  # letters of a layer's name that are shown


@styled
def activation_histograms(activations: Mapping[str, Any]) -> Figure:
    """How large each layer's results are: a row a layer, a bar a power of two; grey is what the layer's type holds.

    `activations` is report.json's `student.activations` (see `qkdflow.report.activation_summary`). Bars are shares of
    the results that are not zero, each row on a scale of its own.
    """
    layers = activations["layers"]
    low = min(layer["last_bit"] for layer in layers.values())
    high = max(layer["last_bit"] + len(layer["counts"]) - 1 for layer in layers.values())
    figure = Figure(figsize=(10, 0.7 + 0.55 * len(layers)))
    axes = figure.subplots(len(layers), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (name, layer) in zip(axes, layers.items(), strict=True):
        _magnitudes(ax, layer)
        ax.set_ylabel(label(name, _NAME), rotation=0, ha="right", va="center", color=INK)
        ax.set(xlim=(low - 0.5, high + 0.5), ylim=(0, 1.15), yticks=[])
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="x", length=0)
    ticks = range(low, high + 1, max(1, -(-(high - low) // 16)))
    axes[-1].set_xticks(ticks, [f"2{str(exponent).translate(_SUPERSCRIPTS)}" for exponent in ticks])
    axes[-1].set_xlabel("absolute value")
    figure.align_ylabels(axes)
    return figure


def _magnitudes(ax: Axes, layer: Mapping[str, Any]) -> None:
    zeros, counts, first = layer["counts"][0], layer["counts"][1:], layer["last_bit"]
    every, top = zeros + sum(counts), max([*counts, 1])
    ax.axvspan(first, first + len(counts), color=GRID, linewidth=0)
    left = [first + i for i in range(len(counts))]
    ax.bar(left, [count / top for count in counts], 0.92, align="edge", color=BLUE, linewidth=0)
    shares = {"zero": zeros, "at the limit": layer["at_limit"]}
    said = ", ".join(f"{100 * count / every:.1f} % {what}" for what, count in shares.items() if count)
    ax.annotate(said, (1, 0.5), (6, 0), "axes fraction", "offset points", va="center", fontsize=8.5, color=MUTED)


@styled
def layer_widths(layers: Sequence[Mapping[str, Any]]) -> Figure:
    """Bits of each layer's weights and results, and the share of its weights that are zero.

    `layers` is report.json's `student.layers` (see `qkdflow.report.layer_rows`).
    """
    figure = Figure(figsize=(10, 1.1 + 0.34 * len(layers)))
    bits_ax, zeros_ax = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    rows = list(enumerate(layers))
    for what, colour, shift in (("weight", BLUE, -0.19), ("result", SKY, 0.19)):
        widths = [(i + shift, bits) for i, layer in rows if (bits := _bits(layer.get(f"{what}_type")))]
        _bars(bits_ax, widths, 0.36, "{:.0f}", color=colour, label=f"{what}s")
    zeros = [(i, 100 * (1 - layer["nonzero"] / layer["weights"])) for i, layer in rows if layer.get("weights")]
    _bars(zeros_ax, zeros, 0.5, "{:.1f}", color=ORANGE)
    bits_ax.set_yticks(range(len(layers)), [label(str(layer["name"]), _NAME) for layer in layers])
    bits_ax.set(xlabel="bits", ylim=(len(layers) - 0.4, -0.6))
    zeros_ax.set(xlabel="weights that are zero [%]", xlim=(0, 110), xticks=range(0, 101, 20))
    for ax in (bits_ax, zeros_ax):
        ax.tick_params(axis="y", length=0)
        ax.grid(True, axis="x")
    bits_ax.margins(x=0.08)
    bits_ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(*bits_ax.get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def _bars(ax: Axes, bars: Sequence[tuple[float, float]], height: float, form: str, **style: Any) -> None:
    """A bar at each place, with its value at its end."""
    drawn = ax.barh([place for place, _ in bars], [value for _, value in bars], height, linewidth=0, **style)
    ax.bar_label(drawn, [form.format(value) for _, value in bars], padding=3, fontsize=8.5, color=MUTED)


def _bits(ap_type: str | None) -> int | None:
    """8 of "ap_fixed<8,1,AP_RND,AP_SAT>"; None of what is no such type."""
    found = re.match(r"ap_u?fixed<(\d+),", ap_type or "")
    return int(found.group(1)) if found else None
