"""One look for every figure: colours by role, an axis for accuracies near one, and SVG with stable bytes.

Series colours are Okabe & Ito's (2008), told apart under every common colour blindness; shapes and line
styles repeat what a colour says. Inline in a page each colour is a CSS variable and follows its dark mode.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
import matplotlib.figure
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.style import context
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator, StrMethodFormatter
from PIL import Image

INK = "#1b1f24"
MUTED = "#5b6571"
GRID = "#dde2e7"
PAPER = "#fefefe"
BLUE, ORANGE, GREEN, PINK, AMBER, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
SERIES = (BLUE, ORANGE, GREEN, PINK, AMBER, SKY)
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2)))

_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
    BLUE: "--blue",
    ORANGE: "--orange",
    GREEN: "--green",
    PINK: "--pink",
    AMBER: "--amber",
    SKY: "--sky",
}

_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "qkdflow",
    "text.parse_math": False,  # a class may be called $
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.minor.visible": False,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "axes.prop_cycle": cycler(color=SERIES),
}

P = ParamSpec("P")
DPI = 90  # of what a notebook shows


class Figure(matplotlib.figure.Figure):
    """Matplotlib's, which shows itself in a notebook that has not called `%matplotlib`: same figure, same bytes."""

    def _repr_png_(self) -> bytes:
        drawn, packed = io.BytesIO(), io.BytesIO()
        with look():
            self.savefig(drawn, format="png", dpi=DPI, facecolor=PAPER)
        # 256 colours are enough for a drawing, and a third of the bytes.
        image = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        image.save(packed, "png", optimize=True)
        return packed.getvalue()


@contextmanager
def look() -> Iterator[None]:
    """Our look for figures of yours: `with plots.look(): figure = plots.Figure(); ax = figure.add_subplot()`.

    Matplotlib's defaults plus ours, whatever the user's matplotlibrc says, which holds again after.
    """
    with matplotlib.rc_context(), context(["default", _SETTINGS]):
        matplotlib.rcParams["svg.hashsalt"] = _SETTINGS["svg.hashsalt"]
        yield


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draws in the common look."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with look():
            return draw(*args, **kwargs)

    return wrapper


def svg(figure: matplotlib.figure.Figure, name: str) -> str:
    """The figure as an <svg> element for inlining: same figure, same bytes.

    `name` prefixes every id, so that figures share a page. Text stays text. Colours are `var(--role, #hex)`.
    """
    buffer = io.StringIO()
    with look(), warnings.catch_warnings():
        # The browser's fonts draw what the font that measures lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        # Not `savefig`, which draws all of it twice, the first time for the layout alone.
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = text.replace("url(#", f"url(#{name}-")
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--font, sans-serif)", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable}, {colour})")
    return text.rstrip()


def percent_axis(ax: Axes, accuracies: Sequence[float], samples: int | None = None) -> Callable[[float], float]:
    """Makes y an accuracy in percent on a logarithmic axis of the error, on which 99 and 99.9 % stand apart.

    `accuracies` are all that will be drawn, in [0, 1]; `samples` the number they were measured on, if known.
    Returns the map from an accuracy to y. No error at all is drawn at half an error, on a line labelled 100.
    """
    errors = [1.0 - a for a in accuracies]
    some = [e for e in errors if e > 1e-12] or [0.01]
    floor = 0.5 / samples if samples else min(some) / 2
    floor = min(floor, min(some))
    low = min(max(e, floor) for e in errors) if errors else floor
    high = max(max(errors, default=0.0), 2 * low)
    low, high = low / 1.3, min(high * 1.3, 1.0)
    ax.set_yscale("log")
    ax.set_ylim(high, low)
    ticks = _ticks(low, high)
    labels = [f"{100 * (1 - e):.10g}" for e in ticks]
    if len(some) < len(errors):
        keep = [e > 1.5 * floor for e in ticks]
        ticks = [e for e, k in zip(ticks, keep, strict=True) if k] + [floor]
        labels = [t for t, k in zip(labels, keep, strict=True) if k] + ["100"]
    _put_ticks(ax.yaxis, ticks, labels)
    ax.grid(True, axis="y")
    ax.tick_params(axis="y", length=0)
    return lambda accuracy: max(1.0 - accuracy, floor)


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Ticks for a logarithmic axis, written out, at round numbers between `low` and `high` (> 0)."""
    ticks = _ticks(low, high)
    _put_ticks(axis, ticks, [f"{t:,.10g}" for t in ticks])


def log_numbers(axis: Axis) -> None:
    """Matplotlib's own ticks of a logarithmic axis, written as numbers: it writes TeX, which stays unread here."""
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _put_ticks(axis: Axis, ticks: Sequence[float], labels: Sequence[str]) -> None:
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter(labels))
    axis.set_minor_locator(NullLocator())


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers in [low, high]: the coarsest ladder with four of them, without those too near to be read."""
    ticks: list[float] = []
    for digits in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8), tuple(1 + k / 10 for k in range(90))):
        ticks = [float(f"{d * 10.0**e:.3g}") for e in range(-12, 13) for d in digits if low <= d * 10.0**e <= high]
        if len(ticks) >= 4:
            break
    apart: list[float] = []
    for tick in ticks:
        if not apart or tick >= apart[-1] * (high / low) ** (1 / 10):
            apart.append(tick)
    return apart


def label(text: str, limit: int) -> str:
    """A name from outside, fit for a plot: one line of printable characters, at most `limit` of them."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return line if len(line) <= limit else line[: limit - 1] + "…"
