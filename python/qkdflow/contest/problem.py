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

    With a `cost` there are two objectives; `reference` is then the (objective, cost) that hypervolumes end at.
    """

    name: str
    space: Callable[[HyperParameters], Any]
    objective: Callable[[Values], float]
    optimum: float | None = None
    cost: Callable[[Values], float] | None = None
    reference: tuple[float, float] | None = None

    def learned(self) -> Space:
        return learn(self.space)


def load(path: Path) -> list[Problem]:
    """The problem of a Python file: space(hp), objective(values), and perhaps optimum, cost(values), reference."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise ConfigError(f"[bench bo] --problems must be main, second or a Python file; got {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for word in ("space", "objective"):
        if not callable(getattr(module, word, None)):
            raise ConfigError(f"[bench bo] {path} must define {word}: space(hp) asks, objective(values) is minimised")
    optional = {word: getattr(module, word, None) for word in ("optimum", "cost", "reference")}
    return [Problem(path.stem, module.space, module.objective, **optional)]
