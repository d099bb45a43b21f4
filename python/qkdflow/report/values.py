"""Values of a report that come from arrays: what is drawn is computed once, here, and kept in report.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from qkdflow.datasets import Dataset
    from qkdflow.fixed import FixedModel

_EXAMPLES = 6
_LONGEST_PULSE = 512
_BINS = 64
_TRACED = 500  # samples
_AT_ONCE = 50  # of them: a deep network's results are many


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


def activation_summary(fixed: FixedModel, x: NDArray[Any]) -> dict[str, Any]:
    """`student.activations`: how large the input and every layer's results are, as powers of two, by the emulator.

    Of the first `samples` of x (n, *shape): a layer's `counts[b]` results have an absolute code of b significant bits,
    2^(b-1) to 2^b - 1, so that counts[0] are zeros; the last bit is worth 2^`last_bit`. The lowest code of a signed
    type, which has a bit more than all others, counts as one of the largest. `at_limit` counts
    the lowest (not 0) and the highest code of `type`: where a saturating type puts what is too large.
    """
    samples, types = x[:_TRACED], {"input": fixed.input_type}
    types |= {layer.name: layer.result_type for layer in fixed.layers}
    found: dict[str, dict[str, Any]] = {
        name: {
            "type": kind.ap_type,
            "last_bit": -kind.fraction,
            "counts": np.zeros(kind.high_code.bit_length() + 1, np.int64),
            "at_limit": 0,
        }
        for name, kind in types.items()
    }
    for start in range(0, len(samples), _AT_ONCE):
        codes = fixed.input_type.encode(np.asarray(samples[start : start + _AT_ONCE], np.float64))
        traced = {"input": codes, **fixed.emulator.trace(codes)}
        for name, kind in types.items():
            results = traced[name]
            layer = found[name]
            bits = np.minimum(np.frexp(np.abs(results).astype(np.float64))[1], len(layer["counts"]) - 1)
            layer["counts"] += np.bincount(bits.ravel(), minlength=len(layer["counts"]))
            at_limit = (results == kind.high_code) | ((results == kind.low_code) & (results != 0))
            layer["at_limit"] += int(np.count_nonzero(at_limit))
    layers = {name: {**layer, "counts": layer["counts"].tolist()} for name, layer in found.items()}
    return {"samples": len(samples), "layers": layers}


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
