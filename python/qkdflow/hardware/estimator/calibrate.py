"""Prices of one's own: a user's reports beside the shipped prices, refitted.

The local table keeps every report's terms and counts, so that later reports join earlier ones. csynth reports move the
prices; synthesis and placed ones only state how far csynth is from them. A shipped price counts as half a report, so
that one design moves prices that it says much about and leaves the others.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qkdflow.errors import ConfigError, DataError
from qkdflow.files import read_json, write_json
from qkdflow.fixed import FixedDense, FixedModel
from qkdflow.hardware.estimator import laws, prices
from qkdflow.hardware.estimator.dense import last_width, lay_out
from qkdflow.hardware.estimator.fit import TARGETS, Row, fit
from qkdflow.hardware.estimator.kernel import Kernel
from qkdflow.hardware.estimator.network import estimate_for
from qkdflow.hardware.estimator.target import Target
from qkdflow.hardware.estimator.terms import Terms
from qkdflow.hardware.vendor_reports import Report, Synthesis, Timing

FORMAT = "qkdflow.reports/2"
_OTHER = "not dense"  # what other kinds of layers are estimated at
_CONFIG = re.compile(r"config(\d+)")


def local_table() -> Path:
    """Where a user's reports are kept: $QKDFLOW_REPORTS, or below $XDG_DATA_HOME."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(os.environ.get("QKDFLOW_REPORTS") or Path(home) / "qkdflow" / "reports.json")


@dataclass(frozen=True)
class Calibration:
    """What the local table says: `table` to estimate with, `errors` (before, after) and `corrections` by resource.

    errors: target -> mean absolute error of the csynth reports, before and after; corrections: stage -> resource ->
    Vivado's count over csynth's, of designs that have both.
    """

    table: prices.Table
    reports: int
    errors: dict[str, tuple[float, float]]
    corrections: dict[str, dict[str, float]]


def bills(fixed: FixedModel, target: Target, factors: Mapping[str, int]) -> dict[str, dict[str, dict[str, float]]]:
    """By layer and target: amounts by "group|term"."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    estimates = {layer.name: layer for layer in estimate_for(fixed, target, factors).layers}
    for link in fixed.links:
        layer = link.layer
        if not isinstance(layer, FixedDense):
            found[layer.name] = {t: {_OTHER: float(getattr(estimates[layer.name], t))} for t in TARGETS}
            continue
        rf = laws.taken_reuse_factor(link.n_in, link.n_out, factors[layer.name], target.strategy)
        widths = link.input_type.bits, layer.result_type.bits
        last = last_width(layer.weights, rf)
        bill = lay_out(Kernel.of(layer.weights), layer.weight_type.bits, last, widths, rf, target).bill
        found[layer.name] = {
            "lut": _priced(bill.group, "lut", bill.lut),
            "ff": _priced(bill.group, "ff", bill.ff),
        }
    return found


def remember(
    reports: Mapping[Path, Report], fixed: FixedModel, target: Target, factors: Mapping[str, int], path: Path
) -> int:
    """Add the reports to the local table; how many are new. ConfigError where none belongs to the network.

    Where the target's clock uncertainty is not known, it is that of the reports.
    """
    entries, target = _read(path), _as_reported(target, reports)
    layers = bills(fixed, target, factors)
    whole = {t: _sum(layer[t] for layer in layers.values()) for t in TARGETS}
    counted = {file: report for file, report in reports.items() if not isinstance(report, Timing)}
    modules = [report.top for report in counted.values()]
    numbers = {int(m[1]) for name in modules if _is_dense(name) and (m := _CONFIG.search(name))}
    names = [layer.name for layer in fixed.dense]
    # hls4ml numbers layers in order; with some of them missing nobody knows which is which.
    dense = dict(zip(sorted(numbers), names, strict=True)) if len(numbers) == len(names) else {}
    built = (target.part.name, target.strategy, target.io, *(str(factors[name]) for name in names))
    design, added, known = " ".join((fixed.digest[:12], *built)), 0, 0
    for file, report in counted.items():
        if isinstance(report, Synthesis) and abs(report.target_ns - target.clock_ns) > 1e-6:
            raise ConfigError(f"[{file}] is for {report.target_ns:g} ns; give --clock {report.target_ns:g}")
        config = _CONFIG.search(report.top)
        if config and (not _is_dense(report.top) or int(config[1]) not in dense):
            continue  # a part that is no dense layer of ours
        terms = layers[dense[int(config[1])]] if config else whole
        name = f"{design}/{dense[int(config[1])]}" if config else design
        entry = {"design": name, "stage": report.stage, "terms": terms, "counts": report.counts}
        known += 1
        if entry not in entries:
            entries.append(entry)
            added += 1
    if not known:
        raise ConfigError("[--calibrate] at least one report with counts is required (csynth or utilisation)")
    write_json(path, {"format": FORMAT, "reports": entries})
    return added


def calibrate(path: Path) -> Calibration:
    """Refit to the local table. DataError where there is none."""
    if not path.exists():
        raise DataError(f"[{path}] no report was added yet; use: qkdflow estimate MODEL --calibrate REPORTS...")
    entries = _read(path)
    rows = [
        Row(e["design"], e["design"], "", *_without_others(e["terms"], e["counts"]))
        for e in entries
        if e["stage"] == "csynth"
    ]
    shipped = prices.shipped()
    table: dict[str, dict[str, prices.Prices]] = {group: dict(targets) for group, targets in shipped.items()}
    errors = {}
    for target in TARGETS:
        before = {
            f"{group}|{term}": p for group, targets in shipped.items() for term, p in targets[target].price.items()
        }
        usable = [r for r in rows if r.reported[target] > 0]
        if not usable:
            continue
        after = {**before, **fit(usable, target, before)}
        errors[target] = (_error(usable, target, before), _error(usable, target, after))
        for group, targets in table.items():
            mine = {k.split("|")[1]: v for k, v in after.items() if k.startswith(f"{group}|")}
            old = targets[target]
            targets[target] = prices.Prices(mine, old.low, old.high)
    return Calibration(table, len(entries), errors, _corrections(entries))


def _without_others(
    terms: Mapping[str, Mapping[str, float]], counts: Mapping[str, float]
) -> tuple[dict[str, Terms], dict[str, float]]:
    """What is left for the dense layers, whose prices alone are refitted; 0 where nothing is."""
    left: dict[str, float] = {}
    for target in TARGETS:
        left[target] = max(0.0, counts.get(target, 0.0) - terms[target].get(_OTHER, 0.0))
    return {t: {k: v for k, v in terms[t].items() if k != _OTHER} for t in TARGETS}, left


def _as_reported(target: Target, reports: Mapping[Path, Report]) -> Target:
    for report in reports.values():
        if target.uncertainty is None and isinstance(report, Synthesis) and report.uncertainty_ns is not None:
            return replace(target, uncertainty=report.uncertainty_ns / report.target_ns)
    return target


def _is_dense(module: str) -> bool:
    """A dense layer of its own; a convolution's products are called config2_mult."""
    return "dense" in module and "_mult" not in module


def _priced(group: str, target: str, terms: Terms) -> dict[str, float]:
    """Amounts by "group|term" of the terms that have a price."""
    found: dict[str, float] = {}
    for name, amount in terms.items():
        if amount:
            seen, times = prices.shipped()[group][target].resolve(name)
            found[f"{group}|{seen}"] = found.get(f"{group}|{seen}", 0.0) + amount * times
    return found


def _sum(parts: Any) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, 0.0) + amount
    return total


def _error(rows: Sequence[Row], target: str, price: Mapping[str, float]) -> float:
    off = [prices.Prices(price, 1, 1).sum(r.terms[target]) / r.reported[target] - 1 for r in rows]
    return sum(map(abs, off)) / len(off)


def _corrections(entries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Vivado's counts over csynth's, averaged over the designs that have both."""
    csynth = {e["design"]: e["counts"] for e in entries if e["stage"] == "csynth"}
    found: dict[str, dict[str, list[float]]] = {}
    for entry in entries:
        base = csynth.get(entry["design"])
        if entry["stage"] == "csynth" or base is None:
            continue
        for resource, count in entry["counts"].items():
            if base.get(resource):
                found.setdefault(entry["stage"], {}).setdefault(resource, []).append(count / base[resource])
    return {stage: {r: sum(v) / len(v) for r, v in ratios.items()} for stage, ratios in found.items()}


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    table = read_json(path)
    if not isinstance(table, dict) or table.get("format") != FORMAT or not isinstance(table.get("reports"), list):
        raise DataError(f"[{path}] a table of reports ({FORMAT}) is required; move this file away")
    for number, entry in enumerate(table["reports"]):
        if not _is_report(entry):
            raise DataError(
                f"[{path}] report {number}: design, stage, terms and counts are required; move this file away"
            )
    return list(table["reports"])


def _is_report(entry: Any) -> bool:
    """Whether an entry is what `remember` writes."""
    if not isinstance(entry, dict) or not isinstance(terms := entry.get("terms"), dict):
        return False
    texts = (entry.get("design"), entry.get("stage"))
    amounts = [entry.get("counts"), *(terms.get(target) for target in TARGETS)]
    return all(isinstance(t, str) for t in texts) and all(map(_are_amounts, amounts))


def _are_amounts(value: Any) -> bool:
    """Numbers by name, as reports count them: none of them negative, or beyond any part."""
    return isinstance(value, dict) and all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and 0 <= v < 1e15 for v in value.values()
    )
