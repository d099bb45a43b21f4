"""From a trained quantised network to integers."""

from __future__ import annotations

from qkdflow.freeze.freezer import freeze

__all__ = ["freeze"]
