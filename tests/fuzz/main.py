"""Damaged files for every reader: a process each, restarted behind what it crashes or hangs on; a table of findings."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

from process import Result, read_damaged
from readers import READERS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs/results/fuzzing.json"
MOST_CRASHES = 20


def main() -> int:
    arguments = argparse.ArgumentParser(prog="tests/fuzz/run", description=__doc__)
    arguments.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(READERS)}; all of them")
    arguments.add_argument("--count", type=int, default=20_000, help="damaged inputs a reader")
    arguments.add_argument("--seed", type=int, default=0, help="the same seed gives the same inputs")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count(), help="readers at once")
    arguments.add_argument(
        "--write", action="store_true", help="keep each reader's row in docs/results/fuzzing.json as soon as it is done"
    )
    given = arguments.parse_args()
    unknown = sorted(set(given.readers) - set(READERS))
    if unknown:
        arguments.error(f"READER must be one of {', '.join(READERS)}; got {', '.join(unknown)}")
    names = given.readers or list(READERS)
    writing = Lock()

    def one(name: str) -> Result:
        result = fuzz(name, given.count, given.seed)
        if given.write:
            with writing:
                keep(result, given.seed)
        return result

    with ThreadPoolExecutor(given.jobs) as pool:
        results = list(pool.map(one, names))
    found, inputs = sum(len(r.findings) for r in results), sum(r.inputs for r in results)
    print(f"{inputs:,} inputs, {len(results)} readers, {found} findings")
    cut = [r.reader for r in results if r.inputs < given.count]
    if cut:
        print(f"not all inputs were tried of {', '.join(cut)}: too many crashes or hangs")
    return 1 if found or cut else 0


def fuzz(name: str, count: int, seed: int) -> Result:
    result = Result(name)
    while result.inputs < count and len(result.findings) < MOST_CRASHES * 100:
        read_damaged(result, count, seed)
        if sum(f["kind"] in ("crash", "hang") for f in result.findings) >= MOST_CRASHES:
            break
    print(f"{name}: {result.inputs:,} inputs, {result.cpu_s:.0f} s, {len(result.findings)} findings", flush=True)
    for (kind, what, at), (times, one) in groups(result.findings)[:12]:
        print(f"  {times} x {kind} {what} at {at or '?'}, input {one['input']}: {one['text'][:240]!a}", flush=True)
    return result


def groups(findings: list[dict[str, Any]]) -> list[tuple[tuple[str, str, str], tuple[int, dict[str, Any]]]]:
    """(kind, exception, place) with how often it was found and the first of them, the most frequent first."""
    keys = [(f["kind"], f["text"].partition(":")[0], f["at"]) for f in findings]
    return [(key, (times, findings[keys.index(key)])) for key, times in Counter(keys).most_common()]


def keep(result: Result, seed: int) -> None:
    """The reader's row in the results, in place of an older one."""
    rows = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    row = {
        "reader": result.reader,
        "seed": seed,
        "inputs": result.inputs,
        "read": result.read,
        "refused": result.refused,
        "findings": len(result.findings),
        "digest": result.digest,
        "cpu_s": round(result.cpu_s),
        "versions": {name: version(name) for name in ("h5py", "numpy", "onnx")},
    }
    rows = [r for r in rows if r["reader"] != result.reader and r["reader"] in READERS] + [row]
    rows.sort(key=lambda r: list(READERS).index(r["reader"]))
    RESULTS.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
