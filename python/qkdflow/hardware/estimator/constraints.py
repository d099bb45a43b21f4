"""What a search may not exceed, and what it should spend little of, both as the estimator counts it.

lut, ff, dsp, bram are shares of the part (0 to 1; 0 allows none), latency_clk and ii are clocks. Estimated (csynth).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qkdflow.errors import ConfigError
from qkdflow.hardware.estimator.network import Estimate, held
from qkdflow.hardware.estimator.values import RESOURCES, Quantity

CLOCKS = ("latency_clk", "ii")
HOPE = 0.8  # an untrained network needs about as much as a trained one
COST_WEIGHT = 0.01  # a point of accuracy for the whole allowance, or for the whole part where nothing is limited


@dataclass(frozen=True)
class Constraints:
    """Limits by resource, and the resource that is a cost; made by `Constraints.of`."""

    part: str | None
    limits: Mapping[str, float]
    cost: str | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any], cost: str | None = None) -> Constraints:
        """From {"part": ..., "lut": 0.6, ..., "latency_clk": 50}. ConfigError for an unknown word or limit."""
        known = (*RESOURCES, *CLOCKS)
        limits = {word: value for word, value in settings.items() if word != "part"}
        for word, value in limits.items():
            if word not in known:
                raise ConfigError(f"[constraints] must be part, {', '.join(known)}; got {word!r}")
            top = 1.0 if word in RESOURCES else 1e9
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= top:
                kind = "a share of the part, 0 to 1" if word in RESOURCES else "clocks, 0 or more"
                raise ConfigError(f"[constraints] {word} must be {kind}; got {value!r}")
        if cost is not None and cost not in known:
            raise ConfigError(f"[cost] must be one of {', '.join(known)}; got {cost!r}")
        part = settings.get("part")
        if part is not None and not isinstance(part, str):
            raise ConfigError(f"[constraints] part must be the name of a part; got {part!r}")
        return cls(part, limits, cost)

    def refusals(self, found: Estimate, hopeful: bool = False) -> list[str]:
        """A sentence for each limit that is exceeded, and whose it is; hopeful: even by `HOPE` of the interval's low
        end."""
        return [
            f"{word} {used:,} of {limit:,} allowed ({self._source(found, word)}): {_blame(found, word, hopeful)}"
            for word, used, limit in self._uses(found, hopeful)
            if used > limit
        ]

    def score(self, accuracy: float, found: Estimate) -> float:
        """The search's objective: accuracy, less what is over the limits, less a little for the cost."""
        excess = sum(max(0, used - limit) / max(limit, 1) for _, used, limit in self._uses(found))
        return accuracy - excess - (COST_WEIGHT * self._spent(found) if self.cost else 0.0)

    def _uses(self, found: Estimate, hopeful: bool = False) -> list[tuple[str, int, int]]:
        room = held(found.part)
        uses = []
        for word, value in self.limits.items():
            quantity: Quantity = getattr(found.total, word)
            limit = int(value * room[word]) if word in room else int(value)
            uses.append((word, _count(quantity, hopeful), limit))
        return uses

    def _source(self, found: Estimate, word: str) -> str:
        """The setting that a limit comes from, and what it is a share of."""
        setting = f"constraints {word}={self.limits[word]:g}"
        return f"{setting} of {found.part.name}'s {held(found.part)[word]:,}" if word in RESOURCES else setting

    def _spent(self, found: Estimate) -> float:
        word = str(self.cost)
        room = {**held(found.part), **dict.fromkeys(CLOCKS, 1000)}[word]
        allowance = self.limits.get(word, 1.0) * (room if word in RESOURCES or word not in self.limits else 1)
        return float(getattr(found.total, word)) / max(allowance, 1.0)


def _count(quantity: Quantity, hopeful: bool) -> int:
    return int(HOPE * quantity.low) if hopeful else quantity.value


def _blame(found: Estimate, word: str, hopeful: bool) -> str:
    counts = {layer.name: _count(getattr(layer, word), hopeful) for layer in found.layers}
    worst = max(counts, key=counts.__getitem__)
    return f"{counts[worst]:,} of them in {worst}"
