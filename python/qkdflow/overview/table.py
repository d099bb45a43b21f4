"""The rows as text: the letter's Table I (Molina et al. 2024), with estimates where it has a vendor's report."""

from __future__ import annotations

from collections.abc import Iterable

from qkdflow.hardware.estimator.values import RESOURCES
from qkdflow.overview.rows import Row, Spread

COLUMNS = (
    "Run",
    "Application",
    "Teacher P",
    "Teacher OA [%]",
    "P",
    "Not zero",
    "CR",
    "NL",
    "OA [%]",
    "Bits",
    "SP [%]",
    "EBOPs",
    "Part",
    "LUT [%]",
    "FF [%]",
    "DSP [%]",
    "BRAM [%]",
    "Clocks",
    "Latency [µs]",
    "Mismatches",
)
NUMERIC = tuple(i for i, name in enumerate(COLUMNS) if name not in ("Run", "Application", "Part"))
NOTE = (
    "P: parameters. OA: overall accuracy on the test part, mean and standard deviation where several seeds ran. CR: "
    "parameters of the teacher / of the student. NL: dense and convolutional layers, depthwise ones too. SP: zeros "
    "among the frozen kernel integers. EBOPs: bit operations of the products that are not zero. LUT to latency: "
    "estimated, not implemented. "
    "Mismatches: outputs of the C simulation that differ from the emulator, of those compared. Of several seeds, "
    "counts are medians."
)


def cells(row: Row) -> list[str]:
    """The row's values as text, one for each of COLUMNS."""
    outputs, wrong = row.outputs
    return [
        row.name,
        row.application,
        f"{row.middle('teacher', 'parameters'):,.0f}",
        _percent(row.spread("teacher", "accuracy_test")),
        f"{row.middle('student', 'parameters'):,.0f}",
        f"{row.middle('student', 'nonzero'):,.0f}",
        f"{row.ratio:.2f}",
        f"{row.layers:g}",
        _percent(row.spread("student", "accuracy_test")),
        f"{row.middle('student', 'bits'):g}",
        _percent(row.spread("student", "sparsity")),
        _estimated(row.ebops, "{:,.0f}"),
        row.part,
        *(_estimated(row.share(resource), "{:.1%}").removesuffix("%") for resource in RESOURCES),
        _estimated(row.total("latency_clk"), "{:,.0f}"),
        _estimated(row.latency_us, "{:,.3g}"),
        f"{wrong:,} of {outputs:,}" if outputs else "not run",
    ]


def _estimated(value: float | None, form: str) -> str:
    return "not estimated" if value is None else form.format(value)


def _percent(spread: Spread) -> str:
    deviation = spread.deviation
    return f"{100 * spread.mean:.2f}" + ("" if deviation is None else f" ± {100 * deviation:.2f}")


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a table in GitHub's Markdown, and what its words mean."""
    rule = ["---:" if i in NUMERIC else "---" for i in range(len(COLUMNS))]
    lines = [COLUMNS, rule, *map(cells, rows)]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return f"{table}\n\n{NOTE}\n"
