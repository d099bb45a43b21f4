"""What the vendor's tools say of a design: csynth.xml and *_csynth.rpt of HLS, utilisation and timing of Vivado.

Formats seen, in files of public projects: Vivado HLS 2019.2, Vitis HLS 2021.1, 2022.2 and 2023.1; Vivado 2019.2 and
2021, utilisation flat and by hierarchy, for 7-series (Slice ...) and UltraScale+ (CLB ...). What each says is kept
under its stage: csynth is HLS's guess, synthesis and placed are Vivado's counts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from xml.etree.ElementTree import Element

from qkdflow_overlay import ManifestError
from qkdflow_overlay.safe_xml import parse

from qkdflow.errors import DataError
from qkdflow.refusal import reading

LARGEST = 1 << 26  # bytes of a report
Stage = Literal["csynth", "synthesis", "placed"]


@dataclass(frozen=True)
class Resources:
    """Used and available, by the vendor's count; bram36 in blocks of 36 Kb (halves occur). None: not reported."""

    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram36: float | None = None
    uram: int | None = None

    @property
    def counts(self) -> dict[str, float]:
        """By the estimator's names: lut, ff, dsp and bram, in blocks of 18 Kb; those that were reported."""
        bram = None if self.bram36 is None else 2 * self.bram36
        found = {"lut": self.lut, "ff": self.ff, "dsp": self.dsp, "bram": bram}
        return {name: float(count) for name, count in found.items() if count is not None}


@dataclass(frozen=True)
class Synthesis:
    """HLS's estimates of `top`, a design or a module. latency and interval: (least, most) clock cycles, None where
    data decides."""

    tool: str
    part: str
    top: str
    target_ns: float
    estimated_ns: float
    latency: tuple[int, int] | None
    interval: tuple[int, int] | None
    used: Resources
    available: Resources
    uncertainty_ns: float | None = None

    @property
    def stage(self) -> Stage:
        return "csynth"

    @property
    def counts(self) -> dict[str, float]:
        """The estimator's: resources, latency_clk and ii, the most of both."""
        clocks = {"latency_clk": self.latency, "ii": self.interval}
        return {**self.used.counts, **{name: float(pair[1]) for name, pair in clocks.items() if pair is not None}}


@dataclass(frozen=True)
class Utilization:
    """A report_utilization: what synthesis or placement used; `state` says which."""

    tool: str
    device: str
    state: str
    used: Resources
    available: Resources
    top: str = ""

    @property
    def stage(self) -> Stage:
        return "placed" if re.search(r"plac|rout", self.state.lower()) else "synthesis"

    @property
    def counts(self) -> dict[str, float]:
        return self.used.counts


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


Parse = TypeVar("Parse", bound=Callable[..., Report])


def _sound(parse: Parse) -> Parse:
    """The same; what a number of thousands of digits, or a half LUT, raises becomes a DataError."""

    @functools.wraps(parse)
    def checked(text: str, source: str = "report") -> Report:
        with reading(source):
            return parse(text, source)

    return cast(Parse, checked)


def read_reports(paths: Iterable[str | Path], modules: bool = False) -> dict[Path, Report]:
    """The reports among files and folders (searched through), by path; other files are passed over.

    modules: those of a design's modules too. DataError where a path is not there, a report is damaged, or there is
    none.
    """
    given = [Path(path) for path in paths]
    found: dict[Path, Report] = {}
    for path in given:
        if not path.exists():
            raise DataError(f"[{path}] a report or a folder of reports is required; it is not there")
        inside = sorted(p for p in path.rglob("*") if p.suffix in (".xml", ".rpt")) if path.is_dir() else [path]
        for file in inside:
            report = None if path.is_dir() and not modules and "_csynth." in file.name else read_report(file)
            if report is not None:
                found[file] = report
    if not found:
        names = ", ".join(map(str, given))
        raise DataError(
            f"[{names}] at least one csynth.xml, *_csynth.rpt, report_utilization or report_timing_summary with a "
            "clock is required; there is none"
        )
    return found


def read_report(path: Path) -> Report | None:
    """What a file reports; None where it is no report of these kinds. Raises DataError."""
    text = _read(path)
    if path.suffix == ".xml":
        return parse_csynth(text, str(path)) if "<profile>" in text else None
    if "== Utilization Estimates" in text:
        return parse_csynth_rpt(text, str(path))
    if "report_timing_summary" in text:
        return parse_timing(text, str(path)) if _slack(text) and _PERIOD.search(text) else None
    return parse_utilization(text, str(path)) if "report_utilization" in text else None


def to_dict(report: Report) -> dict[str, Any]:
    """Plain values, for JSON; `kind` says which of the three it is."""
    return {"kind": type(report).__name__.lower(), **asdict(report)}


@_sound
def parse_csynth(text: str, source: str) -> Synthesis:
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
            uncertainty_ns=_float(root.findtext("UserAssignments/ClockUncertainty")),
        )
    except ValueError as error:
        raise DataError(f"[{source}] numbers are required; {error}") from error


@_sound
def parse_csynth_rpt(text: str, source: str) -> Synthesis:
    """The estimates in the text of a *_csynth.rpt. Raises DataError."""
    performance, _, estimates = text.partition("== Utilization Estimates")
    rows = {row[0]: row[1:] for row in _cells(estimates.partition("+ Detail")[0])}
    names = rows.get("Name", [])
    clock = next((row for row in _cells(performance) if row[0] == "ap_clk" and len(row) == 4), None)
    cycles = next((row for row in _cells(performance.partition("+ Latency")[2]) if re.match(r"\d|\?", row[0])), None)
    if "Total" not in rows or "LUT" not in names or clock is None or cycles is None:
        raise DataError(
            f"[{source}] tables of timing (ap_clk), latency and, with a Total row, of LUTs are required; a part is "
            "missing"
        )

    def resources(row: str) -> Resources:
        values = [0 if cell == "-" else int(re.sub(r"\D", "", cell) or 0) for cell in rows.get(row, [])]
        return _resources(dict(zip(names, values, strict=False)))

    target, estimated, uncertainty = (_float(cell.removesuffix("ns")) for cell in clock[1:])
    version, part = (re.search(rf"\* {what}:\s*(\S+)", text) for what in ("Version", "Target device"))
    top = re.search(r"HLS Report for '([^']+)'", text)
    if target is None or estimated is None:
        raise DataError(f"[{source}] numbers are required for the clock; got {', '.join(clock[1:])}")
    return Synthesis(
        tool=f"HLS {version[1] if version else 'unknown'}",
        part=part[1] if part else "unknown",
        top=top[1] if top else "unknown",
        target_ns=target,
        estimated_ns=estimated,
        latency=_range(cycles[0], cycles[1]),
        interval=_range(cycles[-3], cycles[-2]),  # before the pipeline's type
        used=resources("Total"),
        available=resources("Available"),
        uncertainty_ns=uncertainty,
    )


@_sound
def parse_utilization(text: str, source: str) -> Utilization:
    """The counts in the text of a report_utilization, flat or by hierarchy (its top). Raises DataError."""
    head = _head(text)
    used, available = _by_hierarchy(text) if "Utilization by Hierarchy" in text else _by_site(text)
    if not {"lut", "ff"} <= set(used):
        raise DataError(f"[{source}] counts of LUTs and registers are required; the file has none")
    return Utilization(
        head.get("Tool Version", "unknown"),
        head.get("Device", "unknown"),
        head.get("Design State", "unknown"),
        Resources(**used),
        Resources(**available),
        head.get("Design", ""),
    )


def _by_site(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    rows: dict[str, list[str]] = {}
    for row in _cells(text):
        if len(row) >= 4 and re.fullmatch(r"\d+(\.\d+)?", row[1]):
            rows.setdefault(row[0].rstrip("*"), row)
    names = {
        "lut": ("Slice LUTs", "CLB LUTs"),
        "ff": ("Slice Registers", "CLB Registers"),
        "dsp": ("DSPs",),
        "bram36": ("Block RAM Tile",),
        "uram": ("URAM",),
    }
    used, available = dict[str, Any](), dict[str, Any]()
    for key, sites in names.items():
        found = next((rows[site] for site in sites if site in rows), None)
        if found is not None:
            kind = float if key == "bram36" else int
            used[key] = kind(found[1])
            available[key] = kind(found[-2]) if found[-2] else None
    return used, available


def _by_hierarchy(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first row below the heads; a cell may hold a share too, as in 12(3.40%)."""
    rows = list(_cells(text.partition("\n1. Utilization by Hierarchy\n-")[2]))
    at = next((i for i, row in enumerate(rows) if row[0] == "Instance"), len(rows))
    names, top = (rows[at], rows[at + 1]) if at + 1 < len(rows) else ([], [])
    count = {n: int(m[0]) for n, cell in zip(names, top, strict=False) if (m := re.match(r"\d+", cell))}
    if "Total LUTs" not in count or "FFs" not in count:
        return {}, {}
    used: dict[str, Any] = {"lut": count["Total LUTs"], "ff": count["FFs"]}
    used["bram36"] = count.get("RAMB36", 0) + count.get("RAMB18", 0) / 2
    used["dsp"] = next((n for name, n in count.items() if name.startswith("DSP")), None)
    used["uram"] = count.get("URAM")
    return used, {}


@_sound
def parse_timing(text: str, source: str) -> Timing:
    """The worst slack in the text of a report_timing_summary. Raises DataError."""
    slack, period = _slack(text), _PERIOD.findall(text)
    if slack is None or not period:
        raise DataError(
            f"[{source}] a timing summary and a clock are required. A design without a clock constraint has neither"
        )
    shortest = min(float(p) for p in period)
    return Timing(_head(text).get("Tool Version", "unknown"), float(slack[1]), int(slack[3]), shortest)


def _slack(text: str) -> re.Match[str] | None:
    """The summary's first line, unless it says NA: no path was constrained."""
    return re.search(r"WNS\(ns\)\s+TNS\(ns\).*\n[\s-]*\n\s*(-?\d+\.\d+|inf)\s+(-?\d+\.\d+)\s+(\d+)", text)


def sentences(reports: dict[Path, Report]) -> Iterator[str]:
    """What was read, a line each."""
    for path, report in reports.items():
        if isinstance(report, Timing):
            yield f"{path.name}: worst slack {report.wns_ns} ns at {report.period_ns} ns"
        else:
            said = ", ".join(f"{key} {value:,g}" for key, value in report.counts.items())
            yield f"{path.name}: {report.stage}, {report.top}: {said}"


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"[{path}] at most {LARGEST} bytes are required; got {path.stat().st_size}")
        return path.read_text("utf-8", "replace")
    except OSError as error:
        raise DataError(f"[{path}] a readable report is required; got: {error.strerror}") from error


def _range(least: str, most: str) -> tuple[int, int] | None:
    return (int(least), int(most)) if least.isdigit() and most.isdigit() else None


def _area(element: Element | None) -> Resources:
    return _resources({child.tag: int(child.text or 0) for child in (element if element is not None else ())})


def _resources(counts: dict[str, int]) -> Resources:
    """From HLS's names; DSP48E is Vivado HLS's."""
    bram = counts.get("BRAM_18K")
    return Resources(
        counts.get("LUT"),
        counts.get("FF"),
        counts.get("DSP", counts.get("DSP48E")),
        None if bram is None else bram / 2,
        counts.get("URAM"),
    )


def _float(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _cells(text: str) -> Iterator[list[str]]:
    """The rows of tables, cells stripped."""
    for line in text.splitlines():
        if line.lstrip().startswith("|"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def _head(text: str) -> dict[str, str]:
    return {
        key.strip(): value.strip() for key, value in re.findall(r"^\| ([A-Z][\w ]+?)\s*: (.*)$", text, re.MULTILINE)
    }


_PERIOD = re.compile(r"^\s*\S+\s+\{[\d. ]+\}\s+(\d+\.\d+)\s+\d+\.\d+\s*$", re.MULTILINE)  # of a clock
