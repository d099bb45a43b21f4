"""What a run's numbers say, in sentences: the headline, and everything that stands against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qkdflow.accuracy import margin

_BASELINES = {"linear": "linear classifier", "boosted_trees": "boosted trees"}


def percent(share: float) -> str:
    """0.98961 as "98.96"."""
    return f"{100 * share:.2f}"


def headline(report: Mapping[str, Any]) -> str:
    """The run in one sentence."""
    student, teacher, test = report["student"], report["teacher"], report["dataset"]["split"]["test"]
    gap = round(100 * (teacher["accuracy_test"] - student["accuracy_test"]), 2)
    against = f"{abs(gap):.2f} points {'below' if gap > 0 else 'above'}" if gap else "as many as"
    article = "An" if student["bits"] in (8, 11, 18) else "A"
    return (
        f"{article} {student['bits']}-bit student of {student['parameters']:,} parameters, "
        f"{percent(student['sparsity'])} % of its weights zero, classifies "
        f"{percent(student['accuracy_test'])} % of {test:,} unseen samples correctly, {against} its "
        f"{teacher['parameters']:,}-parameter teacher; {_hardware(report.get('hls') or {})}."
    )


def _hardware(hls: Mapping[str, Any]) -> str:
    outputs = compared(hls)
    if not outputs:
        return "its HLS code was not run"
    if hls["mismatches"]:
        return f"{hls['mismatches']:,} of {outputs:,} outputs of its HLS code differ from the emulator's"
    return f"its compiled HLS code gives the emulator's bits in all {outputs:,} outputs compared"


def verdicts(report: Mapping[str, Any]) -> list[str]:
    """The sentences of `report["verdicts"]`, then those that follow from the numbers, none twice."""
    return list(dict.fromkeys([*(report.get("verdicts") or []), *_from_numbers(report)]))


def _from_numbers(report: Mapping[str, Any]) -> Iterator[str]:
    test = report["dataset"]["split"]["test"]
    baselines = report.get("baselines") or {}
    for key, name in _BASELINES.items():
        baseline = baselines.get(key) or {}
        if baseline.get("accuracy_test") is None:
            yield f"{name.capitalize()}: not compared, because {why_not(baseline)}."
            continue
        for model in ("student", "teacher"):
            yield from _against(model, report[model]["accuracy_test"], name, baseline["accuracy_test"], test)
    yield from _barely_smaller(report)
    frozen, hls = report.get("float_vs_fixed") or {}, report.get("hls") or {}
    device = report.get("assessment") or {}
    if frozen.get("class_changes"):
        yield (
            f"Training arithmetic (float32) and the frozen integers choose another class for "
            f"{frozen['class_changes']:,} of {frozen['samples']:,} samples."
        )
    if frozen.get("exact_mismatches"):
        yield (
            f"{frozen['exact_mismatches']:,} logits of the frozen integers differ from the quantised network "
            "evaluated in float64: a fault."
        )
    if frozen.get("inexact_layers"):
        yield (
            f"The quantised network evaluated in float64 and the frozen integers choose another class for "
            f"{frozen['exact_class_changes']:,} of {frozen['samples']:,} samples; their bits differ by design, in "
            f"{', '.join(frozen['inexact_layers'])} (slopes of 18 bits, tables)."
        )
    yield from _room(report.get("estimate") or {})
    if not compared(hls):
        yield f"The HLS code was not compiled and compared, because {why_not(hls)}."
    elif hls["mismatches"]:
        share = f"{hls['mismatches']:,} of {compared(hls):,}"
        yield f"{share} HLS outputs differ from the emulator: a fault."
    if not compared(device):
        yield f"The assessment was not run, because {why_not(device)}."
    elif device["mismatches"]:
        share = f"{device['mismatches']:,} of {compared(device):,}"
        yield f"{share} assessed outputs differ from the emulator: a fault."


def shares(estimate: Mapping[str, Any]) -> str:
    """What an estimate needs of its part, as "LUT 6.7 %, ..."."""
    return ", ".join(f"{name.upper()} {100 * share:.1f} %" for name, share in estimate["share"].items())


def _room(estimate: Mapping[str, Any]) -> Iterator[str]:
    """Where the design may not fit its part, and what helps. A report of before has no estimate, and says nothing."""
    if estimate.get("not_run"):
        yield f"Not estimated: {estimate['not_run']}."
    elif estimate and estimate["verdict"] != "fits":
        what = "does not fit" if estimate["verdict"] == "does not fit" else "is tight on"
        yield (
            f"Estimated, not implemented: the design {what} {estimate['part']} ({shares(estimate)} by HLS's "
            "counts, of whose LUTs synthesis leaves fewer); "
            f"{estimate['advice']}. In a run: --strategy Resource --reuse-factor N keeps the training (same --out); "
            "--digits 2 or --constraints searches another student (another --out)."
        )


def compared(part: Mapping[str, Any]) -> int:
    """How many outputs (or else samples) a comparison covered; 0 where it was not run."""
    return int(part.get("outputs_compared", part.get("samples", 0)) or 0)


def why_not(part: Mapping[str, Any]) -> str:
    """The reason that a part of the report which was not run gives, as the end of a sentence."""
    return str(part.get("not_run", "this run did not include it"))


def _barely_smaller(report: Mapping[str, Any]) -> Iterator[str]:
    """Without a limit a search takes the most accurate student, as large as it comes."""
    share = report["student"]["parameters"] / report["teacher"]["parameters"]
    if share > 1 / 3 and not (report.get("config") or {}).get("max_parameters"):
        yield (
            f"The student has {100 * share:.0f} % of its teacher's parameters: --max-parameters N searches a smaller "
            "one (another --out)."
        )


def _against(model: str, accuracy: float, name: str, baseline: float, samples: int) -> Iterator[str]:
    lead, noise = accuracy - baseline, margin(accuracy, baseline, samples)
    if lead <= 0:
        yield f"The {model} ({percent(accuracy)} %) does not beat the {name} ({percent(baseline)} %)."
    elif lead < noise:
        yield (
            f"The {model} leads the {name} by {percent(lead)} points, less than {samples:,} test samples "
            f"can tell (95 % margin {percent(noise)} points)."
        )
