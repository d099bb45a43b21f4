"""Runs side by side: one row for runs that differ in their seed alone, as Markdown and as a page with figures."""

from qkdflow.comparison.page import page
from qkdflow.comparison.rows import Compared, Row, Spread, compare
from qkdflow.comparison.table import COLUMNS, cells, markdown

__all__ = ["COLUMNS", "Compared", "Row", "Spread", "cells", "compare", "markdown", "page"]
