"""The estimator against public reports: `python tests/bench/estimator.py fit | evaluate | plot`.

fit       writes the prices of python/qkdflow/hardware/estimator/constants.toml, from ../shared/data/hls_reports
evaluate  leaves out one network after another, fits to the rest, prints the errors and coverage on what was left out;
          --write puts the table into docs/estimator.md
plot      the same residuals as docs/estimator-residuals.svg
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from hls_reports import CLOCK_NS, UNCERTAINTY, Reported, dense_layers, folded_layers, mlp_designs, mlp_layers
from qkdflow import FixedPoint
from qkdflow.fixed import FixedActivation, FixedSoftmax
from qkdflow.hardware.estimator import Target, fit
from qkdflow.hardware.estimator.pointwise import activation, softmax
from qkdflow.hardware.estimator.prices import Prices
from qkdflow.hardware.estimator.terms import WIDTH
from qkdflow.hardware.estimator.values import Quantity, total

ROOT = Path(__file__).parents[2]
CONSTANTS = ROOT / "python/qkdflow/hardware/estimator/constants.toml"
DOCS = ROOT / "docs/estimator.md"
PRIOR = {("ultrascale+.latency_shared", "lut"): "ultrascale+.latency"}  # few rows, like ones
BASIS = {
    "7series.latency": "csynth, 74 layers of 4 designs, Vitis HLS 2021.1, XC7Z007S, 3.33 and 5 ns, 8-bit weights",
    "folded": "csynth, 8 layers of 1 design, Vivado HLS 2019.2, XC7Z020, 5 and 10 ns, 7-bit weights, reuse 32 and 64",
    "ultrascale+.latency": "csynth, 51 layers, Vivado HLS, XCU250, 5 ns, 2 to 14 bits",
    "ultrascale+.latency_shared": "csynth, 30 layers, Vivado HLS, XCU250, 5 ns, 8 to 14 bits, reuse 512 and 1,024",
    "ultrascale+.unrolled": "csynth, 35 layers, Vivado HLS, XCU250, 5 ns, 2 to 14 bits",
    "resource": "csynth, 759 layers, Vivado HLS, XCU250, 5 ns, 2 to 14 bits, reuse 384 to 1,152, rf >= 2 n_in",
}
CORRECTION = {  # synthesis over csynth: value, lowest, highest of three builds of one design (docs/estimator.md)
    "lut": (0.40, 0.33, 0.40),
    "ff": (1.08, 1.07, 1.23),
    "dsp": (1.0, 1.0, 1.0),
    "bram": (0.2, 0.2, 1.0),
}
RELU = FixedActivation("relu", "relu", FixedPoint(8, 1, False, "RND_CONV", "SAT"))
SOFTMAX = FixedSoftmax("softmax", "stable", FixedPoint(WIDTH, 4), FixedPoint(WIDTH, 4))
DESIGNS = "7series.latency"
Groups = dict[str, list[Reported]]


def groups() -> Groups:
    found: Groups = defaultdict(list)
    for reported in (*dense_layers(), *folded_layers(), *mlp_layers()):
        found[reported.row.group].append(reported)
    return dict(sorted(found.items()))


def prior_of(group: str, target: str, found: Groups, left_out: str | None = None) -> dict[str, float] | None:
    if (group, target) not in PRIOR:
        return None
    rows = [r.row for r in found[PRIOR[group, target]] if r.row.network != left_out]
    return fit.fit(rows, target)


def write_constants(found: Groups) -> None:
    lines = [
        "# What terms cost, fitted to public reports by `python tests/bench/estimator.py fit`; not written by hand.",
        "# price: LUTs or flip-flops a unit of the term (terms.py); low, high: multiples of the sum between which nine",
        "# of ten layers of networks left out lie; clocks: [fewer, more] than the estimate, likewise.",
        "",
        "[basis]",
        *(f'"{group}" = "{text}"' for group, text in BASIS.items()),
        "",
        "[clocks]",
    ]
    for group, rows in found.items():
        off = np.array([r.counts["latency_clk"] - r.layout.latency for r in rows])
        low, high = np.quantile(off, [0.05, 0.95], method="inverted_cdf")
        lines.append(f'"{group}" = [{max(0, -int(low))}, {max(0, int(high))}]')
    lines += ["", "# Vivado synthesis over csynth: [value, lowest, highest] of the public builds that have both."]
    lines += ["[synthesis_over_csynth]"]
    lines += [f"{resource} = {list(ratio)}" for resource, ratio in CORRECTION.items()]
    for group, rows in found.items():
        for target in fit.TARGETS:
            prices = fit.price_rows([r.row for r in rows], target, prior_of(group, target, found))
            inside = ", ".join(f"{name} = {value:.4g}" for name, value in prices.price.items() if value >= 1e-3)
            lines += ["", f'[prices."{group}".{target}]', f"price = {{ {inside} }}"]
            lines += [f"low = {prices.low:.4f}", f"high = {prices.high:.4f}"]
    CONSTANTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {CONSTANTS.relative_to(ROOT)}")


def others_prices(found: Groups, group: str, target: str) -> dict[str, Prices]:
    """By network: prices fitted without it."""
    rows = [r.row for r in found[group]]
    return {
        n: fit.price_rows([r for r in rows if r.network != n], target, prior_of(group, target, found, n))
        for n in sorted({r.network for r in rows})
    }


def judge(rows: list[Reported], target: str, prices: dict[str, Prices]) -> tuple[Any, Any]:
    """Estimate over report of every row, and whether its interval held the report."""
    quantities = [quantity(r, target, prices[r.row.network]) for r in rows]
    reported = [r.counts[target] for r in rows]
    ratio = np.array([q.value / count for q, count in zip(quantities, reported, strict=True)])
    return ratio, np.array([q.low <= count <= q.high for q, count in zip(quantities, reported, strict=True)])


def quantity(reported: Reported, target: str, prices: Prices) -> Quantity:
    middle, *ends = (prices.quantity(getattr(x.bill, target)) for x in (reported.layout, *reported.ends))
    return middle.reaching(ends)


def evaluate(found: Groups) -> list[str]:
    head = "| group | rows | networks | target | median error | 90th percentile | worst | interval holds |"
    lines = [head, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    everything = [r for rows in found.values() for r in rows]
    stated = list(mlp_layers(stated=True))
    for target in fit.TARGETS:
        errors, holds = [], []
        for group, rows in found.items():
            prices = others_prices(found, group, target)
            ratio, held = judge(rows, target, prices)
            error = np.abs(ratio - 1)
            errors.append(error)
            holds.append(held)
            lines.append(_line(group, rows, target, error, held))
            if group == DESIGNS:
                ratio, held = judge(stated, target, prices)
                lines.append(_line(f"{group}, clock not known", stated, target, np.abs(ratio - 1), held))
        lines.append(_line("all", everything, target, np.concatenate(errors), np.concatenate(holds)))
    lines += ["", "| group | rows | DSP exact | BRAM exact | within 1 | II exact | clocks exact | within 2 or 10 % |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for group, rows in [*found.items(), (f"{DESIGNS}, clock not known", stated), ("all", everything)]:
        off = {
            "dsp": [r.layout.dsp - r.counts["dsp"] for r in rows],
            "bram": [r.layout.bram - r.counts["bram"] for r in rows],
            "ii": [r.ii - r.counts["ii"] for r in rows],
            "latency": [r.layout.latency - r.counts["latency_clk"] for r in rows],
        }
        exact = {k: sum(v == 0 for v in values) for k, values in off.items()}
        near = sum(abs(d) <= max(2.0, 0.1 * r.counts["latency_clk"]) for d, r in zip(off["latency"], rows, strict=True))
        one = sum(abs(d) <= 1 for d in off["bram"])
        counts = (len(rows), exact["dsp"], exact["bram"], one, exact["ii"], exact["latency"], near)
        lines.append(f"| {group} | {' | '.join(map(str, counts))} |")
    return lines


def designs(found: Groups) -> list[str]:
    """Complete designs: layers at prices of the other networks, their activations and their softmax."""
    lines = ["", "| design, csynth and estimate | LUT | | FF | | DSP | | II | |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    prices = {target: others_prices(found, DESIGNS, target) for target in fit.TARGETS}
    held = dict.fromkeys(fit.TARGETS, 0)
    for model, variant, widths, counts in mlp_designs():
        own = [r for r in found[DESIGNS] if r.row.name.startswith(f"{model} {variant} ")]
        target = Target.of("xc7z007sclg225-2", clock_ns=CLOCK_NS[model], uncertainty=UNCERTAINTY)
        rest = [activation(RELU, n, n, WIDTH, target) for n in widths[1:-1]]
        rest.append(softmax(SOFTMAX, widths[-1], WIDTH, target))
        whole = {}
        for t in fit.TARGETS:
            dense = [quantity(r, t, prices[t][model]) for r in own]
            whole[t] = total([*dense, *(getattr(x, t) for x in rest)])
            held[t] += whole[t].low <= counts[t] <= whole[t].high
        lut, ff = whole["lut"].value, whole["ff"].value
        dsp = sum(r.layout.dsp for r in own) + (rest[-1].dsp.value if variant.startswith("DSP") else 0)
        lines.append(
            f"| {model} {variant} | {counts['lut']:,.0f} | {lut:,.0f} ({lut / counts['lut'] - 1:+.0%}) "
            f"| {counts['ff']:,.0f} | {ff:,.0f} ({ff / counts['ff'] - 1:+.0%}) | {counts['dsp']:.0f} | {dsp} "
            f"| {counts['ii']:.0f} | {max(r.ii for r in own)} |"
        )
    count = len(lines) - 3
    return [
        *lines,
        "",
        f"The interval of the whole holds the report in {held['lut']} (LUT) and {held['ff']} (FF) of {count}.",
    ]


def _line(group: str, rows: list[Reported], target: str, error: Any, held: Any) -> str:
    networks = len({r.row.network for r in rows})
    p90 = np.quantile(error, 0.9)
    return (
        f"| {group} | {len(rows)} | {networks} | {target.upper()} | {100 * np.median(error):.1f} % "
        f"| {100 * p90:.1f} % | {100 * error.max():.0f} % | {100 * held.mean():.1f} % |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("fit", "evaluate", "plot"))
    parser.add_argument("--write", action="store_true", help="evaluate: put the table into docs/estimator.md")
    args = parser.parse_args()
    found = groups()
    if args.what == "fit":
        write_constants(found)
    elif args.what == "evaluate":
        table = "\n".join([*evaluate(found), *designs(found)])
        print(table)
        if args.write:
            _put(table)
    else:
        _plot(found)


def _put(table: str) -> None:
    begin, end = "<!-- evaluate -->\n", "<!-- end -->"
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(begin)
    DOCS.write_text(before + begin + table + "\n" + end + rest.partition(end)[2], encoding="utf-8")


def _plot(found: Groups) -> None:
    from qkdflow.plots.hardware import residuals

    series = {
        target: {g: judge(found[g], target, others_prices(found, g, target))[0] - 1 for g in found}
        for target in fit.TARGETS
    }
    path = DOCS.with_name("estimator-residuals.svg")
    residuals(series).savefig(path)
    print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
