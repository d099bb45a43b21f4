"""Finished runs, read and grouped: one row for runs that differ in their seed alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from qkdflow.errors import DataError
from qkdflow.files import read_json
from qkdflow.hardware.boards import parts
from qkdflow.hardware.estimator import Estimate, estimate, find_fixed
from qkdflow.hardware.estimator.target import STRATEGIES
from qkdflow.report.verdicts import compared

_WEIGHTED = ("dense", "conv", "depthwise_conv")  # kinds of frozen layers


@dataclass(frozen=True)
class Spread:
    """Values of one quantity, one a run."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the runs."""
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """The sample's standard deviation; None for a single value."""
        return stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Compared:
    """One finished run: its folder, its report, and its network's estimate for the part that it was compared on.

    estimate: None where the estimator does not know how or for what it is built, as with strategy Unrolled.
    """

    path: Path
    report: dict[str, Any]
    estimate: Estimate | None


@dataclass(frozen=True)
class Row:
    """Runs of one configuration, which differ in their seeds alone."""

    runs: tuple[Compared, ...]

    @property
    def name(self) -> str:
        """The runs' folders."""
        return ", ".join(str(run.path) for run in self.runs)

    @property
    def application(self) -> str:
        """The data set's name."""
        return str(self.runs[0].report["dataset"]["name"])

    def spread(self, model: str, value: str) -> Spread:
        """A value of report.json's `teacher` or `student`, over the runs."""
        return Spread(tuple(float(run.report[model][value]) for run in self.runs))

    def middle(self, model: str, value: str) -> float:
        """The median of a count: a mean of parameters is no network's."""
        return median(float(run.report[model][value]) for run in self.runs)

    @property
    def ratio(self) -> float:
        """Parameters of the teacher over parameters of the student: the letter's compression ratio; the median."""
        return median(float(run.report["compression_ratio"]) for run in self.runs)

    @property
    def layers(self) -> float:
        """Dense and convolutional layers of the student, depthwise ones too: the letter's NL; the median."""
        students = (run.report["student"]["layers"] for run in self.runs)
        return median(sum(layer["kind"] in _WEIGHTED for layer in layers) for layers in students)

    @property
    def part(self) -> str:
        """What the estimates are for, or what was built for where there are none."""
        estimates = self.estimates
        return estimates[0].part.name if estimates else str(self.runs[0].report["hls"]["part"])

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """Of all runs; none where one was not estimated: the runs of a row are built alike."""
        found = tuple(run.estimate for run in self.runs if run.estimate is not None)
        return found if len(found) == len(self.runs) else ()

    def share(self, resource: str) -> float | None:
        """Of the part, estimated; the median. None without estimates, as `total` and `ebops`."""
        return _median(e.share(resource) for e in self.estimates)

    def total(self, value: str) -> float | None:
        """latency_clk, ii or a resource of the whole network, estimated; the median."""
        return _median(float(getattr(e.total, value).value) for e in self.estimates)

    @property
    def latency_us(self) -> float | None:
        """From the first word of a sample to its result, in microseconds at the run's clock; the median."""
        return _median(1e-3 * e.total.latency_clk.value * e.target.clock_ns for e in self.estimates)

    @property
    def ebops(self) -> float | None:
        """Bit operations of the products that are not zero; the median."""
        return _median(e.total.ebops for e in self.estimates)

    @property
    def outputs(self) -> tuple[int, int]:
        """(compared in C simulation, mismatches), summed."""
        parts = [run.report.get("hls") or {} for run in self.runs]
        return sum(map(compared, parts)), sum(int(part.get("mismatches", 0) or 0) for part in parts)


def compare(folders: Sequence[str | Path], part: str | None = None, board: str | None = None) -> list[Row]:
    """Rows in the order in which their first run was given. A folder given
    twice is one run. Each run is estimated as its own hls4ml project is built.

    part, board: one to estimate all of them for. Raises DataError for a folder without a finished run, ConfigError for
    an unknown part.
    """
    groups: dict[str, list[Compared]] = {}
    unique: dict[Path, Path] = {}
    for run in map(Path, folders):
        unique.setdefault(run.resolve(), run)
    for run in unique.values():
        found = _read(run, part, board)
        groups.setdefault(_configuration(found.report), []).append(found)
    return [Row(tuple(runs)) for runs in groups.values()]


def _read(path: Path, part: str | None, board: str | None) -> Compared:
    if not (path / "report.json").exists():
        raise DataError(f"[{path}] holds no finished run. Finish it with: qkdflow run ... --out {path}")
    report = read_json(path / "report.json")
    try:
        hls = report["hls"]
        asked = part if part or board else hls["part"]
        needs = None
        if _is_estimable(hls["strategy"], asked, hls["part"]):
            needs = estimate(
                find_fixed(path),
                part=asked,
                board=board,
                clock_ns=hls["clock_ns"],
                reuse_factor=hls["reuse_factor"],
                strategy=hls["strategy"],
                io=hls["io_type"],
            )
        _ = report["dataset"]["name"], report["teacher"]["accuracy_test"], report["student"]["layers"]
    except (KeyError, TypeError) as error:
        raise DataError(f"[{path / 'report.json'}] is no report of a run; {error} is missing") from error
    return Compared(path, report, needs)


def _is_estimable(strategy: str | Mapping[str, str], part: str | None, built_for: str) -> bool:
    """Whether the estimator knows the strategies, and the run's own part where no other is asked for."""
    words = [strategy] if isinstance(strategy, str) else strategy.values()
    return all(word.lower() in STRATEGIES for word in words) and (part != built_for or part in parts())


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None


def _configuration(report: dict[str, Any]) -> str:
    """All that was asked of a run but its seed: two runs with the same are repetitions."""
    config = {key: value for key, value in (report.get("config") or {}).items() if key != "seed"}
    hls = {
        key: report["hls"].get(key) for key in ("backend", "part", "io_type", "strategy", "reuse_factor", "clock_ns")
    }
    return json.dumps([report["dataset"]["name"], report.get("budget"), config, hls], sort_keys=True)
