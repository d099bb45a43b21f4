"""The templates of the hand-over (hls/ in the checkout, shipped as package data), filled from one specification."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from qkdflow.errors import ToolError


@cache
def folder() -> Path:
    """Where the templates are: beside the installed package, or in the checkout of an editable one."""
    installed = Path(str(files("qkdflow"))) / "hls"
    checkout = Path(__file__).resolve().parents[3] / "hls"
    for place in (checkout, installed):
        if (place / "handover.md.j2").is_file():
            return place
    raise ToolError(f"[templates] the folder hls is required, in {installed} or {checkout}; install qkdflow again")


@cache
def _environment() -> jinja2.Environment:
    # What is made is Tcl, C and Markdown, never HTML: nothing is to be escaped.
    return jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(folder()), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )


def render(name: str, values: Mapping[str, Any]) -> str:
    """The text of a template; a name that it uses and `values` lacks is an error."""
    return _environment().get_template(name).render(values)


def copy(name: str) -> str:
    """A file that has nothing to fill in."""
    return (folder() / name).read_text("utf-8")
