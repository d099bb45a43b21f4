"""Optuna's samplers at their defaults: optuna_tpe, optuna_gp."""

from __future__ import annotations

import sys
from typing import Any

import optuna
from protocol import Parameter, is_active, result, searches, timed

optuna.logging.set_verbosity(optuna.logging.ERROR)
SAMPLERS = {
    "optuna_tpe": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "optuna_gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
}


def suggest(trial: optuna.Trial, p: Parameter) -> Any:
    name, kind = p["name"], p["kind"]
    if kind == "Int" and not (p["sampling"] == "log" and p["step"] > 1):
        log = p["sampling"] == "log"
        return trial.suggest_int(name, p["min_value"], p["max_value"], step=1 if log else p["step"], log=log)
    if kind == "Float":
        return trial.suggest_float(name, p["min_value"], p["max_value"], step=p["step"], log=p["sampling"] == "log")
    if kind == "Choice":
        return trial.suggest_categorical(name, p["values"])
    if kind == "Boolean":
        return trial.suggest_categorical(name, [False, True])
    sys.exit(f"no such parameter in Optuna: {p}")


def ask(study: optuna.Study, space: list[Parameter]) -> tuple[optuna.Trial, dict[str, Any]]:
    trial, values = study.ask(), {}
    for p in space:
        if is_active(p, values):
            values[p["name"]] = suggest(trial, p)
    return trial, values


for search in searches():
    sampler = SAMPLERS[sys.argv[1]](search["seed"])
    study = optuna.create_study(sampler=sampler, directions=["minimize"] * search["directions"])
    while True:
        (trial, values), cpu = timed(lambda study=study, space=search["space"]: ask(study, space))
        told = result(values, cpu)
        if told is None:
            break
        study.tell(trial, told)
