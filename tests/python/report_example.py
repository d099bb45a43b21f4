"""Fixture data: a report with the shape of a real one. Every figure in it is invented; none was measured."""

from __future__ import annotations

import math
from typing import Any

from qkdflow import FixedPoint, Key
from qkdflow.tune import HyperParameters, learn

CLASSES = ("single narrow", "single wide", "double", "saturated")
TEST = 20_000


def example_report() -> dict[str, Any]:
    """A complete report of an invented psd run: four classes, three dense layers in the student."""
    key = Key(7)
    return {
        "dataset": {
            "name": "psd",
            "source": "Fixture data for the tests of the report: no detector and no training behind it.",
            "samples": 133_333,
            "classes": 4,
            "class_names": list(CLASSES),
            "split": {"train": 93_333, "valid": 20_000, "test": TEST},
            "pulses": _pulses(key.fold("pulses")),
        },
        "baselines": {
            "linear": {"accuracy_test": 0.95885, "parameters": 124},
            "boosted_trees": {"accuracy_test": 0.98745, "parameters": 21_400},
        },
        "teacher": {
            "parameters": 16_352,
            "accuracy_test": 0.99665,
            "layers": [{"name": f"dense_{i}", "kind": "dense"} for i in range(5)],
            "confusion_test": _confusion(0.99665),
            "history": _history(key.fold("teacher"), 32, 0.0030, 0.92),
        },
        "student": {
            "parameters": 529,
            "nonzero": 424,
            "bits": 8,
            "sparsity": 0.20392,
            "accuracy_test": 0.98985,
            "layers": _layers(),
            "confusion_test": _confusion(0.98985),
            "history": _history(key.fold("student"), 64, 0.0100, 0.88),
            "weights": _weights(key.fold("weights")),
            "activations": {
                "samples": 500,
                "layers": {
                    "input": {"type": "ap_ufixed<10,10>", "last_bit": 0, "counts": [9, *range(10)], "at_limit": 4},
                    "dense_0": {"type": "ap_fixed<23,9>", "last_bit": -14, "counts": [0, *range(22)], "at_limit": 0},
                },
            },
        },
        # Without its space, as reports of before: the page then has no model of it.
        "teacher_search": {**_search(key.fold("teacher search"), 32, 300, 0.9968, 30), "space": None},
        "student_search": _search(key.fold("student search"), 1, 20, 0.9903, 16),
        "compression_ratio": 16_352 / 529,
        "size_bits": {"teacher": 523_264, "student": 4_385},
        "float_vs_fixed": {"samples": TEST, "class_changes": 0, "exact_mismatches": 0},
        "hls": {
            "backend": "Vitis",
            "part": "xc7z020clg400-1",
            "io_type": "io_parallel",
            "strategy": "Latency",
            "reuse_factor": 1,
            "clock_ns": 5.0,
            "outputs_compared": 4 * TEST,
            "mismatches": 0,
            "seconds_to_compile": 14.2,
        },
        "assessment": {
            "device": "Simulated device (compiled HLS code)",
            "samples": TEST,
            "outputs_compared": 4 * TEST,
            "mismatches": 0,
            "accuracy": 0.98985,
            "confusion": _confusion(0.98985),
        },
        "timings": {
            "dataset": 2.31,
            "baselines": 3.9,
            "teacher_search": 41.02,
            "teacher": 12.77,
            "student_search": 30.4,
            "student": 9.18,
            "fixed": 0.61,
            "hls": 17.35,
            "overlay": 0.22,
            "assessment": 3.08,
        },
        "versions": {
            "qkdflow": "0.1.0",
            "python": "3.11.9",
            "numpy": "2.4.6",
            "hls4ml": "1.3.0",
            "oneDNN": "3.2.0",
        },
        "seed": 0,
        "budget": "paper",
        "verdicts": ["No board took part: the driver ran against a device simulated from the HLS code."],
    }


def estimated(dsp: float, verdict: str) -> dict[str, Any]:
    """An invented estimate, as Estimate.to_dict gives it."""
    count = {"value": 7, "low": 5, "high": 11}
    return {
        "part": "xc7z020clg400-1",
        "clock_ns": 5.0,
        "total": dict.fromkeys(("lut", "ff", "dsp", "bram", "latency_clk", "ii"), count),
        "share": {"lut": 0.3, "ff": 0.1, "dsp": dsp, "bram": 0.0},
        "verdict": verdict,
        "advice": "" if verdict == "fits" else "change fc1 first",
    }


def _pulses(key: Key) -> dict[str, Any]:
    def pulse(start: float, decay: float, height: float) -> list[float]:
        return [
            height * (t - start) / decay * math.exp(1 - (t - start) / decay) if t > start else 0.0 for t in range(30)
        ]

    double = [a + b for a, b in zip(pulse(4, 2, 110), pulse(15, 2, 70), strict=True)]
    shapes = [pulse(5, 2, 130), pulse(5, 5, 120), double, [min(v, 1.0) for v in pulse(5, 3, 3.0)]]
    shapes[3] = [v * 230 for v in shapes[3]]
    summary = {}
    for name, shape in zip(CLASSES, shapes, strict=True):
        noise = key.fold(name).normal(180).reshape(6, 30)
        summary[name] = {
            "mean": [round(v + 20, 3) for v in shape],
            "low": [round(0.75 * v + 16, 3) for v in shape],
            "high": [round(min(1.25 * v + 24, 250), 3) for v in shape],
            "examples": [
                [min(250, round(20 + v * (1 + 0.12 * n[0]) + 3 * e)) for v, e in zip(shape, n, strict=True)]
                for n in noise
            ],
        }
    return summary


def _confusion(accuracy: float) -> list[list[int]]:
    """5,000 a class, the errors mostly between neighbours; the trace is accuracy * TEST."""
    wrong = round((1 - accuracy) * TEST)
    matrix = [[5000 if i == j else 0 for j in range(4)] for i in range(4)]
    for row, column, share in ((0, 1, 0.35), (1, 0, 0.3), (0, 2, 0.2), (2, 0, 0.1)):
        moved = int(share * wrong)
        matrix[row][column] += moved
        matrix[row][row] -= moved
    rest = wrong - (TEST - sum(matrix[i][i] for i in range(4)))
    matrix[2][3] += rest
    matrix[2][2] -= rest
    return matrix


def _history(key: Key, epochs: int, floor: float, start: float) -> dict[str, list[float | None]]:
    noise = key.normal(4 * epochs).reshape(4, epochs)
    error = [floor + (1 - start) * math.exp(-4.5 * e / epochs) for e in range(epochs)]
    return {
        "loss": [3 * e * (1 + 0.03 * n) for e, n in zip(error, noise[0], strict=True)],
        "accuracy": [1 - 0.85 * e * (1 + 0.03 * n) for e, n in zip(error, noise[1], strict=True)],
        "val_loss": [3.3 * e * (1 + 0.12 * n) for e, n in zip(error, noise[2], strict=True)],
        "val_accuracy": [1 - e * (1 + 0.08 * n) for e, n in zip(error, noise[3], strict=True)],
    }


def _search(key: Key, low: int, high: int, best: float, hidden: int) -> dict[str, Any]:
    trials = []
    for number in range(1, 41):
        u = key.fold(number).uniform(4)
        first, second = (round(low + (high - low) * float(v)) for v in u[:2])
        parameters = 31 * first + (first + 1) * second + (second + 1) * 4
        miss = (1 - best) * (1 + 30 * float(u[2]) ** 2 / number**0.5 + hidden / max(first, 1))
        rate = (0.01, 0.001, 0.0001)[int(3 * u[3])]
        failed = number in (9, 23)
        trials.append(
            {
                "number": number,
                "values": {"fc1": first, "fc2": second, "learning_rate": rate},
                "objective": None if failed else max(0.25, 1 - miss),
                "state": "failed" if failed else "complete",
                "parameters": parameters,
            }
        )
    done = [t for t in trials if t["objective"] is not None]
    return {
        "trials": trials,
        "best": max(done, key=lambda t: t["objective"]),
        "space": learn(lambda hp: _asked(hp, low, high)).to_list(),
        "seed": 5,
    }


def _asked(hp: HyperParameters, low: int, high: int) -> None:
    hp.Int("fc1", low, high)
    hp.Int("fc2", low, high)
    hp.Choice("learning_rate", [0.01, 0.001, 0.0001])


def _types() -> dict[str, str]:
    relu = FixedPoint(8, 4, False, "RND", "SAT").ap_type
    return {"input": FixedPoint(10, 10, False).ap_type, "relu": relu, "bias": FixedPoint(16, 5).ap_type}


def _layers() -> list[dict[str, Any]]:
    types = _types()
    rows: list[dict[str, Any]] = [{"name": "input", "kind": "input", "result_type": types["input"]}]
    for i, (inputs, outputs, nonzero, integer) in enumerate([(30, 11, 262, -6), (11, 10, 88, 1), (10, 4, 32, 1)]):
        rows.append(
            {
                "name": f"dense_{i}",
                "kind": "dense",
                "inputs": inputs,
                "outputs": outputs,
                "parameters": (inputs + 1) * outputs,
                "weights": inputs * outputs,
                "nonzero": nonzero,
                "weight_type": FixedPoint(8, integer, rounding="RND", overflow="SAT").ap_type,
                "bias_type": types["bias"],
                "result_type": FixedPoint(23, 9).ap_type,
            }
        )
        if i < 2:
            rows.append({"name": f"relu_{i}", "kind": "relu", "result_type": types["relu"]})
    return rows


def _weights(key: Key) -> dict[str, Any]:
    weights = {}
    for layer in _layers():
        if layer["kind"] != "dense":
            continue
        edges = [-128.5 + 4 * i for i in range(65)]
        counts = [0] * 64
        for value in key.fold(layer["name"]).normal(layer["nonzero"]):
            counts[min(63, max(0, int((40 * value + 128.5) // 4)))] += 1
        weights[layer["name"]] = {
            "type": layer["weight_type"],
            "low_code": -128,
            "high_code": 127,
            "edges": edges,
            "counts": counts,
            "zeros": layer["weights"] - layer["nonzero"],
        }
    return weights
