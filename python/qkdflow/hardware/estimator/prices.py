"""The prices of the terms, fitted to real reports, and their intervals: constants.toml."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from qkdflow.hardware.estimator.terms import Terms
from qkdflow.hardware.estimator.values import Quantity

_CHOICE = re.compile(r"choice_(\d+)\Z")


@dataclass(frozen=True)
class Prices:
    """Price by term, and the multiples of the sum that held nine of ten rows of networks not fitted to."""

    price: Mapping[str, float]
    low: float
    high: float

    def quantity(self, terms: Terms, wider: tuple[float, float] = (1.0, 1.0)) -> Quantity:
        return Quantity.around(self.sum(terms), self.low * wider[0], self.high * wider[1])

    def sum(self, terms: Terms) -> float:
        return sum(self.of(name) * amount for name, amount in terms.items() if amount)

    def of(self, name: str) -> float:
        """A term's price; 0 for one that the fit left out."""
        seen, times = self.resolve(name)
        return self.price.get(seen, 0.0) * times

    def resolve(self, name: str) -> tuple[str, float]:
        """The term whose price applies and how often: a choice among twice as many as were seen costs twice as much."""
        wanted = _CHOICE.match(name)
        seen = sorted(int(found[1]) for found in map(_CHOICE.match, self.price) if found)
        if name in self.price or not wanted or not seen:
            return name, 1.0
        bits = int(wanted[1])
        nearest = min(seen, key=lambda b: abs(b - bits))
        return f"choice_{nearest}", 2.0 ** (bits - nearest)


Table = Mapping[str, Mapping[str, Prices]]  # group -> "lut" or "ff" -> prices


@cache
def constants() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(files(__package__).joinpath("constants.toml").read_text("utf-8"))
    return found


def clocks(group: str, value: int) -> Quantity:
    """A latency with the group's interval, which adds clocks instead of multiplying."""
    fewer, more = constants()["clocks"][group]
    return Quantity(value, max(0, value - fewer), value + more)


@cache
def shipped() -> Table:
    """The prices that come with the package."""
    return table(constants()["prices"])


def table(entries: Mapping[str, Any]) -> Table:
    return {
        group: {target: Prices(entry["price"], entry["low"], entry["high"]) for target, entry in targets.items()}
        for group, targets in entries.items()
    }
