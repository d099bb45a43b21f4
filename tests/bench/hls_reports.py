"""The public reports of ../shared/data/hls_reports as rows: a layer, its settings, and what HLS reported."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qkdflow.hardware.estimator import Kernel, Row, Target, last_width, lay_out
from qkdflow.hardware.estimator.dense import Layout
from qkdflow.hardware.estimator.laws import initiation_interval

SHARED = Path(os.environ.get("QKDFLOW_SHARED", Path(__file__).parents[2].parent / "shared"))
REPORTS = SHARED / "data" / "hls_reports"
WIDTHS = 16, 16  # input and accumulator: hls4ml's default, which both sources left
SPREAD = {"ARRYTHMIA": 0.27, "jet_tagging": 0.27, "Breast_cancer": 0.125, "HAR": 0.125}  # read off the estimated clocks


@dataclass(frozen=True)
class Reported:
    """A layer of a table: `layout` is ours, `counts` are HLS's."""

    row: Row
    layout: Layout
    ii: int
    counts: dict[str, float]


def dense_layers() -> Iterator[Reported]:
    """Single layers, 16-bit inputs, XCU250 at 5 ns; a network is a shape."""
    with np.load(REPORTS / "dense_weights.npz", allow_pickle=False) as archive:
        weights = {name: archive[name] for name in archive.files}
    for line in _lines("dense_layers.csv"):
        if line["hls_synth_success"] != "True":
            continue
        name, rf = line["model_name"], int(line["rf"])
        target = Target.of("xcu250-figd2104-2L-e", clock_ns=5.0, strategy=line["strategy"])
        matrix, bits = weights[name], int(line["prec"])
        layout = lay_out(Kernel.of(matrix), bits, last_width(matrix, rf), WIDTHS, rf, target)
        counts = {
            "lut": float(line["LUT_hls"]),
            "ff": float(line["FF_hls"]),
            "dsp": float(line["DSP_hls"]),
            "bram": float(line["BRAM_18K_hls"]),
            "latency_clk": float(line["WorstLatency_hls"]),
            "ii": float(line["IntervalMax_hls"]),
        }
        yield _reported(f"{name} RF {rf}", f"{line['d_in']}x{line['d_out']}", layout, target, counts)


def mlp_layers(spread: bool = False) -> Iterator[Reported]:
    """Layers of complete designs, XC7Z007S at 5 ns; spread: with the clock uncertainty of each network's reports."""
    for line in _lines("mlp_layers.csv"):
        fabric = line["variant"].startswith("LUT")
        if fabric and float(line["DSP"]) > 0:
            continue  # a copy of the DSP design's report under the wrong name
        kernel = Kernel(
            n_in=int(line["n_in"]),
            n_out=int(line["n_out"]),
            zeros=int(line["n_zero"]),
            two_digit=int(line["n_two_digit"]),
            many_digit=int(line["n_nonzero"]) - int(line["n_pow2"]) - int(line["n_two_digit"]),
            distinct_many=int(line["sum_distinct_csd3"]),
        )
        kept = SPREAD.get(line["model"]) if spread else None
        target = Target.of("xc7z007sclg225-2", clock_ns=5.0, uncertainty=kept, multiplier="fabric" if fabric else "dsp")
        layout = lay_out(kernel, 8, 8, WIDTHS, int(line["rf"]), target)
        counts = {
            "lut": float(line["LUT"]),
            "ff": float(line["FF"]),
            "dsp": float(line["DSP"]),
            "bram": float(line["BRAM_18K"]),
            "latency_clk": float(line["lat_max"]),
            "ii": float(line["ii"]),
        }
        yield _reported(f"{line['model']} {line['variant']} {line['layer']}", line["model"], layout, target, counts)


def _reported(name: str, network: str, layout: Layout, target: Target, counts: dict[str, float]) -> Reported:
    bill = layout.bill
    ii = initiation_interval(layout.reuse_factor, layout.latency, target.strategy)
    row = Row(name, network, bill.group, {"lut": bill.lut, "ff": bill.ff}, {k: counts[k] for k in ("lut", "ff")})
    return Reported(row, layout, ii, counts)


def _lines(name: str) -> Iterator[dict[str, str]]:
    with (REPORTS / name).open(newline="") as file:
        yield from csv.DictReader(file)


def mlp_designs() -> Iterator[tuple[str, str, list[int], dict[str, float]]]:
    """Complete designs: network, variant, widths of its layers, and HLS's counts."""
    for line in _lines("mlp_designs.csv"):
        if line["variant"].startswith("LUT") and float(line["DSP"]) > 0:
            continue  # a copy of the DSP design's report under the wrong name
        counts = {key: float(line[name]) for key, name in (("lut", "LUT"), ("ff", "FF"), ("dsp", "DSP"), ("ii", "ii"))}
        yield line["model"], line["variant"], [int(n) for n in line["arch"].split("-")], counts
