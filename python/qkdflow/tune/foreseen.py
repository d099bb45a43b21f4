"""What is known of a configuration without a trial: whether it is feasible, and its cost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qkdflow.errors import ConfigError
from qkdflow.tune.goals import Array, Known
from qkdflow.tune.parameters import Value
from qkdflow.tune.space import Codes, Space


class Foreseen:
    """What `feasible` and `cost` say of codes; each is asked once a configuration."""

    def __init__(self, space: Space, feasible: Callable[[dict[str, Value]], bool] | None, cost: Known | None) -> None:
        self._space, self._feasible, self._cost = space, feasible, cost
        self._said: dict[bytes, tuple[bool, float]] = {}

    def allows(self, code: Codes) -> bool:
        return self._ask(code)[0]

    def cost(self, code: Codes) -> float:
        """0 where nothing has a cost."""
        return self._ask(code)[1]

    def costs(self, codes: Codes) -> Array:
        """Of each row."""
        return np.array([self.cost(code) for code in np.ascontiguousarray(codes)])

    def _ask(self, code: Codes) -> tuple[bool, float]:
        key = code.tobytes()
        if key not in self._said:
            self._said[key] = self._told(self._space.decode(code))
        return self._said[key]

    def _told(self, values: dict[str, Value]) -> tuple[bool, float]:
        try:
            allowed = self._feasible is None or bool(self._feasible(dict(values)))
            # An infeasible configuration may have no cost, and is not suggested.
            return allowed, float(self._cost(dict(values))) if allowed and self._cost else 0.0
        except KeyError as error:
            raise ConfigError(
                f"[study] feasible and cost must read what a configuration has, here {', '.join(values)}; got {error}"
            ) from error
