"""The boards that block designs are written for (targets.toml): processor, board files, addresses."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from qkdflow.errors import ConfigError
from qkdflow.hardware.boards import find_part

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CELLS = {"axi_dma": ("axi_dma_0", "network_0"), "comblock": ("comblock_0",), "axi_lite": ("network_0",)}
RANGE = 0x10000  # bytes of every cell's registers
CLOCK_MHZ = 100


@dataclass(frozen=True)
class Target:
    """A board's processor and bus. addresses: of every cell that a design may have, by name."""

    board: str
    part: str
    family: str
    board_part: str
    address_space: str
    addresses: dict[str, int]
    ps_clocks: tuple[str, ...]
    dma_clocks: tuple[str, ...]
    memory_port: str = ""
    memory_segment: str = ""
    memory_range: int = 0
    timer_base: int = 0
    timer_hz: int = 0

    def cells(self, transport: str) -> dict[str, int]:
        """The address of each cell of a design for `transport`. Raises ConfigError where the board cannot have it."""
        if transport not in self.carriers:
            raise ConfigError(
                f"[hand-over] on {self.board} the words are carried by {' or '.join(self.carriers)}; got {transport}"
            )
        return {name: self.addresses[name] for name in CELLS[transport]}

    @property
    def peripherals(self) -> dict[str, int]:
        """The address of what a soft processor needs beside the network."""
        return {name: self.addresses[name] for name in ("uart_0", "timer_0") if name in self.addresses}

    @property
    def carriers(self) -> tuple[str, ...]:
        """What can carry the words: a processor without a DMA's memory has the ComBlock alone."""
        return ("comblock",) if self.family == "microblaze" else tuple(CELLS)


@cache
def targets() -> dict[str, Target]:
    """Every target by its board's name."""
    table: dict[str, Any] = tomllib.loads(files(__package__).joinpath("targets.toml").read_text("utf-8"))
    known: dict[str, Target] = {}
    for board, entry in table["boards"].items():
        family = dict(table["families"][entry["family"]])
        for key in ("ps_clocks", "dma_clocks"):
            family[key] = tuple(family[key])
        family.setdefault("timer_base", family["addresses"].get("timer_0", 0))
        known[board] = Target(board, find_part(board=board).name, **entry, **family)
    return known


def find_target(board: str) -> Target:
    """The target of a board. Raises ConfigError that lists them."""
    if board not in targets():
        raise ConfigError(f"[hand-over] block designs are written for {', '.join(targets())}; got {board!r}")
    return targets()[board]
