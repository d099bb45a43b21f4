"""Values of a report that come from arrays: what is drawn is computed once, here, and kept in report.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from qkdflow.datasets import Dataset
    from qkdflow.fixed import FixedModel

_EXAMPLES = 6
_LONGEST_PULSE = 512
_BINS = 64


def pulse_summary(dataset: Dataset) -> dict[str, dict[str, list[Any]]] | None:
    """`dataset.pulses`: per class the mean, 10th and 90th percentile, and a few training pulses, in counts.

    None where the inputs are no pulses: not one-dimensional, or longer than a plot can show.
    """
    x, y = dataset.train
    if x.ndim != 2 or x.shape[1] > _LONGEST_PULSE:
        return None
    summary = {}
    for label, name in enumerate(dataset.class_names):
        rows = x[y == label].astype(np.float64)
        if len(rows) == 0:
            continue
        low, high = np.percentile(rows, [10, 90], axis=0)
        curves = {"mean": rows.mean(axis=0), "low": low, "high": high, "examples": rows[:_EXAMPLES]}
        summary[name] = {key: np.round(curve, 3).tolist() for key, curve in curves.items()}
    return summary


def weight_summary(fixed: FixedModel) -> dict[str, dict[str, Any]]:
    """`student.weights`: per layer with weights the histogram of its kernel's integer codes, zeros apart.

    `counts` (bins,) of non-zero codes between `edges` (bins + 1,), which span the type's `low_code` to
    `high_code`; a bin is a whole number of codes wide.
    """
    summary = {}
    layers: Sequence[Any] = fixed.layers  # told apart by kind
    for layer in layers:
        if not hasattr(layer, "weights"):
            continue
        kind, codes = layer.weight_type, np.asarray(layer.weights).ravel()
        width = -(-(kind.high_code - kind.low_code + 1) // _BINS)
        edges = np.arange(kind.low_code, kind.high_code + width + 1, width) - 0.5
        counts, _ = np.histogram(codes[codes != 0], edges)
        summary[layer.name] = {
            "type": kind.ap_type,
            "low_code": kind.low_code,
            "high_code": kind.high_code,
            "edges": edges.tolist(),
            "counts": counts.tolist(),
            "zeros": int(np.count_nonzero(codes == 0)),
        }
    return summary


def layer_rows(fixed: FixedModel) -> list[dict[str, Any]]:
    """`student.layers`: the input and each frozen layer in order, types as ap_fixed text."""
    rows: list[dict[str, Any]] = [{"name": "input", "kind": "input", "result_type": fixed.input_type.ap_type}]
    layers: Sequence[Any] = fixed.layers  # told apart by kind
    for layer in layers:
        if hasattr(layer, "weights"):
            outputs = layer.bias.size
            rows.append(
                {
                    "name": layer.name,
                    "kind": layer.kind,
                    "inputs": layer.weights.size // outputs,  # products a result
                    "outputs": outputs,
                    "parameters": int(layer.weights.size + layer.bias.size),
                    "weights": int(layer.weights.size),
                    "nonzero": int(np.count_nonzero(layer.weights)),
                    "weight_type": layer.weight_type.ap_type,
                    "bias_type": layer.bias_type.ap_type,
                    "result_type": layer.result_type.ap_type,
                }
            )
        else:
            kind = layer.activation if layer.kind == "activation" else layer.kind
            rows.append({"name": layer.name, "kind": kind, "result_type": layer.result_type.ap_type})
    return rows
