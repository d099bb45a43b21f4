"""The report of a run: report.json for machines, report.html for people, the second made from the first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qkdflow.files import plain, write_atomic, write_json
from qkdflow.report.values import activation_summary, layer_rows, pulse_summary, weight_summary
from qkdflow.report.verdicts import headline, verdicts

__all__ = [
    "activation_summary",
    "headline",
    "layer_rows",
    "pulse_summary",
    "verdicts",
    "weight_summary",
    "write_report",
]


def write_report(directory: str | os.PathLike[str], report: Mapping[str, Any]) -> dict[str, Any]:
    """Writes report.json and report.html into `directory`, each whole or not at all.

    Returns what report.json holds: `verdicts` is completed with the sentences that follow from the numbers,
    so that no report leaves out that a baseline was not beaten. A part that was not run may be absent or
    `{"not_run": reason}`. ToolError where the system refuses the write.
    """
    from qkdflow.report.page import page  # brings matplotlib: half a second that only a written report needs

    complete: dict[str, Any] = plain({**report, "verdicts": verdicts(report)})
    write_json(Path(directory) / "report.json", complete)
    write_atomic(Path(directory) / "report.html", page(complete))
    return complete
