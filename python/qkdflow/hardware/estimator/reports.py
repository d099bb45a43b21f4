"""Reports of vendor tools: csynth.xml and *_csynth.rpt of HLS, utilisation and timing of Vivado.

What each says is kept under its stage: csynth is HLS's guess, synthesis and placed are Vivado's counts. They are never
mixed. XML is read without entities or DTDs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from qkdflow.errors import DataError

Stage = Literal["csynth", "synthesis", "placed"]
_CLOCKS = "latency_clk", "ii"
# Vivado's rows: 7-series, then UltraScale+; Block RAM Tile counts 36 Kb.
_UTILISATION = {
    "lut": r"(?:Slice|CLB) LUTs\*?",
    "ff": r"(?:Slice|CLB) Registers|Register as Flip Flop",
    "dsp": r"DSPs",
    "bram": r"Block RAM Tile",
}


@dataclass(frozen=True)
class ToolReport:
    """One report file: counts by resource (bram in blocks of 18 Kb), and clocks where HLS states them.

    slack_ns: worst negative slack of a timing report, which has no counts.
    """

    path: Path
    stage: Stage
    name: str
    counts: dict[str, float]
    part: str | None = None
    clock_ns: float | None = None
    uncertainty: float | None = None
    slack_ns: float | None = field(default=None)


def find_reports(paths: list[str]) -> list[Path]:
    """The report files among `paths`, folders searched through. DataError where there is none."""
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise DataError(f"[{path}] a report or a folder of reports is required; it is not there")
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [p for p in inside if p.is_file() and (p.suffix in (".xml", ".rpt") or not path.is_dir())]
    return found


def read_report(path: Path) -> ToolReport | None:
    """What a file reports; None where it is no report that is understood. DataError where it is damaged."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".xml":
        return _csynth_xml(path, text) if "<profile>" in text else None
    if "== Utilization Estimates" in text:
        return _csynth_text(path, text)
    if "report_utilization" in text:
        return _utilisation(path, text)
    if "report_timing_summary" in text:
        return _timing(path, text)
    return None


def _csynth_xml(path: Path, text: str) -> ToolReport:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise DataError(f"[{path}] a csynth.xml has no DTD; this one does and is not read")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - no DTD, hence no entities
    except ElementTree.ParseError as error:
        raise DataError(f"[{path}] a csynth.xml is required; it is damaged: {error}") from error

    def number(tag: str) -> float | None:
        found = root.findtext(f".//{tag}")
        try:
            return None if found is None else float(found)
        except ValueError:
            return None  # "undef", where HLS does not know

    resources = root.find(".//AreaEstimates/Resources")
    if resources is None:
        raise DataError(f"[{path}] AreaEstimates/Resources is required; a csynth.xml of HLS has it")
    names = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram": "BRAM_18K"}
    counts = {key: float(resources.findtext(tag) or resources.findtext(f"{tag}48E") or 0) for key, tag in names.items()}
    for key, tag in zip(_CLOCKS, ("Worst-caseLatency", "Interval-max"), strict=True):
        value = number(tag)
        if value is not None:
            counts[key] = value
    clock, kept = number("TargetClockPeriod"), number("ClockUncertainty")
    top = root.findtext(".//TopModelName") or root.findtext(".//UserAssignments/TopModelName") or path.stem
    return ToolReport(
        path,
        "csynth",
        top.removesuffix("_csynth"),
        counts,
        root.findtext(".//Part"),
        clock,
        kept / clock if kept and clock else None,
    )


def _csynth_text(path: Path, text: str) -> ToolReport:
    before, _, estimates = text.partition("== Utilization Estimates")
    total, head = _row(estimates, "Total"), _row(estimates, "Name")
    if not total or "LUT" not in head:
        raise DataError(f"[{path}] a Total row under BRAM_18K, DSP, FF, LUT is required; this report has none")
    column = {"BRAM_18K": "bram", "DSP": "dsp", "DSP48E": "dsp", "FF": "ff", "LUT": "lut"}
    counts = {column[name]: _number(value) for name, value in zip(head, total, strict=True) if name in column}
    clocks = re.search(r"^\s*\|((?:\s*\d+\s*\|){2}[^\n]*)\|\s*$", before.partition("+ Latency")[2], re.MULTILINE)
    if clocks:  # min, max latency; since 2020 in seconds too; min, max interval; type
        cells = [cell.strip() for cell in clocks[1].split("|")]
        counts |= {"latency_clk": _number(cells[1]), "ii": _number(cells[-2])}
    part = re.search(r"Target device:\s*(\S+)", text)
    clock = re.search(r"ap_clk\s*\|\s*([\d.]+)[^|\n]*\|[^|\n]*\|\s*([\d.]+)", before)
    period = float(clock[1]) if clock else None
    kept = float(clock[2]) / period if clock and period else None
    name = path.stem.removesuffix("_csynth")
    return ToolReport(path, "csynth", name, counts, part[1] if part else None, period, kept)


def _utilisation(path: Path, text: str) -> ToolReport:
    counts = {}
    for key, name in _UTILISATION.items():
        cells = _row(text, name)
        if cells:
            counts[key] = _number(cells[0]) * (2 if key == "bram" else 1)
    if "lut" not in counts:
        raise DataError(f"[{path}] a row of LUTs is required; this utilisation report has none")
    state = re.search(r"Design State\s*:\s*([^\n|]+)", text)
    stage: Stage = "synthesis" if state and "Synth" in state.group(1) else "placed"
    design = re.search(r"\|\s*Design\s*:\s*(\S+)", text)
    device = re.search(r"\|\s*Device\s*:\s*(\S+)", text)
    return ToolReport(
        path, stage, design.group(1) if design else path.stem, counts, device.group(1) if device else None
    )


def _timing(path: Path, text: str) -> ToolReport:
    rows = re.search(r"WNS\(ns\).*?\n[^\n]*\n\s*(-?[\d.]+)", text)
    if not rows:
        raise DataError(f"[{path}] a WNS(ns) is required; this timing report has none")
    return ToolReport(path, "placed", path.stem, {}, slack_ns=float(rows.group(1)))


def _row(text: str, name: str) -> list[str]:
    """The cells of the first table row that begins with `name`."""
    found = re.search(rf"^\s*\|\s*(?:{name})\s*\|([^\n]*)\|\s*$", text, re.MULTILINE)
    return [cell.strip() for cell in found.group(1).split("|")] if found else []


def _number(cell: str) -> float:
    return float(re.sub(r"[^\d.]", "", cell) or 0)


def sentences(reports: list[ToolReport]) -> Iterator[str]:
    """What was read, a line each."""
    for report in reports:
        said = ", ".join(f"{key} {value:,.0f}" for key, value in report.counts.items())
        slack = f"worst slack {report.slack_ns} ns" if report.slack_ns is not None else ""
        yield f"{report.path.name}: {report.stage}, {report.name}: {said}{slack}"
