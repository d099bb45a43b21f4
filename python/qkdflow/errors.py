"""Errors that a user can act on: the command line prints them as one line and exits with code 2."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from qkdflow_overlay.errors import OneLine


class ConfigError(OneLine, ValueError):
    """A setting is wrong; the message says which, what was given and what is accepted."""


class DataError(OneLine, ValueError):
    """A data file or an array is wrong; the message says where (file, line, column) and what to do."""


class ToolError(RuntimeError):
    """A tool that is needed is missing or failed; the message says which and how to get it."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """How an error on an unknown name ends: "; did you mean psd?", or empty where no known one is like it."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
