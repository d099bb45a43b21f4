"""A row of docs/results/compression.md: one application's whole run, then its student again from several keys.

    python tests/bench/results.py mnist-mlp --data ../shared/data/mnist --out runs/mlp [--budget paper] [--seeds 5]
    python tests/bench/results.py --table

One search and one teacher a row; every seed trains the best student found once, from another key, freezes it, and looks
at the test part. Writes docs/results/ROW.json, and the table from all of them. --row names another row than the
application; --set is that of `qkdflow run`. CPU seconds count all threads and the compiler.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from commit import commit
from qkdflow import Key, _core, load_run, settings, stages, workflow
from qkdflow.config import RunConfig

HEAD = """# Compression by application

`python tests/bench/results.py NAME --data PATH --out DIR` measures a row and writes the table: the whole line once
(one search, one teacher), then the best student found trained from so many keys, each frozen to integers, each looked
at once on the test part. Data called real are public data, synthetic ones are this project's simulators
([psd](../datasets/psd.md), [gamma-neutron](../datasets/gamma-neutron.md), [pest](../datasets/pest.md)), which the
published figures, of detectors and traps whose data are not public, were not measured on. Zeros are counted on the
frozen kernel integers, the least of the seeds; parameters include zeros. CPU hours are of all threads, the compiler
and the seeds, on a machine that others used too. What is asked was set before the first row was measured, from what the
published students reach. Seeds are of the student's last training alone: another search, of another seed or commit,
ends with another student, whose size differs more than its accuracy.

"""
DECISIVE = ("bits", "sparsity", "max_parameters", "teacher_network", "student_network", "augmentation")
ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs/results"
# What is asked of the seeds' median, in points: an accuracy, or at most a drop from the teacher, of all or in each
# class; and what the published student reaches (teacher -> student).
TARGETS: dict[str, tuple[str, float | None, str]] = {
    "psd": ("drop", 0.74, "99.70 -> 98.96 %, 529 parameters"),
    "gamma-neutron": ("drop a class", 1.4, "99.44/98.22 -> 98/97.22 %, 950 parameters"),
    "mnist-mlp": ("accuracy", 90, "88.5 -> 78.95 %, 8,847 parameters"),
    "mnist-cnn": ("accuracy", 98.3, "96.8 -> 93.81 %, 3,816 parameters"),
    "mnist-cnn-1762": ("accuracy", 97, "99.28 -> 89.74 %, 1,762 parameters"),
    "pest-cnn": ("drop", 3, "99.19 -> 94.11 %, 3,699 parameters"),
    "vgg16": ("drop", 2.2, "98.87 -> 96.67 %, 3,207 parameters"),
    "mobilenetv2": ("drop", 1.9, "97.52 -> 95.6 %, 4,595 parameters"),
    "resnet20": ("accuracy", None, "90.68 -> 89.82 %, skips removed, float32"),
}


def measure(config: RunConfig, out: Path, seeds: int) -> dict[str, Any]:
    """The run's report in numbers, and each seed's student."""
    if (out / "run.json").exists():
        raise SystemExit(f"{out} holds a run already: its CPU time could not be told. Choose another folder")
    report = workflow.run(config, out)
    run = load_run(out)
    logits = stages.teacher_logits(run.teacher, run.dataset)
    key = Key(config.seed)
    journal = out / "04_student_search" / "journal.jsonl"
    study = stages.search_student(run.dataset, logits, config, key.fold("student search"), journal)
    once = replace(config, effort={**config.effort, "student_restarts": 1})
    students = []
    for seed in range(seeds):
        trained = stages.train_student(run.dataset, logits, study, once, key.fold("seed").fold(seed))
        fixed = stages.freeze(trained.model, run.dataset.class_names)
        x, y = run.dataset.test
        right = fixed.predict(x).argmax(axis=1) == y
        classes = [float(right[y == c].mean()) for c in range(run.dataset.classes)]
        students.append({"accuracy_test": float(right.mean()), "sparsity": fixed.sparsity, "by_class": classes})
        print(f"seed {seed}: {100 * right.mean():.2f} %, {100 * fixed.sparsity:.1f} % zeros", flush=True)
    confusion = np.array(report["teacher"]["confusion_test"])
    return {
        "source": report["dataset"]["source"],
        "split": report["dataset"]["split"],
        "linear": report["baselines"]["linear"]["accuracy_test"],
        "boosted_trees": report["baselines"]["boosted_trees"].get("accuracy_test"),  # None: scikit-learn is not there
        "teacher": {
            "parameters": report["teacher"]["parameters"],
            "accuracy_test": report["teacher"]["accuracy_test"],
            "by_class": (np.diag(confusion) / confusion.sum(axis=1)).tolist(),
        },
        "student": {
            "parameters": report["student"]["parameters"],
            "bits": report["student"]["bits"],
            "of_the_run": report["student"]["accuracy_test"],
            "seeds": students,
        },
        "csim": {k: report["hls"].get(k) for k in ("outputs_compared", "mismatches", "not_run")},
        "device": {k: report["assessment"][k] for k in ("samples", "mismatches")},
    }


def machine() -> dict[str, Any]:
    """When, from which commit, where, and at what cost this process measures."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    kind = [platform.machine(), cpu.partition(": ")[2], _core.simd_level(), f"{os.cpu_count()} cores"]
    return {
        "date": date.today().isoformat(),
        "commit": commit("cpp", "python"),
        "machine": ", ".join(kind),
        "cpu_seconds": round(sum(u.ru_utime + u.ru_stime for u in used)),
    }


def provenance(config: RunConfig) -> dict[str, Any]:
    """The same, and what was asked for."""
    plain = config.to_dict()
    return {
        **machine(),
        "seed": config.seed,
        "budget": config.budget,
        "work": vars(config.work),
        "settings": {k: plain[k] for k in DECISIVE},
    }


def table() -> str:
    """docs/results/compression.md of all rows that there are."""
    head = [
        "row",
        "data",
        "teacher",
        "student",
        "bits",
        "zeros",
        "test accuracy over seeds",
        "asked",
        "published",
        "CPU",
    ]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    notes = []
    for name, (measure, limit, published) in TARGETS.items():
        path = RESULTS / f"{name}.json"
        if not path.exists():
            continue
        row = json.loads(path.read_text())
        teacher, student, seeds = row["teacher"], row["student"], row["student"]["seeds"]
        scores = [100 * s["accuracy_test"] for s in seeds]
        median = float(np.median(scores))
        verdict = asked(measure, limit, row, median)
        synthetic = "synthetic" if row["source"].startswith("Synthetic") else "real"
        lines.append(
            f"| {name} | {synthetic} | {teacher['parameters']:,}, {100 * teacher['accuracy_test']:.2f} % "
            f"| {student['parameters']:,} ({teacher['parameters'] / student['parameters']:.1f}x) | {student['bits']} "
            f"| {100 * min(s['sparsity'] for s in seeds):.1f} % "
            f"| median {median:.2f}, mean {np.mean(scores):.2f} +- {deviation(scores):.2f} % ({len(seeds)} seeds) "
            f"| {verdict} | {published} | {row['cpu_seconds'] / 3600:.2f} h |"
        )
        split, compared = row["split"], row["csim"]
        agreed = f"csim: {compared['mismatches']} of {compared['outputs_compared']:,} logits differ"
        trees = f", boosted trees {100 * row['boosted_trees']:.2f} %" if row.get("boosted_trees") else ""
        notes.append(
            f"- {name}: {row['command']}; seed {row['seed']}, commit {row['commit']}, {row['date']}, {row['machine']}; "
            f"{split['train']:,} rows to train, {split['test']:,} to test; {pretext(row)}"
            f"linear {100 * row['linear']:.2f} %{trees}; "
            f"{agreed if compared['outputs_compared'] else 'csim not run'}. {row['source']}"
        )
    missing = [name for name in TARGETS if not (RESULTS / f"{name}.json").exists()]
    return "\n".join([*lines, "", *notes, *(["", f"Not measured: {', '.join(missing)}."] if missing else [])])


def pretext(row: dict[str, Any]) -> str:
    """What the teacher learned before the data, where it learned something."""
    work = row["work"]
    if row["settings"]["teacher_network"].get("kind") != "zoo" or not work["pretext_samples"]:
        return ""
    return (
        f"the teacher was pretrained here on {work['pretext_samples']:,} simulated images of textures, "
        f"{work['pretext_epochs']} epochs, then fine-tuned (the letter's began with ImageNet's weights); "
    )


def asked(measure: str, limit: float | None, row: dict[str, Any], median: float) -> str:
    """A row's target, and whether the median of its seeds meets it."""
    if limit is None:
        return ""
    if measure == "accuracy":
        return f">= {limit:.2f} %: {'yes' if median >= limit else 'missed'}"
    drops = [100 * row["teacher"]["accuracy_test"] - median]
    if measure == "drop a class":
        seeds = np.median([s["by_class"] for s in row["student"]["seeds"]], axis=0)
        drops = list(100 * (np.array(row["teacher"]["by_class"]) - seeds))
    found = ", ".join(f"{drop:.2f}" for drop in drops)
    return f"{measure} <= {limit:.2f}: {found}, {'yes' if max(drops) <= limit else 'missed'}"


def deviation(scores: list[float]) -> float:
    """The sample's standard deviation, as everywhere here."""
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0


def write_table() -> None:
    (RESULTS / "compression.md").write_text(f"{HEAD}{table()}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--data")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--row")
    parser.add_argument("--budget", default="paper")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--table", action="store_true", help="write the table alone")
    args = parser.parse_args()
    if not args.table:
        given = {"budget": args.budget, **({"data": os.path.abspath(args.data)} if args.data else {})}
        chosen = settings.merged(settings.preset(args.name), settings.parse_set(args.set))
        config = settings.make_config(settings.merged(chosen, given))
        found = measure(config, args.out, args.seeds)
        row = args.row or args.name
        sets = "".join(f" --set {s}" for s in args.set)
        command = f"`qkdflow run {args.name} --budget {args.budget}{sets}`"
        whole = {"row": row, "command": command, **provenance(config), **found}
        (RESULTS / f"{row}.json").write_text(json.dumps(whole, indent=1) + "\n")
    write_table()


if __name__ == "__main__":
    main()
