"""The parts and boards that qkdflow knows (boards.toml), and what each part holds."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from qkdflow.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Part:
    """An FPGA: its orderable name and what it holds (bram36: blocks of 36 Kb; uram: blocks of 288 Kb)."""

    name: str
    lut: int
    ff: int
    dsp: int
    bram36: int
    uram: int
    source: str


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(files(__package__).joinpath("boards.toml").read_text("utf-8"))
    return table


@cache
def parts() -> dict[str, Part]:
    """Every known part by its orderable name."""
    known: dict[str, Part] = {}
    for entry in _table()["parts"].values():
        holds = {key: value for key, value in entry.items() if key != "full"}
        known.update({name: Part(name, **holds) for name in entry["full"]})
    return known


@cache
def boards() -> dict[str, str]:
    """The part's orderable name by board."""
    return dict(_table()["boards"])


def find_part(part: str | None = None, board: str | None = None) -> Part:
    """The part named, or the one on a board. Raises ConfigError that lists near matches."""
    if board is not None and (not isinstance(board, str) or board not in boards()):
        raise ConfigError(f"[board] a known board is required; got {board!r}; {_near(board, list(boards()))}")
    if part is None:
        if board is None:
            raise ConfigError("[part] a part or a board is required; got neither; try board='pynq-z2'")
        return parts()[boards()[board]]
    if not isinstance(part, str) or part not in parts():
        raise ConfigError(f"[part] a known part is required; got {part!r}; {_near(part, list(parts()))}")
    if board is not None and boards()[board] != part:
        raise ConfigError(f"[part] {board} carries {boards()[board]}; got part {part!r}; give one of the two")
    return parts()[part]


def _near(name: object, known: list[str]) -> str:
    near = get_close_matches(str(name).lower(), known, n=4, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
