"""Why a student of a constrained search was refused: read from the search's journal, or asked of the estimator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from qkdflow import stages
from qkdflow.config import RunConfig
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError, DataError
from qkdflow.files import read_json
from qkdflow.refusal import BROKEN
from qkdflow.tune import HyperParameters


@dataclass(frozen=True)
class Student:
    """A trial of the student search that ended with a value: what it scored, what it needs (estimated), why refused."""

    number: int
    values: dict[str, Any]
    value: float
    accuracy: float
    needs: dict[str, int]
    refused: list[str]

    def __str__(self) -> str:
        why = "; ".join(self.refused) or "meets every constraint"
        return f"trial {self.number}: accuracy {self.accuracy:.4f}, {why}"


def students(run: str | Path) -> list[Student]:
    """The trained students of a run's search. DataError where there is no search."""
    path = Path(run) / "04_student_search" / "journal.jsonl"
    try:
        events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    except OSError as error:
        raise DataError(f"[{path}] a run with a student search is required; {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"[{path}] is no journal of a search: {error}") from error
    try:
        return _told(events)
    except BROKEN as error:
        raise DataError(f"[{path}] is no journal of a search: {error!r}") from error


def _told(events: list[Any]) -> list[Student]:
    values = {event["ask"]: event["values"] for event in events if "ask" in event}
    found = []
    for event in events:
        info = event.get("info") or {}
        if event.get("state") == "complete":
            number, value = event["tell"], float(event["value"])
            needs, refused = dict(info.get("estimate") or {}), list(info.get("refused") or [])
            found.append(Student(number, values[number], value, float(info.get("accuracy", value)), needs, refused))
    return found


def candidate(run: str | Path, values: Mapping[str, Any]) -> list[str]:
    """Why a configuration would be refused before training; empty where it would be tried. Not in the journal.

    values: by hyper-parameter, its default where it has none. ConfigError for other names and values.
    """
    config = run_config(run)
    data = Dataset.load(Path(run) / "01_dataset")
    hp = HyperParameters(dict(values))
    model = stages.student_family(data, config)(hp)
    unknown = sorted(set(values) - set(hp.parameters))
    if unknown:
        raise ConfigError(f"[--values] must name {', '.join(hp.parameters)}; got {', '.join(unknown)}")
    limited = config.limited
    why = [] if limited is None else limited.refusals(stages.untrained(config, model), hopeful=True)
    if config.max_parameters is not None and model.count_params() > config.max_parameters:
        why.append(f"{model.count_params():,} parameters of {config.max_parameters:,} allowed (max_parameters)")
    return why


def run_config(run: str | Path) -> RunConfig:
    """The settings of a run. DataError."""
    path = Path(run) / "run.json"
    found = read_json(path)
    settings = found.get("config") if isinstance(found, dict) else None
    if not isinstance(settings, dict):
        raise DataError(f"[{path}] the settings of a run are required")
    known = {f.name for f in fields(RunConfig)}
    try:
        kept = {k: v for k, v in settings.items() if k in known}
        return RunConfig(**{**kept, "hls": settings["hls"]})  # which every run has said
    except BROKEN as error:
        raise DataError(f"[{path}] the settings of a run are required; {error}") from error
