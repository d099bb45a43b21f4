"""How a value shows itself in a notebook: a titled piece of HTML that stands in somebody else's page.

That page may be light or dark, so colours are inherited or lie between the two; what a style says, words say too,
because some viewers drop styles, and drawings with them. No script, no style sheet, nothing loaded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from qkdflow.html import Child, Html, join, tag

_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#777777")  # P. Tol, "bright"
_GOOD, _BAD = "#228833", "#d1495b"
_QUIET = "opacity:.7"
_WIDTH, _HEIGHT = 320, 120  # pixels of a drawing


def card(title: str, about: Child, *content: Child) -> str:
    """The title in bold, what it is about on the same line, and the content below."""
    head = tag("div", tag("b", title), about and join(": ", about), style="margin-bottom:.3em")
    return str(tag("div", head, *content))


def grid(
    head: Sequence[Child], rows: Iterable[Sequence[Child]], numeric: Iterable[int] = (), foot: bool = False
) -> Html:
    """A table, the columns `numeric` flush right; with `foot` the last row is a sum."""
    right, body = set(numeric), list(rows)

    def line(kind: str, row: Sequence[Child]) -> Html:
        sides = ("right" if i in right else "left" for i in range(len(row)))
        return tag("tr", [tag(kind, cell, style=f"text-align:{side}") for cell, side in zip(row, sides, strict=True)])

    inner = [line("th" if foot and row is body[-1] else "td", row) for row in body]
    return tag("div", tag("table", tag("thead", line("th", head)), tag("tbody", inner)), style="overflow-x:auto")


def facts(pairs: Mapping[str, Child]) -> Html:
    """What has a name and a value, one a line; None is left out."""
    rows = [tag("tr", _cell(tag("span", k, style=_QUIET)), _cell(v)) for k, v in pairs.items() if v is not None]
    return tag("table", tag("tbody", rows))


def _cell(content: Child) -> Html:
    return tag("td", content, style="text-align:left")


def note(*content: Child) -> Html:
    """A remark in a quieter ink."""
    return tag("div", *content, style=_QUIET)


def verdict(text: str, good: bool) -> Html:
    """Words that say whether all is well, in its colour."""
    return tag("b", text, style=f"color:{_GOOD if good else _BAD}")


def more(shown: int, there_are: int, what: str) -> Html | None:
    """That a table was cut, where it was."""
    return note(f"and {there_are - shown:,} more {what}") if there_are > shown else None


def lines(series: Mapping[str, Sequence[float]], what: str, *, legend: bool = True) -> Html | None:
    """A line each of values at equal distances, on one scale; None where there is nothing to join. `what` is said to
    those who do not see it. Values that are not finite are passed over."""
    points = [[(i, v) for i, v in enumerate(line) if math.isfinite(v)] for line in series.values()]
    drawn = [v for line in points for _, v in line]
    longest = max((len(line) for line in series.values()), default=0)
    if longest < 2 or not drawn:
        return None
    low, span = min(drawn), (max(drawn) - min(drawn)) or 1.0

    def place(i: int, v: float) -> str:
        return f"{2 + i / (longest - 1) * (_WIDTH - 4):.1f},{_HEIGHT - 2 - (v - low) / span * (_HEIGHT - 4):.1f}"

    strokes = [
        tag(
            "polyline", points=" ".join(place(i, v) for i, v in line), fill="none", stroke=colour(c), stroke_width="1.5"
        )
        for c, line in enumerate(points)
    ]
    drawing = tag("svg", strokes, width=str(_WIDTH), height=str(_HEIGHT), role="img", aria_label=what)
    names = note([[swatch(c), name, " "] for c, name in enumerate(series)]) if legend else None
    return tag("div", drawing, names)


def colour(number: int) -> str:
    """Of the line with this number."""
    return _COLOURS[number % len(_COLOURS)]


def swatch(number: int) -> Html:
    """A square in its colour, to stand before a name."""
    return tag("span", "\N{BLACK SQUARE} ", style=f"color:{colour(number)}")
