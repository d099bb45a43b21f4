"""The sections of a run's page: each a function from report.json's values alone to markup, or to None."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qkdflow import plots
from qkdflow.accuracy import wilson
from qkdflow.html import Child, Html, fixed_type, join, scroll, table, tag
from qkdflow.report import board, searches
from qkdflow.report.drawing import drawn
from qkdflow.report.verdicts import compared, percent, verdicts, why_not

Report = Mapping[str, Any]
Rows = list[Sequence[Child]]

_NONE = "\N{EM DASH}"
_MODELS = ("teacher", "student")
_NEEDS = ("lut", "ff", "dsp", "bram", "latency_clk", "ii")


def _result(report: Report) -> Html:
    teacher, student, sizes = report["teacher"], report["student"], report.get("size_bits")
    columns: dict[str, Child] = {
        "Application": report["dataset"]["name"],
        "P": f"{teacher['parameters']:,}",
        "OA [%]": percent(teacher["accuracy_test"]),
        "P ": f"{student['parameters']:,}",
        "CR": f"{report['compression_ratio']:.2f}",
        "NL": sum(layer["kind"].startswith(("dense", "conv")) for layer in student["layers"]),
        "OA [%] ": percent(student["accuracy_test"]),
        "Bits": student["bits"],
        "SP [%]": percent(student["sparsity"]),
    }
    groups = tag("tr", tag("th"), tag("th", "Teacher", colspan="2"), tag("th", "Compressed student", colspan="6"))
    head = tag("tr", [tag("th", name.strip(), class_="n" if i else None) for i, name in enumerate(columns)])
    row = tag("tr", [tag("td", v, class_="n" if i else None) for i, v in enumerate(columns.values())])
    note = (
        "P: parameters. OA: overall accuracy on the test part. CR: parameters of the teacher / of the "
        "student. NL: dense and convolutional layers. SP: zeros among the frozen kernel integers. Laid out "
        "as the letter's Table I, without its hardware columns: nothing was synthesised here."
    )
    bits = sizes and (
        f" In bits: teacher {sizes['teacher']:,}, student {sizes['student']:,}, "
        f"a ratio of {sizes['teacher'] / sizes['student']:.2f}."
    )
    letter = tag("table", tag("thead", groups, head), tag("tbody", row), class_="letter")
    return join(scroll(letter), tag("p", note, bits, class_="note"))


def _fit(report: Report) -> Html | None:
    found = report.get("estimate")
    if not found:
        return None
    if found.get("not_run"):
        return tag("p", tag("em", f"not estimated: {found['not_run']}"))
    total, head = found["total"], ["", "LUT", "FF", "DSP", "BRAM18", "Clocks", "II"]
    rows: Rows = [
        ["estimated", *(f"{total[word]['value']:,}" for word in _NEEDS)],
        ["90 % interval", *(f"{total[word]['low']:,} to {total[word]['high']:,}" for word in _NEEDS)],
        ["of the part [%]", *(percent(share) for share in found["share"].values()), None, None],
    ]
    note = (
        f"Estimated, not implemented: what HLS would report for {found['part']} at {found['clock_ns']:g} ns; "
        f"docs/estimator.md says how far off it is. Verdict: {found['verdict']}."
    )
    return join(table(head, rows, numeric=range(1, len(head))), tag("p", note, class_="note"))


def _limits(report: Report) -> Html | None:
    sentences = verdicts(report)
    return tag("ul", [tag("li", s) for s in sentences], class_="limits") if sentences else None


def _baselines(report: Report) -> Html:
    samples = report["dataset"]["split"]["test"]
    models = {"student": report["student"], "teacher": report["teacher"]}
    for name, baseline in (report.get("baselines") or {}).items():
        models[f"{name.replace('_', ' ')} (baseline)"] = baseline
    rows: Rows = []
    for name, model in models.items():
        if model.get("accuracy_test") is None:
            rows.append([name, _NONE, _NONE, _NONE, tag("em", f"not run: {why_not(model)}")])
            continue
        low, high = wilson(model["accuracy_test"], samples)
        wrong = round((1 - model["accuracy_test"]) * samples)
        size = f"{model['parameters']:,}" if model.get("parameters") else _NONE
        interval = f"{percent(low)} to {percent(high)}"
        rows.append([name, size, percent(model["accuracy_test"]), f"{wrong:,}", interval])
    head = ["Classifier", "Parameters", "Accuracy [%]", f"Wrong of {samples:,}", "95 % interval [%]"]
    caption = (
        "Trials were scored on the validation part, final networks on the test part. The vertical axis is "
        "logarithmic in the error, so that 99 and 99.9 % stand apart."
    )
    drawing = plots.accuracy_against_parameters(report)
    return join(
        table(head, rows, numeric=(1, 2, 3, 4)),
        drawn("size", "Accuracy against parameters", drawing, caption),
    )


def _data(report: Report) -> Html:
    data, split = report["dataset"], report["dataset"]["split"]
    text = (
        f"{data['samples']:,} samples of {len(data['class_names'])} classes: {split['train']:,} to train, "
        f"{split['valid']:,} to validate, {split['test']:,} to test. The test part was seen by no search, no "
        "early stop and no threshold."
    )
    if constant := data.get("constant_features"):
        text += f" Values of a sample that never change in the training part: {constant:,}."
    drawing = None
    if data.get("pulses"):
        caption = "Mean, 10th to 90th percentile, and in grey a few inputs of each class (training part)."
        drawing = drawn("pulses", "Inputs by class", plots.pulses(data["pulses"]), caption)
    return join(tag("p", text), data.get("source") and tag("p", data["source"]), drawing)


def _confusion(report: Report) -> Html | None:
    drawings = []
    for model in _MODELS:
        matrix = report[model].get("confusion_test")
        if matrix:
            drawing = plots.confusion(matrix, report["dataset"]["class_names"], model.capitalize())
            drawings.append(drawn(f"confusion-{model}", f"Confusion of the {model}", drawing, None, wide=False))
    note = "Test part. A row is a true class; errors are shaded by the cube root of their share of it."
    return join(tag("div", drawings, class_="pair"), tag("p", note, class_="note")) if drawings else None


def _training(report: Report) -> Html | None:
    drawings = []
    for model in _MODELS:
        history = report[model].get("history") or {}
        if history.get("loss"):
            drawing = plots.learning_curves(history, model.capitalize())
            drawings.append(drawn(f"history-{model}", f"Learning curves of the {model}", drawing, None))
    note = "Dotted: the epoch of the lowest validation loss. The student's loss is that of distillation."
    return join(drawings, tag("p", note, class_="note")) if drawings else None


def _frozen(report: Report) -> Html:
    student = report["student"]
    rows: Rows = []
    for layer in student["layers"]:
        name = [layer["name"], None if layer["kind"] == layer["name"] else tag("small", layer["kind"])]
        types = [fixed_type(layer.get(f"{what}_type")) for what in ("weight", "bias", "result")]
        weights = layer.get("weights")
        if weights:
            shape = f"{layer['inputs']} \N{RIGHTWARDS ARROW} {layer['outputs']}"
            zeros = percent(1 - layer["nonzero"] / weights)
            rows.append([name, shape, f"{weights:,}", f"{layer['nonzero']:,}", zeros, *types])
        else:
            rows.append([name, "", "", "", "", *types])
    head = ["Layer", "Shape", "Weights", "Not zero", "Zeros [%]", "Weight type", "Bias type", "Result type"]
    drawings = [drawn("widths", "Bits and zeros by layer", plots.layer_widths(student["layers"]), None)]
    if student.get("weights"):
        caption = "Integer codes of each kernel; dashed, the lowest and the highest code of its type."
        drawings.append(drawn("weights", "Weight histograms", plots.weight_histograms(student["weights"]), caption))
    if student.get("activations"):
        drawing = plots.activation_histograms(student["activations"])
        drawings.append(
            drawn("activations", "Activation histograms", drawing, _sizes_of_results(student["activations"]["samples"]))
        )
    return join(table(head, rows, numeric=(1, 2, 3, 4)), drawings)


def _sizes_of_results(samples: int) -> str:
    return (
        f"How large the input and each layer's results are, in {samples:,} samples of the test part: a bar a power of "
        "two, zeros left out. Grey is the fixed-point range, from the last bit to the largest value; where it has no "
        "bar on its right, those bits were not needed here. At the limit: what a saturating type may have cut."
    )


def _verification(report: Report) -> Html:
    hls, device = report.get("hls") or {}, report.get("assessment") or {}
    frozen = report.get("float_vs_fixed") or {}
    rows: Rows = [["Float32 training arithmetic", "frozen integers, class", *_tally(frozen, "class_changes")]]
    if "exact_mismatches" in frozen:
        exact = _tally(frozen, "exact_mismatches")
        rows.append(["Quantised network in float64", "frozen integers, bit for bit", *exact])
    if "exact_class_changes" in frozen:
        changes = _tally(frozen, "exact_class_changes")
        rows.append(["Quantised network in float64", "frozen integers, class", *changes])
    rows.append(["Compiled HLS code", "frozen integers, bit for bit", *_tally(hls, "mismatches")])
    device_name = device.get("device", "Assessment")
    rows.append([device_name, "frozen integers, through the driver", *_tally(device, "mismatches")])
    facts = {
        "Backend": hls.get("backend"),
        "Part": hls.get("part"),
        "Interface": hls.get("io_type"),
        "Strategy": hls.get("strategy"),
        "Reuse factor": hls.get("reuse_factor"),
        "Clock": f"{hls['clock_ns']:g} ns" if hls.get("clock_ns") else None,
        "Compiled in": f"{hls['seconds_to_compile']:.1f} s" if hls.get("seconds_to_compile") else None,
        "Accuracy assessed": f"{percent(device['accuracy'])} %" if device.get("accuracy") is not None else None,
    }
    head = ["What ran", "Compared with", "Compared", "Different", "Outcome"]
    return join(table(head, rows, numeric=(2, 3)), _facts(facts))


def _tally(part: Report, different: str) -> tuple[str, str, Html]:
    if not compared(part):
        return "0", _NONE, tag("em", f"not run: {why_not(part)}")
    outcome = "differs" if part[different] else "identical"
    return f"{compared(part):,}", f"{part[different]:,}", tag("strong", outcome, class_=outcome)


def _provenance(report: Report) -> Html:
    timings = report.get("timings") or {}
    longest = max(timings.values(), default=0) or 1
    rows: Rows = []
    for stage, seconds in timings.items():
        bar = tag("i", class_="bar", style=f"width:{100 * seconds / longest:.1f}%")
        rows.append([stage.replace("_", " "), f"{seconds:.1f}", bar])
    rows.append([tag("b", "total"), tag("b", f"{sum(timings.values()):.1f}"), None])
    facts = {
        "seed": report["seed"],
        "budget": report["budget"],
        **(report.get("config") or {}),
        **report["versions"],
    }
    return tag("div", table(["Stage", "Seconds", None], rows, numeric=(1,)), _facts(facts), class_="pair")


def _facts(facts: Mapping[str, Any]) -> Html:
    pairs = [tag("div", tag("dt", k), tag("dd", str(v))) for k, v in facts.items() if v is not None]
    return tag("dl", pairs, class_="facts")


SECTIONS: dict[str, Callable[[Report], Html | None]] = {
    "Result": _result,
    "Will it fit": _fit,
    "Keep in mind": _limits,
    "Beside baselines": _baselines,
    "Data": _data,
    "Confusion": _confusion,
    "Searches": searches.section,
    "Training": _training,
    "Frozen network": _frozen,
    "Verification": _verification,
    "On the board": board.section,
    "Provenance": _provenance,
}
