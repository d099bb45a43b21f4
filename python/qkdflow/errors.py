"""Errors that a user can act on: the command line prints them as one line and exits with code 2."""

from __future__ import annotations

from qkdflow_overlay.errors import OneLine


class ConfigError(OneLine, ValueError):
    """A setting is wrong; the message says which, what was given and what is accepted."""


class DataError(OneLine, ValueError):
    """A data file or an array is wrong; the message says where (file, line, column) and what to do."""


class ToolError(RuntimeError):
    """A tool that is needed is missing or failed; the message says which and how to get it."""
