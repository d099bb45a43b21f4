"""From a trained quantised network to integers."""

from __future__ import annotations

from qkdflow.freeze.exactness import inexact_layers
from qkdflow.freeze.freezer import freeze

__all__ = ["freeze", "inexact_layers"]
