"""What went in and what is stored: pulses, weight codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from qkdflow.plots.style import BLUE, INK, MUTED, ORANGE, PAPER, SERIES, Figure, label, styled

_SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, PAPER, ORANGE])


@styled
def pulses(classes: Mapping[str, Mapping[str, Any]]) -> Figure:
    """One panel a class: mean, the band from the 10th to the 90th percentile, and a few of its pulses.

    `classes` is report.json's `dataset.pulses` (see `qkdflow.report.pulse_summary`), in raw detector counts.
    """
    columns = min(len(classes), 4)
    rows = -(-len(classes) // columns)
    figure = Figure(figsize=(10, 0.5 + 2.1 * rows))
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax in axes.flat[len(classes) :]:
        ax.set_visible(False)
    for i, (ax, (name, pulse)) in enumerate(zip(axes.flat, classes.items(), strict=False)):
        colour = SERIES[i % len(SERIES)]
        sample = range(len(pulse["mean"]))
        ax.fill_between(sample, pulse["low"], pulse["high"], color=colour, alpha=0.22, linewidth=0)
        for example in pulse["examples"]:
            ax.plot(sample, example, color=MUTED, linewidth=0.6, alpha=0.55)
        ax.plot(sample, pulse["mean"], color=colour, linewidth=2.2)
        ax.set_title(label(name, 30))
        ax.grid(True, axis="y")
        ax.tick_params(axis="y", length=0)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for ax in axes.flat[max(0, len(classes) - columns) : len(classes)]:  # the lowest panel of each column
        ax.tick_params(axis="x", labelbottom=True)
        ax.set_xlabel("sample")
    for ax in axes[:, 0]:
        ax.set_ylabel("counts")
    return figure


@styled
def images(x: ArrayLike, names: Sequence[str] = (), columns: int = 10, signed: bool = False) -> Figure:
    """Images (n, height, width), grey or with a last axis of 1 or 3 colours, in rows; names stand above.

    Each is spread over its own range; `signed` draws zero white, negative blue and positive orange, on one scale.
    """
    pixels = np.asarray(x, dtype=np.float64)
    columns = min(columns, len(pixels))
    rows = -(-len(pixels) // columns)
    top = 0.25 if names else 0.0
    figure = Figure(figsize=(columns, rows * (1.0 + top)))
    most = np.abs(pixels).max() or 1.0
    for i, ax in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        ax.set_axis_off()
        if i >= len(pixels):
            continue
        image = pixels[i]
        if signed:
            ax.imshow(image.reshape(image.shape[:2]), cmap=_SIGNED, vmin=-most, vmax=most)
        else:
            low, high = image.min(), image.max()
            grey = (image - low) / ((high - low) or 1.0)
            ax.imshow(grey[..., 0] if grey.shape[-1] == 1 and grey.ndim == 3 else grey, cmap="gray")
        if i < len(names):
            ax.set_title(label(names[i], 14), fontsize=8.5, fontweight="normal", loc="center", pad=2)
    return figure


@styled
def weight_histograms(weights: Mapping[str, Mapping[str, Any]]) -> Figure:
    """The integer codes of each layer's kernel; lines mark the lowest and highest code of its type.

    `weights` is report.json's `student.weights` (see `qkdflow.report.weight_summary`). Zeros, where most of a
    pruned layer lies, are a bar of another colour; the count axis is logarithmic so that both are seen.
    """
    columns = min(len(weights), 3)
    rows = -(-len(weights) // columns)
    figure = Figure(figsize=(10, 0.3 + 2.6 * rows))
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat[len(weights) :]:
        ax.set_visible(False)
    for ax, (name, layer) in zip(axes.flat, weights.items(), strict=False):
        _histogram(ax, layer)
        ax.set_title(label(name, 30))
    for ax in axes[:, 0]:
        ax.set_ylabel("weights")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def _histogram(ax: Axes, layer: Mapping[str, Any]) -> None:
    edges, low, high = layer["edges"], layer["low_code"], layer["high_code"]
    width, top = edges[1] - edges[0], 2.2 * max(layer["zeros"], *layer["counts"], 1)
    ax.bar(edges[:-1], layer["counts"], width, align="edge", color=BLUE, linewidth=0, label="not zero")
    ax.bar([0], [layer["zeros"]], 0.9 * width, color=ORANGE, linewidth=0, label="zero")
    for code, side, shift in ((low, "left", 3), (high, "right", -3)):
        ax.axvline(code, color=INK, linewidth=1, dashes=(3, 2))
        ax.annotate(
            f"{code}", (code, 1), (shift, -1), ("data", "axes fraction"), "offset points",
            ha=side, va="top", fontsize=8.5, color=MUTED,
        )  # fmt: skip
    margin = 0.04 * (high - low)
    ax.set(xlim=(low - margin, high + margin), xlabel="code")
    ax.set_yscale("symlog", linthresh=1)
    ax.set_ylim(0, top)
    ticks = [10**e for e in range(9) if 10**e < top]
    ax.set_yticks([0, *ticks], ["0", *(f"{t:,}" for t in ticks)])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.grid(True, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
