"""Several objectives, known costs, limits, early stopping, and numbers that no optimiser likes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qkdflow._core import hypervolume, non_dominated
from qkdflow.errors import ConfigError
from qkdflow.tune import Halving, Hyperband, HyperParameters, Median, Study, Trial, TrialFailed, TrialPruned
from qkdflow.tune.stopping import forecast


def square(hp: HyperParameters) -> None:
    hp.Float("x", 0, 1, default=0.9)
    hp.Float("y", 0, 1, default=0.9)


def widths(hp: HyperParameters) -> None:
    hp.Int("a", 1, 64, sampling="log")
    hp.Int("b", 1, 64, sampling="log")


def loss(v: dict[str, Any]) -> float:
    return float(1 / v["a"] + 1 / v["b"] + 0.02 * math.sin(v["a"] * 0.7))


def size(v: dict[str, Any]) -> float:
    return float(v["a"] * v["b"] + v["b"])


def both(trial: Trial) -> tuple[float, float]:
    x, y = float(trial.values["x"]), float(trial.values["y"])
    return x * x + y, -((1 - x) ** 2 + y)


def test_two_objectives_find_the_front() -> None:
    study = Study(square, direction=("min", "max"), seed=0)
    study.optimize(both, 25)
    assert len(study.front) > 6
    points = np.array([[t.objectives[0], -t.objectives[1]] for t in study.front])
    assert hypervolume(points, np.array([2.0, 2.0])) > 0.93 * (4 - 1 / 6)  # the whole front's: 23/6
    assert sorted(non_dominated(points)) == list(range(len(points)))
    assert list(points[:, 0]) == sorted(points[:, 0])


def test_three_objectives_are_searched_too() -> None:
    study = Study(square, direction=("min", "min", "min"), seed=0)
    study.optimize(lambda t: (*(abs(v) for v in both(t)), float(t.values["y"])), 20)
    assert sum(t.values["y"] < 0.1 for t in study.trials[10:]) > 4
    assert study.front


def test_a_known_cost_needs_no_trial_and_finds_the_front() -> None:
    everything = np.array(
        [[loss({"a": a, "b": b}), size({"a": a, "b": b})] for a in range(1, 65) for b in range(1, 65)]
    )
    reference = np.array([1.0, 2000.0])
    whole = hypervolume(everything, reference)
    study = Study(widths, direction="min", cost=size, reference=(1.0, 2000.0), seed=0)
    study.optimize(lambda t: loss(t.values), 25)
    found = np.array([[t.objectives[0], study.cost(t)] for t in study.trials])
    assert hypervolume(found, reference) > 0.93 * whole
    assert [study.cost(t) for t in study.front] == [size(t.values) for t in study.front]


def test_limits_are_learned_from_what_trials_say(tmp_path: Path) -> None:
    def objective(trial: Trial) -> tuple[float, dict[str, float]]:
        return loss(trial.values), {"lut": size(trial.values)}

    study = Study(widths, direction="min", limits={"lut": 300}, seed=0, journal=tmp_path / "j")
    best = study.optimize(objective, 30)
    assert best is not None
    assert best.info["lut"] <= 300
    allowed = [loss({"a": a, "b": b}) for a in range(1, 65) for b in range(1, 65) if size({"a": a, "b": b}) <= 300]
    assert best.value is not None
    assert best.value < min(allowed) + 0.03
    assert sum(t.info["lut"] <= 300 for t in study.trials[12:]) >= 9
    with pytest.raises(ConfigError, match=r"limits was \{'lut': 300\}, now None"):
        Study(widths, direction="min", seed=0, journal=tmp_path / "j")
    with pytest.raises(ConfigError, match="info must have a number 'lut'"):
        study.tell(study.ask(), 1.0)


def test_a_study_where_nothing_meets_the_limits_looks_for_what_does() -> None:
    study = Study(widths, direction="min", limits={"lut": -1}, seed=0)
    assert study.optimize(lambda t: (loss(t.values), {"lut": size(t.values)}), 16) is None
    assert min(t.info["lut"] for t in study.trials[10:]) <= 12  # of 2 to 4,160


def curve(trial: Trial, steps: int = 27) -> float:
    x = float(trial.values["x"])
    value = 0.0
    for step in range(1, steps + 1):
        value = abs(x - 0.3) + 1 / step
        if trial.report(step, value):
            raise TrialPruned
    return value


@pytest.mark.parametrize("stopper", [Median(), Halving(first_step=3), Hyperband(last_step=27, first_step=3)])
def test_hopeless_trials_stop_early_and_their_curves_count(stopper: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"direction": "min", "seed": 2, "stopper": stopper}
    study = Study(square, journal=tmp_path / "j", **options)
    best = study.optimize(curve, 30)
    pruned = [t for t in study.trials if t.state == "pruned"]
    assert sum(len(t.curve) < 27 for t in pruned) >= 3  # Halving has a rung at the last step too
    assert all(t.value == t.curve[-1][1] for t in pruned)
    assert best is not None
    assert abs(float(best.values["x"]) - 0.3) < 0.05
    again = Study(square, **options)
    again.optimize(curve, 30)
    assert [t.values for t in again.trials] == [t.values for t in study.trials][:30]


def test_reports_must_rise_and_numbers_that_are_none_stop() -> None:
    study = Study(square, direction="min", seed=0)
    trial = study.ask()
    assert not trial.report(1, 0.5)
    with pytest.raises(ConfigError, match="steps must rise"):
        trial.report(1, 0.4)
    assert trial.report(2, math.nan)
    assert study.tell(trial, None, "pruned").value is None
    for bad in (lambda: Median(0), lambda: Halving(factor=1), lambda: Hyperband(0)):
        with pytest.raises(ConfigError):
            bad()


def test_a_forecast_moves_as_the_finished_trials_moved() -> None:
    finished = [([(1, 5.0), (2, 3.0)], 1.0), ([(1, 4.0), (2, 3.0)], 2.0), ([(1, 9.0)], 9.0)]
    assert forecast([(1, 6.0), (2, 4.0)], finished) == 4.0 - 1.5
    assert forecast([(1, 6.0)], []) == 6.0
    assert forecast([], finished) == math.inf


def test_the_model_predicts_in_the_objective_s_own_units() -> None:
    study = Study(widths, direction="max", seed=0)
    study.optimize(lambda t: 1e6 - 1e3 * loss(t.values), 25)
    mean, deviation = study.predict([t.values for t in study.trials])
    told = np.array([t.objectives[0] for t in study.trials])
    assert np.abs(mean - told).max() < 100
    assert (deviation > 0).all()


def test_goals_refuse_nonsense() -> None:
    for options, text in [
        ({"direction": ()}, "one an objective"),
        ({"limits": {"lut": math.inf}}, "limits must be finite"),
        ({"reference": (1.0,)}, "reference must be two numbers"),
    ]:
        with pytest.raises(ConfigError, match=text):
            Study(square, **options)  # type: ignore[arg-type]
    study = Study(square, direction=("min", "min"))
    with pytest.raises(ConfigError, match="one number an objective, 2"):
        study.tell(study.ask(), 1.0)
    assert study.tell(study.trials[0], (1.0, math.nan)).state == "failed"


# Objectives that are constant, tiny, huge, failing, or not numbers, in any order.
NUMBERS = st.one_of(
    st.sampled_from([0.0, 1e-12, -1e-12, 1e12, 1e300, -1e300, math.nan, math.inf, -math.inf, None]),
    st.floats(-1e3, 1e3),
)


@settings(deadline=None, max_examples=25)
@given(numbers=st.lists(NUMBERS, min_size=1, max_size=18), dimensions=st.sampled_from([1, 3, 25]))
def test_whatever_is_told_the_next_suggestion_is_legal_and_new(numbers: list[Any], dimensions: int) -> None:
    def many(hp: HyperParameters) -> None:
        hp.Choice("kind", ["a", "b"])
        for i in range(dimensions):
            hp.Float(f"x{i}", -1, 1)

    study = Study(many, direction="min", seed=0)
    for number in numbers:
        trial = study.ask()
        study.tell(trial, number, "failed" if number is None else "complete")
    study.ask()
    assert len({json.dumps(t.values) for t in study.trials}) == len(numbers) + 1
    for trial in study.trials:
        study.space.encode(trial.values)


def test_all_objectives_may_fail_and_all_be_equal_with_two_objectives() -> None:
    def fails(trial: Trial) -> float:
        raise TrialFailed("always")

    for objective in (fails, lambda t: (1.0, 1.0)):
        study = Study(square, direction=("min", "min"), seed=0)
        study.optimize(objective, 14)
        assert len({json.dumps(t.values) for t in study.trials}) == 14
