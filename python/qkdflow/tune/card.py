"""How a search shows itself in a notebook: how many trials, the best so far, and the best ones' values."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from qkdflow.cards import card, grid, lines, note
from qkdflow.html import Child

if TYPE_CHECKING:
    from qkdflow.tune.study import Study
    from qkdflow.tune.trial import Trial

_SHOWN = 5  # trials


def study_card(study: Study) -> str:
    """A small self-contained HTML fragment; of several objectives it shows the front."""
    trials, many = study.trials, len(study.goals.directions) > 1 or study.goals.cost is not None
    states = Counter(trial.state for trial in trials)
    about = ", ".join([f"{len(trials)} trials", *(f"{n} {state}" for state, n in states.items())])
    names = [parameter.name for parameter in study.space.parameters]
    sign = 1.0 if study.goals.directions[0] == "max" else -1.0
    done = [trial for trial in trials if trial.state == "complete"]
    best = study.front if many else sorted(done, key=lambda t: (-sign * t.objectives[0], t.number))
    count = len(study.goals.directions)
    results = ["value"] if count == 1 else [f"value {i}" for i in range(count)]
    head = ["trial", *results, *(["cost"] if study.goals.cost else []), *names]
    rows = [_row(study, trial, names) for trial in best[:_SHOWN]]
    table = grid(head, rows, numeric=range(len(head) - len(names))) if rows else None
    return card("Study", about, table and note("Of the front" if many else "The best"), table, _so_far(done, sign))


def _row(study: Study, trial: Trial, names: list[str]) -> list[Child]:
    values = [_short(trial.values[name]) if name in trial.values else None for name in names]
    cost = [f"{study.cost(trial):.6g}"] if study.goals.cost else []
    return [str(trial.number), *(f"{value:.6g}" for value in trial.objectives), *cost, *values]


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _so_far(done: list[Trial], sign: float) -> Child:
    best: list[float] = []
    for trial in done:
        best.append(sign * max(sign * trial.objectives[0], sign * best[-1]) if best else trial.objectives[0])
    values = [trial.objectives[0] for trial in done]
    return lines({"each trial": values, "best so far": best}, "values, trial by trial")
