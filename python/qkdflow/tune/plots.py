"""Figures of a study: functions that return a matplotlib Figure; `qkdflow.plots.svg` makes one inline SVG.

What the model says is drawn with its uncertainty: bands are two standard deviations of the noise-free objective.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from qkdflow._core import Key
from qkdflow.errors import ConfigError
from qkdflow.plots.style import BLUE, GREEN, GRID, INK, MUTED, ORANGE, Figure, label, log_numbers, styled
from qkdflow.tune.parameters import Parameter, Value
from qkdflow.tune.study import Study
from qkdflow.tune.trial import Trial

Array = npt.NDArray[np.float64]
Values = dict[str, Value]
POINTS = 49  # along a slice
GRID_POINTS = 21  # along each side of a pair
SHADES = 32  # of a response
SAMPLES = 256  # configurations that importance averages over
LEVELS = 12  # of a hyper-parameter for its importance


@styled
def history(study: Study, objective: int = 0, title: str = "History") -> Figure:
    """Each trial's objective and the best so far, by the order of asking; failed and stopped trials are marked."""
    figure = Figure(figsize=(4.8, 3.3))
    ax = figure.add_subplot(title=title, xlabel="trial", ylabel=f"objective {objective + 1}")
    done = [t for t in study.trials if t.state == "complete"]
    if done:
        numbers, scores = [t.number for t in done], [t.objectives[objective] for t in done]
        best = np.minimum if study.goals.directions[objective] == "min" else np.maximum
        ax.plot(numbers, scores, "o", color=BLUE, alpha=0.75, mew=0, label="trial")
        ax.step(numbers, best.accumulate(scores), where="post", color=ORANGE, label="best so far")
    stopped = [t for t in study.trials if t.state == "pruned" and t.value is not None]
    if stopped and objective == 0:
        last = np.array([t.value for t in stopped], dtype=np.float64)
        ax.plot([t.number for t in stopped], last, "v", color=MUTED, label="stopped early")
    failed = [t.number for t in study.trials if t.state == "failed"]
    if failed:
        ax.plot(failed, [0.03] * len(failed), "x", color=MUTED, transform=ax.get_xaxis_transform(), label="failed")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if study.trials:
        figure.legend(loc="outside lower center", ncols=4)
    return figure


@styled
def front(
    study: Study,
    chosen: Trial | None = None,
    title: str = "Pareto front",
    names: tuple[str, str] | None = None,
) -> Figure:
    """The two objectives (the cost and the objective) of all trials, the front joined, the chosen trial circled."""
    count = len(study.goals.directions) + (study.goals.cost is not None)
    if count < 2:
        raise ConfigError("[plots] a front needs two objectives, or one and a cost; got one")

    def point(trial: Trial) -> tuple[float, float]:
        first = trial.objectives[0]
        return (study.cost(trial), first) if study.goals.cost is not None else (first, trial.objectives[1])

    figure = Figure(figsize=(4.8, 3.3))
    if names is None:
        names = ("cost", "objective") if study.goals.cost is not None else ("objective 1", "objective 2")
    ax = figure.add_subplot(title=title, xlabel=names[0], ylabel=names[1])
    done = [point(t) for t in study.trials if t.state == "complete"]
    if done:
        ax.plot(*zip(*done, strict=True), "o", color=GRID, mec=MUTED, mew=0.5, label="trial")
        best = sorted(point(t) for t in study.front)
        if best:
            ax.plot(*zip(*best, strict=True), "o-", color=BLUE, label="front")
        figure.legend(loc="outside lower center", ncols=3)
    if chosen is not None:
        ax.plot(*point(chosen), "o", ms=11, mfc="none", mec=ORANGE, mew=1.8, label="chosen")
    return figure


@styled
def slices(study: Study, at: Mapping[str, Value] | None = None, objective: int = 0, title: str = "Slices") -> Figure:
    """The model along each active hyper-parameter through a configuration (the best, where not given)."""
    centre = _centre(study, at)
    parameters = [p for p in study.space.parameters if p.name in centre and p.levels != 1]
    columns = min(3, len(parameters))
    figure = Figure(figsize=(2.6 * columns, 2.3 * -(-len(parameters) // columns)))
    figure.suptitle(title)
    shared = None
    for i, parameter in enumerate(parameters):
        values, kept = _along(study, parameter, centre, POINTS)
        mean, deviation = study.predict(kept, objective)
        ax = figure.add_subplot(-(-len(parameters) // columns), columns, i + 1, sharey=shared)
        shared = shared or ax
        x = _axis(ax, "x", parameter, values)
        if isinstance(x[0], str):
            ax.errorbar(x, mean, 2 * deviation, fmt="o", color=BLUE)
        else:
            ax.fill_between(x, mean - 2 * deviation, mean + 2 * deviation, color=BLUE, alpha=0.18, lw=0)
            ax.plot(x, mean, color=BLUE)
        here: Any = (
            x[values.index(centre[parameter.name])] if centre[parameter.name] in values else centre[parameter.name]
        )
        ax.axvline(here, color=ORANGE, lw=1)
        ax.set_xlabel(label(parameter.name, 24))
    return figure


@styled
def response(
    study: Study, x: str, y: str, at: Mapping[str, Value] | None = None, objective: int = 0, title: str = "Response"
) -> Figure:
    """The model's mean and standard deviation over two hyper-parameters, the others as in a configuration."""
    centre = _centre(study, at)
    for name in (x, y):
        if name not in centre:
            raise ConfigError(f"[plots] {name} is not active there; active are {', '.join(centre)}")
    first, second = (study.space.parameters[study.space.index[name]] for name in (x, y))
    columns, _ = _along(study, first, centre, GRID_POINTS)
    rows, _ = _along(study, second, centre, GRID_POINTS)
    cells = [_legal(study, {**centre, x: a, y: b}) for b in rows for a in columns]
    mean, deviation = study.predict(cells, objective)
    figure = Figure(figsize=(7.2, 3.1))
    for i, (numbers, name, colours) in enumerate(((mean, "mean", "viridis"), (deviation, "deviation", "cividis"))):
        ax = figure.add_subplot(1, 2, i + 1, title=f"{title}: {name}", xlabel=label(x, 24), ylabel=label(y, 24))
        axes = [_axis(ax, "x", first, columns), _axis(ax, "y", second, rows)]
        mesh = ax.pcolormesh(
            *[range(len(a)) if isinstance(a[0], str) else a for a in axes],
            numbers.reshape(len(rows), len(columns)),
            cmap=colormaps[colours].resampled(SHADES),
            shading="nearest",
        )
        for ticks, names in ((ax.set_xticks, axes[0]), (ax.set_yticks, axes[1])):
            if isinstance(names[0], str):
                ticks(range(len(names)), names)
        solids = figure.colorbar(mesh, ax=ax).solids
        if solids is not None:
            solids.set_rasterized(False)  # an SVG stays one
        told = [t.values for t in study.trials if x in t.values and y in t.values]
        if told and not any(isinstance(a[0], str) for a in axes):
            ax.plot([v[x] for v in told], [v[y] for v in told], ".", color=INK, ms=3)
    return figure


def shares(study: Study, objective: int = 0) -> dict[str, float]:
    """How much of the variance of the model's mean over the space each hyper-parameter explains by itself, 0 to 1.

    First-order Sobol indices (Saltelli et al. 2010) by plain averages; an inactive one explains nothing.
    """
    space, key = study.space, Key(0).fold("importance")
    sample = []
    for i in range(SAMPLES):
        values: Values = {}
        for parameter, u in zip(space.parameters, key.fold(i).uniform(len(space.parameters)), strict=True):
            if space.is_active(parameter, values):
                levels = parameter.levels
                values[parameter.name] = parameter.value_at(float(u) if levels is None else float(int(u * levels)))
        sample.append(values)
    mean, _ = study.predict(sample, objective)
    variance = float(mean.var())
    found: dict[str, float] = {}
    for parameter in (p for p in space.parameters if p.levels != 1):
        active = [v for v in sample if parameter.name in v]
        choices = _values(parameter, LEVELS)
        table = [_legal(study, {**v, parameter.name: choice}) for choice in choices for v in active]
        effect = study.predict(table, objective)[0].reshape(len(choices), len(active)).mean(axis=1) if active else None
        share = 0.0 if effect is None else float(effect.var()) * len(active) / SAMPLES
        found[parameter.name] = min(share / variance, 1.0) if variance > 0 else 0.0
    return found


@styled
def importance(found: Study | Mapping[str, float], objective: int = 0, title: str = "Importance") -> Figure:
    """The shares of `shares`, of a study or given, the largest on top."""
    known = shares(found, objective) if isinstance(found, Study) else found
    ordered = sorted(known.items(), key=lambda item: item[1])
    figure = Figure(figsize=(4.8, 0.7 + 0.32 * len(ordered)))
    ax = figure.add_subplot(title=title, xlabel="share of the variance explained by itself", xlim=(0, 1))
    ax.barh([label(name, 24) for name, _ in ordered], [share for _, share in ordered], color=BLUE)
    return figure


@styled
def parallel(study: Study, title: str = "Parallel coordinates") -> Figure:
    """A line for each complete trial through its values; the best tenth in colour. Inactive values are left out."""
    parameters = [p for p in study.space.parameters if p.levels != 1]
    done = [t for t in study.trials if t.state == "complete"]
    sign = float(study.goals.signs[0])
    done.sort(key=lambda t: -sign * t.objectives[0])  # the best are drawn last
    best = len(done) - max(1, len(done) // 10)
    figure = Figure(figsize=(max(7.2, 1.1 * len(parameters)), 3.3))
    ax = figure.add_subplot(title=title, ylim=(-0.05, 1.05), yticks=[])
    for i, trial in enumerate(done):
        y = [_height(p, trial.values[p.name]) if p.name in trial.values else np.nan for p in parameters]
        colour, width, order = (ORANGE, 1.6, 3) if i >= best else (MUTED, 0.6, 2)
        ax.plot(range(len(parameters)), y, marker=".", color=colour, lw=width, zorder=order, alpha=0.9)
    for i, parameter in enumerate(parameters):
        ax.axvline(i, color=GREEN, lw=0.6, zorder=1)
        ends = _values(parameter, 2)
        for value, height, side in ((ends[0], 0.0, "top"), (ends[-1], 1.0, "bottom")):
            ax.annotate(_text(value), (i, height), ha="center", va=side, fontsize=8, color=MUTED)
    ax.set_xticks(range(len(parameters)), [label(p.name, 16) for p in parameters], rotation=20)
    return figure


def _centre(study: Study, at: Mapping[str, Value] | None) -> Values:
    if at is not None:
        return dict(at)
    best = study.best
    if best is None:
        raise ConfigError("[plots] no trial succeeded yet: there is no model to draw")
    return dict(best.values)


def _values(parameter: Parameter, count: int) -> list[Value]:
    """All values, or `count` evenly spread, the ends among them."""
    levels = parameter.levels
    if levels is None:
        return [parameter.value_at(float(u)) for u in np.linspace(0, 1, count)]
    chosen = range(levels) if levels <= count else sorted({round(k) for k in np.linspace(0, levels - 1, count)})
    return [parameter.value_at(float(level)) for level in chosen]


def _along(study: Study, parameter: Parameter, centre: Values, count: int) -> tuple[list[Value], list[Values]]:
    values = _values(parameter, count)
    return values, [_legal(study, {**centre, parameter.name: value}) for value in values]


def _legal(study: Study, values: Mapping[str, Value]) -> Values:
    """The values with those inactive left out and those newly active at their defaults."""
    legal: Values = {}
    for parameter in study.space.parameters:
        if study.space.is_active(parameter, legal):
            legal[parameter.name] = values.get(parameter.name, parameter.default)
    return legal


def _axis(ax: Axes, side: Literal["x", "y"], parameter: Parameter, values: Sequence[Value]) -> list[Any]:
    """The values as numbers of an axis, or as words where they are not numbers."""
    if any(isinstance(v, (bool, str)) for v in values):
        return [_text(v) for v in values]
    wide = min(values) > 0 and max(values) >= 100 * min(values)  # type: ignore[operator]
    if getattr(parameter, "sampling", "log" if wide else "linear") == "log":
        ax.set(**{f"{side}scale": "log"})
        log_numbers(ax.xaxis if side == "x" else ax.yaxis)
    return list(values)


def _height(parameter: Parameter, value: Value) -> float:
    levels = parameter.levels
    return parameter.code_of(value) / (1 if levels is None else levels - 1)


def _text(value: Value) -> str:
    return label(f"{value:.3g}" if isinstance(value, float) else str(value), 12)
