"""What a search is after: objectives and their directions, a known cost, limits. Results to the optimiser's numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from qkdflow.errors import ConfigError
from qkdflow.tune.parameters import Value
from qkdflow.tune.trial import Trial

Direction = Literal["max", "min"]
Array = npt.NDArray[np.float64]
Known = Callable[[dict[str, Value]], float]  #: of the values of a configuration


@dataclass(frozen=True)
class Goals:
    """`directions`, one an objective; `cost`, to be minimised, known without a trial; `limits` of trials' info.

    `reference`: the worst of two objectives (or of one and, after it, the cost) that is worth having.
    """

    directions: tuple[Direction, ...]
    cost: Known | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    reference: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.directions or any(d not in ("max", "min") for d in self.directions):
            given = self.directions[0] if len(self.directions) == 1 else self.directions
            raise ConfigError(f'[study] direction must be "max" or "min", one an objective; got {given!r}')
        for name, limit in self.limits.items():
            if not isinstance(limit, (int, float)) or not math.isfinite(limit):
                raise ConfigError(f"[study] limits must be finite numbers; got {name} = {limit!r}")
        count = len(self.directions) + (self.cost is not None)
        if self.reference and (count != 2 or len(self.reference) != 2):
            raise ConfigError(
                f"[study] reference must be two numbers, for two objectives (a known cost is the second); got "
                f"{len(self.reference)} for {count}"
            )

    @classmethod
    def of(
        cls,
        direction: Direction | Sequence[Direction],
        cost: Known | None,
        limits: Mapping[str, float] | None,
        reference: Sequence[float] | None,
    ) -> Goals:
        directions = (direction,) if isinstance(direction, str) else tuple(direction)
        return cls(directions, cost, dict(limits or {}), tuple(reference or ()))

    @property
    def signs(self) -> Array:
        return np.array([1.0 if d == "min" else -1.0 for d in self.directions])

    @property
    def core_reference(self) -> list[float]:
        """The cost first, all to be minimised."""
        if not self.reference:
            return []
        signed = [float(s * r) for s, r in zip(self.signs, self.reference, strict=False)]
        return signed if self.cost is None else [float(self.reference[1]), *signed]

    def minimised(self, trial: Trial, forecast: float | None) -> list[float]:
        """The objectives (M,) for the optimiser; of a pruned trial its forecast."""
        if trial.state == "complete":
            return [float(s * v) for s, v in zip(self.signs, trial.objectives, strict=True)]
        known = trial.state == "pruned" and forecast is not None and len(self.directions) == 1
        return [forecast if known and forecast is not None else math.nan] * len(self.directions)

    def violations(self, trial: Trial) -> list[float]:
        """How far each limit is passed (C,); NaN where a failed trial does not say."""
        # What a stopped trial does not say is taken to be on the limit.
        unknown = 0.0 if trial.state == "pruned" else math.nan
        return [
            float(trial.info[name]) - limit if name in trial.info else unknown for name, limit in self.limits.items()
        ]

    def meets_limits(self, trial: Trial) -> bool:
        return all(v <= 0 for v in self.violations(trial))

    def check_info(self, number: int, info: Mapping[str, Any]) -> None:
        for name in self.limits:
            value = info.get(name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ConfigError(
                    f"[trial {number}] info must have a number {name!r}, as limits name it; got {value!r}. "
                    'Return (value, {"' + name + '": ...}) from the objective'
                )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, without what is a function."""
        direction: Any = self.directions[0] if len(self.directions) == 1 else list(self.directions)
        extra = {"limits": dict(self.limits)} if self.limits else {}
        return {"direction": direction, **extra}
