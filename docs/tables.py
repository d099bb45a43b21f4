"""The measured tables of README.md and of results/bo.md, clyc.md and fuzzing.md, made from the committed results:
`python docs/tables.py`.

A table stands between `<!-- table NAME -->` and `<!-- end -->`; what makes it is PAGES[page][NAME]. Nothing is typed
by hand there: a test fails where the file differs from what the results say.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from qkdflow.contest.score import table as contest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/results"
sys.path.insert(0, str(ROOT / "tests/bench"))
README = ROOT / "README.md"
OPTIMISERS, PULSES, FUZZING = RESULTS / "bo.md", RESULTS / "clyc.md", RESULTS / "fuzzing.md"
_MARKED = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def compression(results: Path = RESULTS) -> str:
    """Accuracy and size of every application's student that tests/bench/results.py measured."""
    from results import TARGETS  # type: ignore[import-not-found]  # of tests/bench: the rows, and what was published

    rows = []
    for name, (*_, published) in TARGETS.items():
        path = results / f"{name}.json"
        if not path.exists():
            continue
        row = json.loads(path.read_text(encoding="utf-8"))
        teacher, student, csim = row["teacher"], row["student"], row["csim"]
        scores = [100 * seed["accuracy_test"] for seed in student["seeds"]]
        zeros = min(seed["sparsity"] for seed in student["seeds"])
        rows.append(
            (
                f"{name}, {'synthetic' if row['source'].startswith('Synthetic') else 'real'}",
                f"{teacher['parameters']:,}, {100 * teacher['accuracy_test']:.2f} %",
                f"{student['parameters']:,}",
                f"{teacher['parameters'] / student['parameters']:.1f}",
                str(student["bits"]),
                f"{100 * zeros:.1f} %",
                f"{median(scores):.2f} % ({min(scores):.2f} to {max(scores):.2f}, {len(scores)} seeds)",
                f"{csim['mismatches']:,} of {csim['outputs_compared']:,}" if csim["outputs_compared"] else "not run",
                published,
            )
        )
    head = ("data", "teacher", "student", "ratio", "bits", "zeros", "accuracy on test", "csim differs", "published")
    return _table(head, rows, right=(2, 3, 4, 5)) if rows else "Not measured yet: `tests/bench/results.py`.\n"


def speed(results: Path = RESULTS) -> str:
    """Optimiser steps here and in PyTorch, as tests/bench/train_peers/run wrote them; a sentence where it did not."""
    command = "tests/bench/train_peers/run --json docs/results/train_peers.json"
    path = results / "train_peers.json"
    if not path.exists():
        return f"Beside PyTorch: `{command}` measures it; it was not run to its end yet.\n"
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        (
            row["workload"],
            f"{row['qkdflow']['wall_median_ms']:.4g}",
            f"{row['torch']['wall_median_ms']:.4g}",
            f"{row['torch_compile']['wall_median_ms']:.4g}" if row["torch_compile"] else "",
            f"{row['ratio']['wall']['median']:.2f}",
            f"{row['ratio']['wall']['least']:.2f} to {row['ratio']['wall']['most']:.2f}",
            f"{row['memory_mb']['qkdflow']:.3g}, {row['memory_mb']['torch']:.3g}",
        )
        for row in found["results"]
    ]
    head = ("workload", "ms a step", "PyTorch", "compiled", "ratio", "of the bursts", "MB: here, PyTorch")
    loads = [row["load"] for row in found["results"]]
    threads = found["results"][0]["threads"]
    note = f"`{command}`: {threads} thread(s), medians, load {min(loads):.1f} to {max(loads):.1f}"
    scaled = [f"{row['workload']} {row['two_threads']:.2f}" for row in found["results"] if row.get("two_threads")]
    note += f"; PyTorch {found['torch']}, commit {found['commit']}, {found['date']}" if "torch" in found else ""
    note += f". A second thread gains: {', '.join(scaled)}.\n" if scaled else ".\n"
    return f"{_table(head, rows, right=range(1, 7))}\n{note}"


def ladder(results: Path = RESULTS) -> str:
    """hls4ml's C simulation against the emulator, a row a network."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads((results / "ladder.json").read_text(encoding="utf-8"))["rows"]:
        found.setdefault(row["workload"], []).append(row)
    rows = [
        (
            name.replace("_", " "),
            f"{cases[0]['parameters']:,}",
            str(len(cases)),
            f"{sum(case['outputs'] for case in cases):,}",
            f"{sum(case['mismatches'] for case in cases):,}",
        )
        for name, cases in found.items()
    ]
    every = [row for cases in found.values() for row in cases]
    outputs, wrong = sum(row["outputs"] for row in every), sum(row["mismatches"] for row in every)
    rows.append(("all", "", str(len(every)), f"{outputs:,}", f"{wrong:,}"))
    return _table(("network", "parameters", "targets", "logits", "differ"), rows, right=range(1, 5))


def clyc(results: Path = RESULTS) -> str:
    """Real pulses in ten folds, as tests/bench/clyc_folds.py wrote them, a file a limit of parameters."""
    rows, notes, players = [], [], ("student", "linear", "teacher")
    for limit in (170, 40):
        found = json.loads((results / f"clyc-{limit}.json").read_text(encoding="utf-8"))
        seeds = found["seeds"]
        scores = [", ".join(f"{100 * seed['accuracy'][who]:.2f}" for seed in seeds) for who in players]
        students = [seed["student"] for seed in seeds]
        sizes = [size for student in students for size in student["parameters"]]
        rows.append(
            (
                str(limit),
                f"{min(sizes)} to {max(sizes)}",
                str(found["bits"]),
                f"{100 * min(student['least_sparsity'] for student in students):.1f} %",
                str(max(student["most_dsp"] for student in students)),
                *scores,
            )
        )
        notes.append(
            f"- at most {limit}: `{found['command']} --seeds {len(seeds)} --write clyc-{limit}`; commit "
            f"{found['commit']}, {found['date']}, {found['machine']}, {found['cpu_seconds'] / 3600:.2f} CPU hours.\n"
        )
    head = ("allowed", "parameters", "bits", "least zeros", "most DSPs", *(f"{who}, %" for who in players))
    return f"{_table(head, rows, right=range(5))}\n{''.join(notes)}"


def fuzzing(results: Path = RESULTS) -> str:
    """What every reader made of damaged files, as tests/fuzz/run --write kept it."""
    found = json.loads((results / "fuzzing.json").read_text(encoding="utf-8"))["rows"]
    rows = [
        (
            row["reader"],
            *(f"{row[key]:,}" for key in ("inputs", "read", "refused", "findings")),
            f"`{row['digest']}`" if row["digest"] else "",
            f"{1000 * row['cpu_s'] / row['inputs']:.1f}",
        )
        for row in found
    ]
    inputs, findings = sum(row["inputs"] for row in found), sum(row["findings"] for row in found)
    versions = ", ".join(sorted({f"{name} {v}" for row in found for name, v in row["versions"].items()}))
    head = ("reader", "inputs", "read", "refused", "findings", "digest of the inputs", "CPU ms an input")
    seeds = ", ".join(sorted({str(row["seed"]) for row in found}))
    note = f"{inputs:,} inputs of seed {seeds}, findings: {findings}; {versions}.\n"
    return f"{_table(head, rows, right=(1, 2, 3, 4, 6))}\n{note}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    flush = set(right)
    rule = ["---:" if i in flush else "---" for i in range(len(head))]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *rows))


def optimisers(name: str) -> str:
    """A contest as `qkdflow bench bo` prints it."""
    return f"```\n{contest(json.loads((RESULTS / f'{name}.json').read_text(encoding='utf-8')))}\n```\n"


def suggestion() -> str:
    """CPU time of a suggestion, as tests/bench/suggestion_cost.py wrote it, a line a number of trials."""
    lines = [json.loads(line) for line in (RESULTS / "bo_suggestion.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [
        [f"{row['n']:,}", *(f"{row[word]:.1f}" for word in ("mean_ms", "min_ms", "max_ms", "load"))] for row in lines
    ]
    return _table(("trials", "mean, ms", "least", "most", "load"), rows, right=range(5))


# What a page's marked tables are made by.
PAGES: dict[Path, dict[str, Callable[[], str]]] = {
    README: {"compression": compression, "speed": speed, "ladder": ladder},
    OPTIMISERS: {
        **{name: partial(optimisers, name) for name in ("bo_main", "bo_second", "bo_fronts")},
        "bo_suggestion": suggestion,
    },
    PULSES: {"clyc": clyc},
    FUZZING: {"fuzzing": fuzzing},
}


def filled(page: Path) -> str:
    """The page's text with every marked table made anew."""
    text = page.read_text(encoding="utf-8")
    return _MARKED.sub(lambda found: f"{found[1]}{PAGES[page][found[2]]()}{found[3]}", text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page), encoding="utf-8")
        print(page)
