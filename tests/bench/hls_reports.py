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
from qkdflow.hardware.estimator.target import Multiplier

SHARED = Path(os.environ.get("QKDFLOW_SHARED", Path(__file__).parents[2].parent / "shared"))
REPORTS = SHARED / "data" / "hls_reports"
WIDTHS = 16, 16  # input and accumulator of the single layers: hls4ml's default
DESIGN_WIDTHS = 8, 16  # of the designs' layers, whose names in the reports are ..._ap_fixed_8_2_..._ap_fixed_16_4_...
# The table says 5 ns for every design. The reports themselves say 3.33 ns for two, and 12.5 % uncertainty for all.
CLOCK_NS = {"ARRYTHMIA": 3.33, "jet_tagging": 3.33, "Breast_cancer": 5.0, "HAR": 5.0}
UNCERTAINTY = 0.125


@dataclass(frozen=True)
class Folded:
    """A report of a layer under the Resource strategy, 7-bit weights, 16-bit results."""

    shape: tuple[int, int]
    rf: int
    input_bits: int
    dsp: int
    bram: int
    lut: int
    ff: int
    latency: int
    io: str


# csynth, Vivado HLS 2019.2, XC7Z020: the jet tagger of nicologhielmetti/hls4ml-pynq, in parallel at 5 ns and as a
# stream at 10 ns.
FOLDED = (
    Folded((16, 64), 64, 16, 16, 4, 5827, 5315, 77, "parallel"),
    Folded((64, 32), 64, 7, 0, 7, 2237, 1217, 67, "parallel"),
    Folded((32, 32), 64, 7, 0, 4, 2223, 1004, 67, "parallel"),
    Folded((32, 5), 32, 7, 0, 1, 482, 270, 35, "parallel"),
    Folded((16, 64), 64, 16, 16, 4, 3768, 3353, 67, "stream"),
    Folded((64, 32), 64, 7, 0, 7, 4805, 2618, 66, "stream"),
    Folded((32, 32), 64, 7, 0, 4, 3639, 1899, 66, "stream"),
    Folded((32, 5), 32, 7, 0, 1, 1655, 891, 34, "stream"),
)


@dataclass(frozen=True)
class Reported:
    """A layer of a table: `layout` is ours, `counts` are HLS's.

    ends: what it would be at the ends of an unknown clock uncertainty; row.network: what is left out as a whole.
    """

    row: Row
    layout: Layout
    ends: tuple[Layout, ...]
    ii: int
    counts: dict[str, float]


def dense_layers() -> Iterator[Reported]:
    """Single layers, 16-bit inputs, XCU250 at 5 ns.

    A network is a shape; for the Resource strategy, of which there are many, all shapes of an input width.
    """
    with np.load(REPORTS / "dense_weights.npz", allow_pickle=False) as archive:
        weights = {name: archive[name] for name in archive.files}
    for line in _lines("dense_layers.csv"):
        if line["hls_synth_success"] != "True":
            continue
        name, rf = line["model_name"], int(line["rf"])
        target = Target.of("xcu250-figd2104-2L-e", clock_ns=5.0, strategy=line["strategy"])
        matrix, bits = weights[name], int(line["prec"])
        layouts = _layouts(Kernel.of(matrix), bits, last_width(matrix, rf), WIDTHS, rf, target)
        counts = {
            "lut": float(line["LUT_hls"]),
            "ff": float(line["FF_hls"]),
            "dsp": float(line["DSP_hls"]),
            "bram": float(line["BRAM_18K_hls"]),
            "latency_clk": float(line["WorstLatency_hls"]),
            "ii": float(line["IntervalMax_hls"]),
        }
        network = line["d_in"] if line["strategy"] == "resource" and rf > 1 else f"{line['d_in']}x{line['d_out']}"
        yield _reported(f"{name} RF {rf}", network, layouts, target, counts)


def folded_layers() -> Iterator[Reported]:
    """The layers of FOLDED. Their weights are not needed: all are 7 bits wide."""
    for line in FOLDED:
        n_in, n_out = line.shape
        clock_ns = 5.0 if line.io == "parallel" else 10.0
        multiplier: Multiplier = "dsp" if line.dsp else "fabric"
        settings = {"strategy": "resource", "multiplier": multiplier, "uncertainty": UNCERTAINTY}
        target = Target.of("xc7z020clg400-1", clock_ns=clock_ns, **settings)
        kernel = Kernel(n_in, n_out, 0, 0, n_in * n_out, 0)
        layouts = _layouts(kernel, 7, 7, (line.input_bits, 16), line.rf, target)
        held = n_in * line.input_bits if line.io == "stream" else 0  # the input's registers, counted by `collected`
        counts = {
            "lut": float(line.lut),
            "ff": float(line.ff - held),
            "dsp": float(line.dsp),
            "bram": float(line.bram),
            "latency_clk": float(line.latency),
            "ii": float(line.rf),
        }
        yield _reported(f"jet tagger {n_in}x{n_out} {line.io}", f"{n_in}x{n_out}", layouts, target, counts)


def mlp_layers(stated: bool = False) -> Iterator[Reported]:
    """Layers of complete designs, XC7Z007S; stated: at 5 ns and an unknown uncertainty, as the table has it."""
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
        clock_ns, kept = (5.0, None) if stated else (CLOCK_NS[line["model"]], UNCERTAINTY)
        multiplier: Multiplier = "fabric" if fabric else "dsp"
        target = Target.of("xc7z007sclg225-2", clock_ns=clock_ns, uncertainty=kept, multiplier=multiplier)
        layouts = _layouts(kernel, 8, 8, DESIGN_WIDTHS, int(line["rf"]), target)
        counts = {
            "lut": float(line["LUT"]),
            "ff": float(line["FF"]),
            "dsp": float(line["DSP"]),
            "bram": float(line["BRAM_18K"]),
            "latency_clk": float(line["lat_max"]),
            "ii": float(line["ii"]),
        }
        yield _reported(f"{line['model']} {line['variant']} {line['layer']}", line["model"], layouts, target, counts)


def _layouts(
    kernel: Kernel, bits: int, last: int, widths: tuple[int, int], rf: int, target: Target
) -> tuple[Layout, ...]:
    """At the target's budget, then at both its ends."""
    return tuple(lay_out(kernel, bits, last, widths, rf, target, budget) for budget in (None, *target.budgets))


def _reported(
    name: str, network: str, layouts: tuple[Layout, ...], target: Target, counts: dict[str, float]
) -> Reported:
    layout, *ends = layouts
    bill = layout.bill
    ii = initiation_interval(layout.reuse_factor, layout.latency, target.strategy)
    row = Row(name, network, bill.group, {"lut": bill.lut, "ff": bill.ff}, {k: counts[k] for k in ("lut", "ff")})
    return Reported(row, layout, tuple(ends), ii, counts)


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
