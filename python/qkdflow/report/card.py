"""How a finished run shows itself in a notebook: the headline, its classifiers, how the rungs agree, what to mind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qkdflow.cards import card, facts, grid, note, verdict
from qkdflow.html import Child, tag
from qkdflow.report.verdicts import compared, headline, percent, verdicts, why_not


class RunReport(dict[str, Any]):
    """report.json of a finished run: a dict, which shows itself in a notebook. path: the run's folder."""

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.path = path

    def _repr_html_(self) -> str:
        return run_card(self.path, self)


def run_card(path: Path, report: Mapping[str, Any]) -> str:
    """A small self-contained HTML fragment of report.json's values."""
    models = {"student": report["student"], "teacher": report["teacher"], **(report.get("baselines") or {})}
    rows = [
        [name.replace("_", " "), f"{model['parameters']:,}" if model.get("parameters") else None, percent(accuracy)]
        for name, model in models.items()
        if (accuracy := model.get("accuracy_test")) is not None
    ]
    pairs: dict[str, Child] = {
        "smaller than the teacher": f"{report['compression_ratio']:.2f} times",
        "C simulation": _agreement(report.get("hls") or {}),
        "assessment": _agreement(report.get("assessment") or {}),
        "the whole report": tag("code", str(path / "report.html")),
    }
    minds = [tag("li", sentence) for sentence in verdicts(report)]
    return card(
        f"Run {report['dataset']['name']}",
        headline(report),
        grid(("classifier", "parameters", "accuracy on test [%]"), rows, numeric=(1, 2)),
        facts(pairs),
        [note("Keep in mind"), tag("ul", minds)] if minds else None,
    )


def _agreement(part: Mapping[str, Any]) -> Child:
    if not compared(part):
        return f"not run: {why_not(part)}"
    return verdict(f"{part['mismatches']:,} of {compared(part):,} outputs differ", not part["mismatches"])
