"""KerasTuner's BayesianOptimizationOracle at its defaults (of several objectives it takes the sum: no entry)."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from typing import Any

from protocol import Parameter, is_active, result, searches, timed

with contextlib.redirect_stdout(io.StringIO()):
    import keras_tuner
    from keras_tuner.src.engine import trial as trial_module


def declare(hp: keras_tuner.HyperParameters, p: Parameter) -> None:
    name, kind = p["name"], p["kind"]
    if kind == "Int":
        hp.Int(
            name,
            p["min_value"],
            p["max_value"],
            step=p["step"] if p["sampling"] == "linear" else None,
            sampling=p["sampling"],
            default=p["default"],
        )
    elif kind == "Float":
        hp.Float(name, p["min_value"], p["max_value"], step=p["step"], sampling=p["sampling"], default=p["default"])
    elif kind == "Choice":
        hp.Choice(
            name,
            p["values"],
            ordered=p["ordered"] if not isinstance(p["values"][0], str) else None,
            default=p["default"],
        )
    elif kind == "Boolean":
        hp.Boolean(name, default=p["default"])
    else:
        sys.exit(f"no such parameter in KerasTuner: {p}")


def scoped(hp: keras_tuner.HyperParameters, p: Parameter) -> None:
    with contextlib.ExitStack() as scopes:
        for condition in p["conditions"]:
            scopes.enter_context(hp.conditional_scope(condition["parent"], condition["values"]))
        declare(hp, p)


def ask(oracle: Any) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        return oracle.create_trial("tuner0")


for search in searches():
    hp = keras_tuner.HyperParameters()
    for parameter in search["space"]:
        scoped(hp, parameter)
    oracle = keras_tuner.oracles.BayesianOptimizationOracle(
        objective=keras_tuner.Objective("loss", "min"), max_trials=10_000, hyperparameters=hp, seed=search["seed"]
    )
    with tempfile.TemporaryDirectory() as folder:
        oracle._set_project_dir(folder, "contest")
        while True:
            trial, cpu = timed(lambda oracle=oracle: ask(oracle))
            every = trial.hyperparameters.values
            values: dict[str, Any] = {}
            for parameter in search["space"]:
                if is_active(parameter, values):
                    values[parameter["name"]] = every[parameter["name"]]
            told = result(values, cpu)
            if told is None:
                break
            with contextlib.redirect_stdout(io.StringIO()):
                oracle.update_trial(trial.trial_id, {"loss": told[0]})
                trial.status = trial_module.TrialStatus.COMPLETED
                oracle.end_trial(trial)
