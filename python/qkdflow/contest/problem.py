"""What optimisers are measured on: a space, an objective to minimise, and the best value known."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qkdflow.errors import ConfigError
from qkdflow.tune import HyperParameters, Space, Value, learn

Values = dict[str, Value]


@dataclass(frozen=True)
class Problem:
    """`optimum` None: regrets are above the best value that any optimiser of the run saw.

    With a `cost` there are two objectives; `reference` is then the (objective, cost) that hypervolumes end at. A
    `known_cost` is a function that qkdflow is given; else it is told the cost of what it tried, as the peers are.
    `needs` loads what must be there, and raises a ToolError where it is not.
    """

    name: str
    space: Callable[[HyperParameters], Any]
    objective: Callable[[Values], float]
    optimum: float | None = None
    cost: Callable[[Values], float] | None = None
    reference: tuple[float, float] | None = None
    known_cost: bool = True
    needs: Callable[[], object] | None = None

    @property
    def objectives(self) -> int:
        return 1 if self.cost is None else 2

    def learned(self) -> Space:
        return learn(self.space)


def load(path: Path) -> list[Problem]:
    """The problem of a Python file: space(hp), objective(values), and perhaps optimum, cost, reference, known_cost."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise ConfigError(f"[bench bo] --problems must be main, second, fronts or a Python file; got {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for word in ("space", "objective"):
        if not callable(getattr(module, word, None)):
            raise ConfigError(f"[bench bo] {path} must define {word}: space(hp) asks, objective(values) is minimised")
    words = ("optimum", "cost", "reference", "known_cost")
    optional = {word: getattr(module, word) for word in words if hasattr(module, word)}
    return [Problem(path.stem, module.space, module.objective, **optional)]
