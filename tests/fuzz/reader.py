"""What a fuzzed reader is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mutate import Files


@dataclass(frozen=True)
class Reader:
    """seeds: whole inputs, made in an empty folder. read: what is done with the files in a folder.

    raises: what the reader documents beside ConfigError and DataError.
    """

    seeds: Callable[[Path], list[Files]]
    read: Callable[[Path], object]
    raises: tuple[type[Exception], ...] = ()


def files(folder: Path) -> Files:
    """The files below a folder, by their path in it."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
