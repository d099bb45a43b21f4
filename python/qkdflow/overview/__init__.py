"""Runs side by side: one row for runs that differ in their seed alone, as Markdown and as a page with figures."""

from qkdflow.overview.page import page
from qkdflow.overview.rows import Compared, Row, Spread, compare
from qkdflow.overview.table import COLUMNS, cells, markdown

__all__ = ["COLUMNS", "Compared", "Row", "Spread", "cells", "compare", "markdown", "page"]
