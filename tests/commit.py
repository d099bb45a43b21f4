"""Which commit a measurement is of."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def commit(*paths: str) -> str:
    """Twelve digits of the commit that is checked out, and whether anything under `paths` differs from it."""
    changed = _git("status", "--porcelain", "--", *paths)
    return _git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")


def _git(*words: str) -> str:
    command = ["git", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
