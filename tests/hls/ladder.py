"""The issue's ladder: csim of named networks in four targets against the emulator, a million outputs and more.

    python tests/hls/ladder.py [--outputs 40000] [--out docs/results] [CASE...]

A CASE is WORKLOAD-TARGET and may hold a *; where none is named, those without a row in OUT/ladder.json run. Each
writes its row there, over an earlier one, with the arguments and the versions that made it, and the table OUT/ladder.md
is made anew; so a long ladder may be climbed in pieces. The weights are drawn, not trained: what is compared is
arithmetic. Exit code 1 where anything differs, there or here.
"""

from __future__ import annotations

import argparse
import fnmatch
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

import numpy as np
from fixed_graphs import GRAPHS
from fixed_models import codes
from qkdflow import FixedPoint, Key, Sequential, reference, zoo
from qkdflow.export.csim import compare, compile_csim
from qkdflow.export.hls import HlsConfig, write_hls
from qkdflow.files import read_json, write_atomic, write_json
from qkdflow.fixed import FixedModel
from qkdflow.freeze import freeze
from qkdflow.layers import Input

INPUT = FixedPoint(10, 2, False, "RND", "SAT")
SAME_BY_REFERENCE = 100  # samples that the slow NumPy reference computes too


def student(name: str, **options: Any) -> FixedModel:
    model = zoo.build(name, key=Key(1).fold(name), **options)
    return freeze(Sequential([Input(model.input_shape, type=INPUT), *model.layers[1:]]))


WORKLOADS: dict[str, Callable[[], FixedModel]] = {
    "psd": lambda: student("psd_student"),
    "clyc": lambda: student("clyc_student"),
    "mnist_mlp": lambda: student("mnist_mlp_student"),
    "mnist_cnn": lambda: student("mnist_cnn_student_1762"),
    "pest_cnn_32px": lambda: student("pest_student", shape=(32, 32, 3)),
    "resnet_block": lambda: GRAPHS["residual"](Key(1)),
    "depthwise_block": lambda: GRAPHS["depthwise"](Key(1)),
}
PYNQ = {"backend": "VivadoAccelerator", "board": "pynq-z2"}
TARGETS: dict[str, dict[str, Any]] = {
    "vitis-parallel": {},
    "vitis-stream": {"io_type": "io_stream"},
    "accelerator-parallel": PYNQ,
    "accelerator-stream": {**PYNQ, "io_type": "io_stream"},
}
CASES = {f"{w}-{t}": (w, t) for w in WORKLOADS for t in TARGETS}


def climb(workload: str, target: str, outputs: int) -> dict[str, Any]:
    """One row: outputs compared, how many differ, values seen, and what it took."""
    fixed = WORKLOADS[workload]()
    samples = -(-outputs // fixed.outputs)
    x = codes(Key(0).fold(workload).fold(target), fixed.input_type, (samples, *fixed.input_shape))
    want = fixed.run(x)
    few = x[:SAME_BY_REFERENCE]
    if not np.array_equal(reference.run(fixed, few), want[:SAME_BY_REFERENCE]):
        sys.exit(f"{workload}: the emulator differs from the NumPy reference")
    # Resource keeps g++ from unrolling thousands of products; the sums are the same.
    config = HlsConfig(strategy="Resource", **TARGETS[target])
    with tempfile.TemporaryDirectory() as directory:
        csim = compile_csim(write_hls(fixed, directory, config))
        found = compare(fixed.output_type.decode(want), csim.predict(fixed.input_type.decode(x)))
    return {
        "workload": workload,
        "target": target,
        "parameters": fixed.parameters,
        "outputs": found.outputs,
        "mismatches": found.mismatches,
        "distinct_logits": len(np.unique(want)),
        "seconds_to_compile": round(csim.seconds_to_compile, 1),
        "arguments": f"--outputs {outputs} {workload}-{target}",
        "tools": tools(),
    }


def table(rows: list[dict[str, Any]]) -> str:
    head = ("workload", "target", "parameters", "outputs", "mismatches", "distinct_logits", "arguments")
    lines = ["| " + " | ".join(head).replace("_", " ") + " |", "|" + " --- |" * len(head)]
    lines += [
        "| " + " | ".join(f"{row[h]:,}" if isinstance(row[h], int) else row[h] for h in head) + " |" for row in rows
    ]
    outputs, wrong = (sum(row[key] for row in rows) for key in ("outputs", "mismatches"))
    lines.append(f"| all | {len(rows)} of {len(CASES)} cases | | {outputs:,} | {wrong:,} | | |")
    return (
        "# hls4ml's C simulation against the emulator\n\n"
        "Every logit, bit for bit, on random inputs; weights are drawn. Rows are made by `python tests/hls/ladder.py`\n"
        f"and their arguments, {made_with(rows)}\n" + "\n".join(lines) + "\n"
    )


def made_with(rows: list[dict[str, Any]]) -> str:
    """How many of the rows were made with which versions."""
    made = Counter(", ".join(f"{name} {number}" for name, number in row["tools"].items()) for row in rows)
    return "".join(f"{count} of them with {text}.\n" for text, count in made.items())


def tools() -> dict[str, str]:
    gcc = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607
    return {"qkdflow": version("qkdflow"), "hls4ml": version("hls4ml"), "g++": gcc, "Python": platform.python_version()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--outputs", type=int, default=40_000, help="logits a case, at least")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "docs/results")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: those that OUT has no row of")
    arguments = parser.parse_args()
    names = [name for case in arguments.cases for name in fnmatch.filter(CASES, case) or [case]]
    unknown = [name for name in names if name not in CASES]
    if unknown:
        parser.error(f"a case must be one of {', '.join(CASES)}; got {', '.join(unknown)}")
    path = arguments.out / "ladder.json"
    rows = {f"{r['workload']}-{r['target']}": r for r in read_json(path)["rows"]} if path.is_file() else {}
    for name in names or [name for name in CASES if name not in rows]:
        rows[name] = row = climb(*CASES[name], arguments.outputs)
        print(f"{name:36} {row['outputs']:8} {row['mismatches']:8} {row['seconds_to_compile']:6.1f} s", flush=True)
        kept = [rows[case] for case in CASES if case in rows]
        write_json(path, {"rows": kept})
        write_atomic(arguments.out / "ladder.md", table(kept))
    return 1 if any(row["mismatches"] for row in rows.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
