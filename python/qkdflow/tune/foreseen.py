"""What is known of a configuration without a trial: whether it is feasible, and its cost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

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
            values = self._space.decode(code)
            allowed = self._feasible is None or bool(self._feasible(dict(values)))
            # An infeasible configuration may have no cost, and is not suggested.
            cost = float(self._cost(values)) if allowed and self._cost else 0.0
            self._said[key] = (allowed, cost)
        return self._said[key]
