"""What a board did, and what the vendor's tools said of its bitstream, added to a run's report."""

from __future__ import annotations

from pathlib import Path

from qkdflow.assess import Assessment
from qkdflow.files import read_json
from qkdflow.hardware.vendor_reports import read_reports, to_dict
from qkdflow.report import write_report


def add_board(run: str | Path, found: Assessment, reports: str | Path | None = None) -> None:
    """Rewrite a run's report.json and report.html with a section on the board. Raises DataError, ToolError.

    reports: a directory with csynth.xml, report_utilization and report_timing_summary files.
    """
    report = read_json(Path(run) / "report.json")
    report["board"] = found.to_dict()
    if reports is not None:
        report["vendor"] = [to_dict(one) for one in read_reports([reports]).values()]
    write_report(run, report)
