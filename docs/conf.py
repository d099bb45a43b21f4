"""Sphinx's settings for this site: `tests/docs` builds it, warnings are errors."""

from __future__ import annotations

import os
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # figures.py

project = "qkdflow"
author = copyright = "The qkdflow authors"
release = metadata.version("qkdflow")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.doctest"]
exclude_patterns = ["cluster", "_static"]
html_theme = "furo"
html_title = f"qkdflow {release}"
html_extra_path = ["cluster"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("ArrayLike", "NDArray", "Real", "Codes")}
# Names that stand in several modules: the signatures show them, no link is needed.
suppress_warnings = ["ref.python"]
doctest_global_setup = "import numpy as np"


def _markdown(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with Markdown's `code`; reStructuredText's own signs in them are letters."""
    for i, line in enumerate(lines):
        if line.lstrip().startswith(">>>"):
            continue
        parts = re.split(r"(`+[^`]+`+)", line)
        lines[i] = "".join(
            f"``{part.strip('`')}``" if part.startswith("`") else re.sub(r"([*|\\]|(?<=\w)_(?!\w))", r"\\\1", part)
            for part in parts
        )


def _generate(app: Any) -> None:
    """What the package itself shows: the concepts' figures, and the help of every verb."""
    from figures import draw
    from qkdflow.cli import helps

    folder = Path(app.srcdir) / "_static"
    draw(folder / "figures")
    os.environ["COLUMNS"] = "88"
    text = "".join(f"## {name}\n\n```text\n{page}```\n\n" for name, page in helps().items())
    (folder / "command_line.md").write_text(text, encoding="utf-8")


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", _markdown)
    app.connect("builder-inited", _generate)
