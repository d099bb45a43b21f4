"""The section on the searches: what they tried and chose, and what the optimiser's model makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from qkdflow import plots
from qkdflow.html import Child, Html, join, table, tag
from qkdflow.report.drawing import drawn
from qkdflow.report.verdicts import percent, why_not
from qkdflow.tune import Space, Study, Trial
from qkdflow.tune import plots as figures

_NONE = "\N{EM DASH}"


def section(report: Mapping[str, Any]) -> Html:
    drawings: list[Html] = []
    models: list[Html] = []
    rows: list[Sequence[Child]] = []
    for model in ("teacher", "student"):
        search = report.get(f"{model}_search") or {}
        trials = search.get("trials", [])
        done = [t for t in trials if t["objective"] is not None]
        if not done:
            rows.append([model, *[_NONE] * 4, tag("em", f"not run: {why_not(search)}")])
            continue
        drawing = plots.search_history(search, f"{model.capitalize()} search")
        title = f"Trials of the {model} search"
        drawings.append(drawn(f"search-{model}", title, drawing, None, wide=False))
        best = max(done, key=lambda t: (t["objective"], -t["number"]))
        values = [
            tag("span", f"{name} ", tag("b", _short(value)), class_="pick") for name, value in best["values"].items()
        ]
        size = f"{best['parameters']:,}" if best["parameters"] else _NONE
        rows.append([model, str(len(trials)), str(best["number"]), percent(best["objective"]), size, values])
        if search.get("space"):  # reports of before do not have it
            models.append(_model(model, search))
    head = ["Search", "Trials", "Best trial", "Validation [%]", "Parameters", "Best values"]
    pair = tag("div", drawings, class_="pair") if drawings else None
    return join(pair, table(head, rows, numeric=(1, 2, 3, 4)), models)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def study_of(search: Mapping[str, Any]) -> Study:
    """The study that report.json's search was; its cost is the number of parameters of each trial's network."""
    trials = [
        Trial(
            t["number"],
            t["values"],
            t["state"],
            t["objective"],
            objectives=(t["objective"],) if t["state"] == "complete" else (),
        )
        for t in search["trials"]
    ]
    sizes = {_key(t["values"]): float(t["parameters"] or 0) for t in search["trials"]}
    space = Space.from_list(search["space"])
    return Study.of(space, trials, direction="max", seed=search["seed"], cost=lambda values: sizes[_key(values)])


def _key(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), sort_keys=True)


def _model(model: str, search: Mapping[str, Any]) -> Html:
    """Two standard deviations of the model are drawn about its mean; nothing here was trained anew."""
    study, name = study_of(search), model.capitalize()
    shares = figures.shares(study)
    sized = [t["parameters"] for t in search["trials"] if t["objective"] is not None]
    shown = [
        drawn(
            f"front-{model}",
            f"Accuracy against parameters in the {model} search",
            figures.front(study, study.best, f"{name}: front", ("parameters", "validation accuracy")),
            "Of the trials that no other beats in both; circled, the one whose values were trained in full.",
            wide=False,
        )
        if all(sized)
        else None,
        drawn(
            f"importance-{model}",
            f"Importance of the {model}'s hyper-parameters",
            figures.importance(shares, title=f"{name}: importance"),
            "Of the variance of the model's mean over the whole space.",
            wide=False,
        ),
    ]
    best = study.best
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    active = [word for word, _ in ranked if best is not None and word in best.values]
    wide = [
        drawn(
            f"slices-{model}",
            f"Slices of the {model} search's model",
            figures.slices(study, title=f"{name}: accuracy along each hyper-parameter, through the best trial"),
            "The Gaussian process's mean and two standard deviations; the line is at the best trial.",
        ),
        drawn(
            f"response-{model}",
            f"Response of the {model} search's model to two hyper-parameters",
            figures.response(study, active[0], active[1], title=name),
            "The two that matter most, the others as in the best trial; points are trials.",
        )
        if len(active) > 1
        else None,
        drawn(
            f"parallel-{model}",
            f"Values of all trials of the {model} search",
            figures.parallel(study, title=f"{name}: all trials"),
            "A line a trial, the best tenth in colour; a gap where a hyper-parameter is not active.",
        ),
    ]
    summary = tag("summary", f"What the {model} search's model says")
    return tag("details", summary, tag("div", shown, class_="pair"), wide)
