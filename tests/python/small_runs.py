"""A run of seconds, without a compiler and without scikit-learn, for the tests of the line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from qkdflow import workflow
from qkdflow.config import BUDGETS, RunConfig
from qkdflow.hardware import simulated

TINY = replace(
    BUDGETS["quick"],
    samples=800,
    teacher_trials=2,
    teacher_trial_epochs=2,
    teacher_epochs=3,
    student_trials=3,
    student_trial_epochs=3,
    student_epochs=5,
    student_restarts=2,
    baseline_epochs=2,
    least_steps=0,
)
PSD = RunConfig("psd", seed=3, max_parameters=400)


def make_small(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(BUDGETS, "quick", TINY)
    for module in (workflow, simulated):
        patch.setattr(module, "compiler_problem", lambda *_: "the test has no compiler")
    patch.setattr(workflow.baselines, "boosted_trees", lambda data, seed: None)


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    plain = json.loads(json.dumps(report))
    plain.pop("timings")
    plain["assessment"].pop("seconds")
    return plain
