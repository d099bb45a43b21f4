"""Trainings that come to nothing are named, never win, and the search goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qkdflow import FixedPoint, Key, Sequential, datasets, hypermodels, recipe, stages
from qkdflow.config import RunConfig
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError, DataError
from qkdflow.layers import Dense, Input
from qkdflow.models import History, Weights
from qkdflow.optimizers import SGD
from qkdflow.recipe import Trained
from qkdflow.report import sections
from qkdflow.summary import Report
from qkdflow.tune import HyperParameters

CONFIG = RunConfig("psd", effort={"teacher_trials": 12, "teacher_trial_epochs": 2})
KINDS = ["good", "explodes", "dead", "contrary"]


@pytest.fixture(scope="module")
def data() -> Dataset:
    return datasets.psd.simulate(Key(0), 800)


def rounds(data: Dataset, key: Key | int) -> Sequential:
    """A network that learns these pulses in a few epochs."""
    first = hypermodels.scaling.standardization(data)
    return Sequential([Input(data.shape), first, Dense(16, "relu"), Dense(data.classes)], key=key)


def contrary(data: Dataset) -> Sequential:
    """Trained on labels that are all one class off."""
    model = rounds(data, Key(3))
    model.fit(data.train.x, (data.train.y + 1) % data.classes, epochs=20)
    return model


def dead(data: Dataset) -> Sequential:
    """Every ReLU stays at zero, whatever comes in."""
    model = rounds(data, Key(4))
    weights = list(model.get_weights().values)
    place = model.graph.param_names.index("dense/bias")
    weights[place] = np.full_like(weights[place], -1e6)
    model.set_weights(Weights(tuple(weights), model.get_weights().masks))
    return model


def only(kinds: list[str], data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the teacher search choose among these kinds of networks."""
    made = {"dead": dead, "contrary": contrary}

    def build(hp: HyperParameters, key: Key | int = 0) -> Sequential:
        kind = hp.Choice("kind", kinds)
        hp.Float("x", 0, 1)
        model = made[kind](data) if kind in made else rounds(data, key)
        model.compile(SGD({"good": 0.01, "explodes": 1e30}.get(kind, 1e-12)))
        return model

    build.batch = 128  # type: ignore[attr-defined]
    monkeypatch.setattr(hypermodels, "teacher_family", lambda *_: build)


def test_a_search_names_what_fails_and_goes_on(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    only(KINDS, data, monkeypatch)
    study = stages.search_teacher(data, CONFIG, Key(1))
    errors = {t.values["kind"]: t.info["error"] for t in study.trials if t.state == "failed"}
    assert "no longer a number" in errors["explodes"]
    assert "dead" in errors["dead"]
    assert "worse than chance, 1 of 4" in errors["contrary"]
    assert len(study.trials) == 12
    assert study.best is not None
    assert study.best.values["kind"] == "good"


def test_where_every_trial_fails_the_reasons_are_told(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    only(["dead", "explodes"], data, monkeypatch)
    config = replace(CONFIG, effort={**CONFIG.effort, "teacher_trials": 4})
    study = stages.search_teacher(data, config, Key(1))
    with pytest.raises(DataError, match=r"no trial succeeded: .*NaN.*; the network is dead"):
        stages.train_teacher(data, study, config, Key(1))


def test_a_teacher_that_is_worse_than_chance_is_refused(data: Dataset, tmp_path: Path) -> None:
    contrary(data).save(tmp_path / "teacher")
    with pytest.raises(ConfigError, match=r"must be better than chance, 1 of 4.*in this order"):
        stages.given_teacher(str(tmp_path / "teacher"), data)


def test_weights_that_a_last_step_broke_are_seen_in_the_validation_loss(data: Dataset) -> None:
    history = History({"loss": [1.0, 0.9], "val_loss": [1.0, float("nan")], "val_accuracy": [0.5, 0.9]})
    assert "NaN" in str(recipe.failing(Trained(rounds(data, Key(1)), history), data))


def test_features_that_never_change_are_counted_and_harm_nothing(data: Dataset) -> None:
    x = data.x.copy()
    x[:, :3] = 512.0
    flat = replace(data, x=x)
    assert (data.constant_features, flat.constant_features) == (0, 3)
    trained = recipe.fit(rounds(flat, Key(1)), flat, 6, 32, Key(2))
    assert recipe.failing(trained, flat) is None
    part = Report(CONFIG, flat).parts
    assert "never change in the training part: 3" in str(sections._data(part))


def test_samples_that_are_all_the_same_are_refused(tmp_path: Path) -> None:
    rows = "\n".join(f"3,7,{'ab'[i % 2]}" for i in range(40))
    (tmp_path / "flat.csv").write_text(f"u,v,class\n{rows}\n")
    with pytest.raises(DataError, match=r"flat.csv\] samples must differ; all 28 to train on hold the same values"):
        stages.dataset(RunConfig(str(tmp_path / "flat.csv")))


def test_a_constant_feature_scales_to_finite_numbers() -> None:
    x = np.full((30, 2), 5, np.float32)
    x[::2, 1] = 6
    data = Dataset.make("flat", x, (np.arange(30) % 2).astype(np.int64), ("a", "b"), FixedPoint(8, 8, False), Key(1))
    for layer in (hypermodels.scaling.standardization(data), hypermodels.scaling.power_of_two_scaling(data)):
        scaled = Sequential([Input((2,)), layer, Dense(2)]).logits(x)
        assert np.isfinite(scaled).all()
