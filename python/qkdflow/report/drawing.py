"""A plot in a run's page."""

from __future__ import annotations

from matplotlib.figure import Figure

from qkdflow import plots
from qkdflow.html import Child, Html, figure


def drawn(name: str, title: str, drawing: Figure, caption: Child, *, wide: bool = True) -> Html:
    """The plot inline; `name` is unique in the page, `title` what a screen reader says."""
    return figure(title, plots.svg(drawing, name), caption, wide=wide)
