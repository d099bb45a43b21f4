"""What the vendor's tools say of a design: HLS synthesis (csynth.xml), report_utilization and report_timing_summary.

Formats seen: Vivado HLS 2019.1 to Vitis HLS 2024.1, Vivado for 7-series (Slice ...) and UltraScale+ (CLB ...).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from qkdflow_overlay import ManifestError
from qkdflow_overlay.safe_xml import parse

from qkdflow.errors import DataError

LARGEST = 1 << 26  # bytes of a report


@dataclass(frozen=True)
class Resources:
    """Used and available, by the vendor's count; bram36 in blocks of 36 Kb (halves occur). None: not reported."""

    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram36: float | None = None
    uram: int | None = None


@dataclass(frozen=True)
class Synthesis:
    """A csynth.xml: estimates of HLS. latency and interval: (least, most) clock cycles, None where data decides."""

    tool: str
    part: str
    top: str
    target_ns: float
    estimated_ns: float
    latency: tuple[int, int] | None
    interval: tuple[int, int] | None
    used: Resources
    available: Resources


@dataclass(frozen=True)
class Utilization:
    """A report_utilization: what synthesis or placement used; `state` says which."""

    tool: str
    device: str
    state: str
    used: Resources
    available: Resources


@dataclass(frozen=True)
class Timing:
    """A report_timing_summary: worst negative slack, and the slowest-named clock's period, in ns."""

    tool: str
    wns_ns: float
    failing_endpoints: int
    period_ns: float

    @property
    def is_met(self) -> bool:
        return self.failing_endpoints == 0 and self.wns_ns >= 0


Report = Synthesis | Utilization | Timing


def read_reports(directory: str | Path) -> list[Report]:
    """All csynth.xml and .rpt files of these kinds below a directory, by path. DataError where there is none."""
    root = Path(directory)
    found: list[Report] = []
    for path in sorted([*root.rglob("csynth.xml"), *root.rglob("*.rpt")]):
        text = _read(path)
        if path.suffix == ".xml":
            found.append(parse_csynth(text, str(path)))
        elif "report_timing_summary" in text:
            found.append(parse_timing(text, str(path)))
        elif "report_utilization" in text and "Site Type" in text:
            found.append(parse_utilization(text, str(path)))
    if not found:
        raise DataError(
            f"[{root}] a csynth.xml, a report_utilization or a report_timing_summary is required; there is none"
        )
    return found


def to_dict(report: Report) -> dict[str, Any]:
    """Plain values, for JSON; `kind` says which of the three it is."""
    return {"kind": type(report).__name__.lower(), **asdict(report)}


def parse_csynth(text: str, source: str = "csynth.xml") -> Synthesis:
    """The estimates in the text of a csynth.xml. Raises DataError."""
    try:
        root = parse(text.encode(), source)
    except ManifestError as error:
        raise DataError(str(error)) from error

    def value(path: str) -> str:
        found = root.findtext(path)
        if found is None:
            raise DataError(f"[{source}] {path} is required; the file has none")
        return found.strip()

    overall = "PerformanceEstimates/SummaryOfOverallLatency/"
    try:
        return Synthesis(
            tool=f"HLS {value('ReportVersion/Version')}",
            part=value("UserAssignments/Part"),
            top=value("UserAssignments/TopModelName"),
            target_ns=float(value("UserAssignments/TargetClockPeriod")),
            estimated_ns=float(value("PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod")),
            latency=_range(value(overall + "Best-caseLatency"), value(overall + "Worst-caseLatency")),
            interval=_range(value(overall + "Interval-min"), value(overall + "Interval-max")),
            used=_area(root.find("AreaEstimates/Resources")),
            available=_area(root.find("AreaEstimates/AvailableResources")),
        )
    except ValueError as error:
        raise DataError(f"[{source}] numbers are required; {error}") from error


def parse_utilization(text: str, source: str = "utilization.rpt") -> Utilization:
    """The counts in the text of a report_utilization. Raises DataError."""
    rows = {row[0]: row for row in _rows(text)}
    names = {
        "lut": ("Slice LUTs", "CLB LUTs"),
        "ff": ("Slice Registers", "CLB Registers"),
        "dsp": ("DSPs",),
        "bram36": ("Block RAM Tile",),
        "uram": ("URAM",),
    }
    used, available = dict[str, Any](), dict[str, Any]()
    for key, sites in names.items():
        row = next((rows[site] for site in sites if site in rows), None)
        if row is not None:
            kind = float if key == "bram36" else int
            used[key] = kind(row[1])
            available[key] = kind(row[-2]) if row[-2] else None
    if not {"lut", "ff"} <= set(used):
        raise DataError(
            f"[{source}] rows for LUTs and registers are required; the file has {', '.join(rows) or 'no table'}"
        )
    head = _head(text)
    return Utilization(
        head.get("Tool Version", "unknown"),
        head.get("Device", "unknown"),
        head.get("Design State", "unknown"),
        Resources(**used),
        Resources(**available),
    )


def parse_timing(text: str, source: str = "timing.rpt") -> Timing:
    """The worst slack in the text of a report_timing_summary. Raises DataError."""
    number = r"(-?\d+\.\d+|NA|inf)"
    slack = re.search(rf"WNS\(ns\)\s+TNS\(ns\).*\n[\s-]*\n\s*{number}\s+{number}\s+(\d+|NA)", text)
    period = re.findall(r"^\s*\S+\s+\{[\d. ]+\}\s+(\d+\.\d+)\s+\d+\.\d+\s*$", text, re.MULTILINE)
    if slack is None or "NA" in slack.groups() or not period:
        raise DataError(
            f"[{source}] a timing summary and a clock are required. A design without a clock constraint has neither"
        )
    shortest = min(float(p) for p in period)
    return Timing(_head(text).get("Tool Version", "unknown"), float(slack[1]), int(slack[3]), shortest)


def _read(path: Path) -> str:
    if path.stat().st_size > LARGEST:
        raise DataError(f"[{path}] at most {LARGEST} bytes are required; got {path.stat().st_size}")
    return path.read_text("utf-8", "replace")


def _range(least: str, most: str) -> tuple[int, int] | None:
    return (int(least), int(most)) if least.isdigit() and most.isdigit() else None


def _area(element: Element | None) -> Resources:
    counts = {child.tag: int(child.text or 0) for child in (element if element is not None else ())}
    bram = counts.get("BRAM_18K")
    return Resources(
        counts.get("LUT"),
        counts.get("FF"),
        counts.get("DSP", counts.get("DSP48E")),
        None if bram is None else bram / 2,
        counts.get("URAM"),
    )


def _rows(text: str) -> Iterator[list[str]]:
    """The rows of the tables, cells stripped, a note's asterisk cut off."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) >= 5 and re.fullmatch(r"\d+(\.\d+)?", cells[1]):
            yield [cells[0].rstrip("*"), *cells[1:]]


def _head(text: str) -> dict[str, str]:
    return {
        key.strip(): value.strip() for key, value in re.findall(r"^\| ([A-Z][\w ]+?)\s*: (.*)$", text, re.MULTILINE)
    }
