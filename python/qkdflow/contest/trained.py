"""Problems that train something real: boosted trees, networks, and a surrogate of networks trained elsewhere.

Values are remembered for as long as the process lives: optimisers that ask for the same configuration get it again.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from qkdflow._core import Key
from qkdflow.contest.problem import Problem, Values
from qkdflow.errors import ToolError
from qkdflow.layers import Dense, Input
from qkdflow.models import Sequential
from qkdflow.optimizers import Adam
from qkdflow.tune import HyperParameters


def remembered(objective: Callable[[Values], float]) -> Callable[[Values], float]:
    known: dict[tuple[Any, ...], float] = {}

    def ask(values: Values) -> float:
        key = tuple(sorted(values.items()))
        if key not in known:
            known[key] = objective(values)
        return known[key]

    return ask


def _scikit_learn(module: str) -> Any:
    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError:
        cure = "pip install scikit-learn, or leave them out by --only"
        raise ToolError(f"[bench bo] trees_diabetes and network_digits need scikit-learn: {cure}") from None


# Gradient boosting on scikit-learn's diabetes data: 7,560 configurations.
def _trees_space(hp: HyperParameters) -> None:
    hp.Int("n_estimators", 5, 75, step=5)
    hp.Choice("learning_rate", [0.01, 0.03, 0.1, 0.3, 0.6, 1.0])
    hp.Int("max_depth", 1, 7)
    hp.Choice("max_features", [0.3, 0.6, 1.0])
    hp.Choice("loss", ["squared_error", "absolute_error", "huber", "quantile"])


@cache
def _diabetes() -> Any:
    x, y = _scikit_learn("datasets").load_diabetes(return_X_y=True)
    order = Key(0).fold("diabetes").permutation(len(y))
    return x[order[:300]], y[order[:300]], x[order[300:]], y[order[300:]]


def _trees(values: Values) -> float:
    x, y, x_valid, y_valid = _diabetes()
    model = _scikit_learn("ensemble").GradientBoostingRegressor(random_state=0, **values).fit(x, y)
    return math.sqrt(float(np.mean((model.predict(x_valid) - y_valid) ** 2)))


# Networks on scikit-learn's digits, of one to three layers: 1,512 configurations.
def _network_space(hp: HyperParameters) -> None:
    hp.Int("layers", 1, 3)
    for i in range(3):
        with hp.conditional_scope("layers", list(range(i + 1, 4))):
            hp.Choice(f"units{i}", [2, 4, 8, 12, 16, 24, 32, 48, 64] if i == 0 else [4, 8, 16, 32])
    hp.Choice("rate", [3e-4, 1e-3, 3e-3, 1e-2])
    hp.Choice("activation", ["relu", "linear"])


@cache
def _digits() -> Any:
    x, y = _scikit_learn("datasets").load_digits(return_X_y=True)
    order = Key(0).fold("digits").permutation(len(y))
    x = (x[order] / 16).astype(np.float32)
    return x[:1000], y[order[:1000]].astype(np.int64), x[1000:], y[order[1000:]]


def _network(values: Values) -> float:
    """The loss of the validation part after three epochs."""
    x, y, x_valid, y_valid = _digits()
    units = [int(values[f"units{i}"]) for i in range(int(values["layers"]))]
    model = Sequential([Input((64,)), *(Dense(n, str(values["activation"])) for n in units), Dense(10)])
    model.compile(optimizer=Adam(float(values["rate"])))
    model.fit(x, y, epochs=3, batch_size=32)
    logits = np.asarray(model.logits(x_valid), dtype=np.float64)
    top = logits.max(axis=1)
    log_sum = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return float(np.mean(log_sum - logits[np.arange(len(y_valid)), y_valid]))


def _parameters(values: Values) -> float:
    widths = [64, *(int(values[f"units{i}"]) for i in range(int(values["layers"]))), 10]
    return float(sum((a + 1) * b for a, b in pairwise(widths)))


# YAHPO's surrogate of LCBench (Pfisterer et al. 2022; Zimmer et al. 2021): validation error after 52 epochs.
def _lcbench_space(hp: HyperParameters) -> None:
    hp.Int("batch_size", 16, 512, sampling="log")
    hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    hp.Float("momentum", 0.1, 0.99)
    hp.Float("weight_decay", 1e-5, 1e-1)
    hp.Int("num_layers", 1, 5)
    hp.Int("max_units", 64, 1024, sampling="log")
    hp.Float("max_dropout", 0.0, 1.0)


@cache
def _surrogate() -> tuple[Any, dict[str, int]]:
    import json

    folder = Path(os.environ.get("QKDFLOW_SHARED", Path(__file__).parents[4] / "shared")) / "data/lcbench"
    if not (folder / "model.onnx").exists():
        cure = "let QKDFLOW_SHARED name its folder, or leave them out by --only"
        raise ToolError(f"[bench bo] lcbench problems need {folder}/model.onnx: {cure}")
    try:
        import onnxruntime
    except ImportError:
        cure = "pip install onnxruntime, or leave them out by --only"
        raise ToolError(f"[bench bo] lcbench problems need onnxruntime: {cure}") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return session, json.loads((folder / "encoding.json").read_text())["OpenML_task_id"]


def _lcbench(task: str) -> Callable[[Values], float]:
    def objective(values: Values) -> float:
        session, tasks = _surrogate()
        words = ("batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
        x = np.array([[52.0, *(float(values[w]) for w in words)]], dtype=np.float32)
        category, number = (i.name for i in sorted(session.get_inputs(), key=lambda i: "cont" in i.name))
        outputs = session.run(None, {category: np.array([[tasks[task]]], dtype=np.int32), number: x})
        return 100.0 - float(outputs[0][0][1])  # time, accuracy, ...

    return objective


def lcbench(task: str, optimum: float | None = None) -> Problem:
    return Problem(f"lcbench_{task}", _lcbench_space, _lcbench(task), optimum, needs=_surrogate)


TREES = Problem("trees_diabetes", _trees_space, remembered(_trees), needs=_diabetes)
NETWORK = Problem("network_digits", _network_space, remembered(_network), needs=_digits)
NETWORK_COST = replace(NETWORK, name="network_digits_cost", cost=_parameters, reference=(2.4, 12000.0))
