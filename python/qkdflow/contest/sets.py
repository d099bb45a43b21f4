"""The sets of problems. The settings of qkdflow's optimiser were chosen on `main` alone; `second` and
`fronts` are held out."""

from __future__ import annotations

from pathlib import Path

from qkdflow.contest.fronts import KURSAWE, NETWORK_MEASURED, ZDT3
from qkdflow.contest.functions import ACKLEY_MIX6, BRANIN, FUNC3C, HARTMANN6, LEVY_MIX, MICHALEWICZ5
from qkdflow.contest.problem import Problem, load
from qkdflow.contest.trained import NETWORK, NETWORK_COST, TREES, lcbench


def named(name: str) -> list[Problem]:
    """The problems of `main` (a network's size against its loss at its end), `second`, `fronts` (two objectives each)
    or a Python file."""
    if name == "main":
        real = [TREES, NETWORK, lcbench("7593"), lcbench("189906")]
        return [BRANIN, HARTMANN6, ACKLEY_MIX6, FUNC3C, *real, NETWORK_COST]
    if name == "second":
        return [LEVY_MIX, MICHALEWICZ5, lcbench("167168"), lcbench("126026")]
    if name == "fronts":
        return [KURSAWE, ZDT3, NETWORK_MEASURED]
    return load(Path(name))
