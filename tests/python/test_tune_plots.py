"""Figures of a study draw what the study holds, conditional spaces included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from qkdflow.errors import ConfigError
from qkdflow.plots import svg
from qkdflow.tune import HyperParameters, Study, TrialFailed
from qkdflow.tune import plots as figures


def space(hp: HyperParameters) -> None:
    hp.Choice("kind", ["dense", "conv"])
    with hp.conditional_scope("kind", ["conv"]):
        hp.Int("kernel", 1, 5)
    hp.Float("rate", 1e-4, 1e-1, sampling="log", default=1e-3)
    hp.Float("idle", 0, 1)
    hp.Fixed("seed", 3)


@pytest.fixture(scope="module")
def study() -> Study:
    def objective(trial) -> float:  # type: ignore[no-untyped-def]
        v = trial.values
        if trial.number == 7:
            raise TrialFailed("diverged")
        return (math.log10(v["rate"]) + 2.5) ** 2 - 0.3 * (v["kind"] == "conv") + 0.1 * v.get("kernel", 0)

    made = Study(space, direction="min", seed=0, cost=lambda v: float(v.get("kernel", 0)))
    made.optimize(objective, 25)
    return made


def test_every_figure_is_drawn_and_goes_into_a_page(study: Study) -> None:
    best = study.best
    assert best is not None
    drawn = [
        figures.history(study),
        figures.front(study, best),
        figures.slices(study),
        figures.response(study, "rate", "idle"),
        figures.response(study, "kind", "rate"),
        figures.importance(study),
        figures.parallel(study),
    ]
    for i, figure in enumerate(drawn):
        assert isinstance(figure, Figure)
        assert svg(figure, f"figure{i}").startswith("<svg")


def test_the_history_and_the_front_are_those_of_the_study(study: Study) -> None:
    lines = {line.get_label(): line for line in figures.history(study).axes[0].lines}
    assert lines["best so far"].get_ydata()[-1] == study.best.value  # type: ignore[union-attr,index]
    assert list(lines["failed"].get_xdata()) == [7]
    lines = {line.get_label(): line for line in figures.front(study).axes[0].lines}
    assert sorted(lines["front"].get_xdata()) == sorted(study.cost(t) for t in study.front)  # type: ignore[arg-type]


def test_what_matters_is_important_and_what_is_idle_is_not(study: Study) -> None:
    shares = figures.shares(study)
    assert set(shares) == {"kind", "kernel", "rate", "idle"}
    assert shares["rate"] > 0.6
    assert shares["idle"] < 0.05
    assert all(0 <= s <= 1 for s in shares.values())


def test_a_slice_shows_the_model_with_its_uncertainty(study: Study) -> None:
    axes = {ax.get_xlabel(): ax for ax in figures.slices(study).axes}
    line = axes["rate"].lines[0]
    best = 10 ** (math.log10(1e-4) + 3 * int(np.argmin(line.get_ydata())) / (figures.POINTS - 1))
    assert best == pytest.approx(10**-2.5, rel=0.5)
    assert axes["rate"].collections  # the band


def test_a_logarithmic_axis_is_written_in_numbers(study: Study) -> None:
    for figure in (figures.slices(study), figures.response(study, "rate", "idle")):
        axes = next(ax for ax in figure.axes if ax.get_xlabel() == "rate")
        words = [text.get_text() for text in axes.get_xticklabels()]
        assert "0.001" in words
        assert not any("$" in word for word in [*words, *(t.get_text() for t in axes.get_xticklabels(minor=True))])


def test_figures_need_what_they_draw() -> None:
    empty = Study(lambda hp: hp.Float("x", 0, 1))
    with pytest.raises(ConfigError, match="no trial succeeded"):
        figures.slices(empty)
    with pytest.raises(ConfigError, match="a front needs two objectives"):
        figures.front(empty)
    assert isinstance(figures.history(empty), Figure)
