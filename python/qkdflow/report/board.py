"""The section on the board: what `qkdflow assess` measured, and what the vendor's reports say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qkdflow.html import Child, Html, join, table, tag
from qkdflow.report.verdicts import percent

_NONE = "\N{EM DASH}"
_RESOURCES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram36": "BRAM36", "uram": "URAM"}


def section(report: Mapping[str, Any]) -> Html | None:
    """None where nothing was assessed on a board and no vendor report was given."""
    device, vendor = report.get("board"), report.get("vendor")
    if not device and not vendor:
        return None
    return join(_device(report, device) if device else None, _vendor(vendor) if vendor else None)


def _device(report: Mapping[str, Any], device: Mapping[str, Any]) -> Html:
    rows: list[Sequence[Child]] = [
        [device["device"], f"{device['samples']:,}", percent(device["accuracy"]), f"{device['mismatches']:,}"],
    ]
    if device.get("expected_accuracy") is not None:
        emulator = percent(device["expected_accuracy"])
        rows.append(["frozen integers, emulator", f"{device['samples']:,}", emulator, _NONE])
    trained = report.get("float_vs_fixed") or {}
    if trained.get("accuracy_test") is not None:
        samples = f"{trained['samples']:,}"
        rows.append(["float32 training arithmetic", samples, percent(trained["accuracy_test"]), _NONE])
    head = ["What ran", "Samples", "Accuracy [%]", f"Differing logits of {device['outputs_compared']:,}"]
    return join(table(head, rows, numeric=(1, 2, 3)), _speed(device))


def _speed(device: Mapping[str, Any]) -> Html | None:
    measured = device.get("benchmark")
    if not measured:
        return None
    said = []
    if "inferences_per_s" in measured:
        said.append(f"{measured['inferences_per_s']:,.0f} inferences/s in batches of {measured['samples']:,}")
        said.append(f"{100 * measured['driver_share']:.0f} % of the time in the driver")
    for key, unit in (("latency_us", "latency of one sample, microseconds"), ("cycles", "timer ticks a sample")):
        if key in measured:
            said.append(f"{unit}: " + ", ".join(f"p{p} {value:,.0f}" for p, value in measured[key].items()))
    note = ". A simulated board: these times say nothing about hardware." if "simulated" in device["device"] else "."
    return tag("p", "; ".join(said), note, class_="note")


def _vendor(reports: Sequence[Mapping[str, Any]]) -> Html:
    rows: list[Sequence[Child]] = []
    timing: list[Html] = []
    for one in reports:
        if one["kind"] == "timing":
            met = one["failing_endpoints"] == 0 and one["wns_ns"] >= 0
            text = f"{one['tool']}: worst slack {one['wns_ns']:.3f} ns at a period of {one['period_ns']:.3f} ns"
            timing.append(
                tag("p", text, "" if met else f"; {one['failing_endpoints']:,} end points FAIL", class_="note")
            )
            continue
        cells = [_share(one["used"].get(key), one["available"].get(key)) for key in _RESOURCES]
        rows.append([one.get("state") or f"{one['tool']} estimate", *cells])
        if one["kind"] == "synthesis":
            timing.append(tag("p", _cycles(one), class_="note"))
    head = ["Vendor report", *_RESOURCES.values()]
    return join(table(head, rows, numeric=range(1, len(head))) if rows else None, timing)


def _cycles(synthesis: Mapping[str, Any]) -> str:
    latency, interval = synthesis.get("latency"), synthesis.get("interval")
    cycles = f"{latency[0]} to {latency[1]} cycles" if latency else "unknown"
    every = f"{interval[0]} to {interval[1]} cycles" if interval else "unknown"
    return (
        f"{synthesis['tool']}, {synthesis['top']}: latency {cycles}, interval {every}, estimated clock "
        f"{synthesis['estimated_ns']:.3f} ns for a target of {synthesis['target_ns']:.3f} ns"
    )


def _share(used: float | None, available: float | None) -> str:
    if used is None:
        return _NONE
    return f"{used:,g} ({100 * used / available:.1f} %)" if available else f"{used:,g}"
