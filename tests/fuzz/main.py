"""Damaged files for every reader: a process each, restarted behind what it crashes or hangs on; a table of findings."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from readers import READERS

HERE = Path(__file__).parent
WALL_S = 15.0  # at one input: CPU time is the worker's own limit, this one is for what sleeps
MOST_CRASHES = 20
# A hang is one that no signal interrupts, so inside a library: HDF5 loops for ever over some damaged heaps of text,
# and a reader cannot stop it. It is counted and shown, and fails nothing.
HDF5 = ("hdf5", "keras_h5", "keras_json", "keras_zip")


@dataclass
class Result:
    reader: str
    inputs: int = 0
    read: int = 0
    refused: int = 0
    digest: str = ""
    seconds: float = 0.0
    findings: list[dict[str, Any]] = field(default_factory=list)


def main() -> int:
    arguments = argparse.ArgumentParser(prog="tests/fuzz/run", description=__doc__)
    arguments.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(READERS)}; all of them")
    arguments.add_argument("--count", type=int, default=20_000, help="damaged inputs a reader")
    arguments.add_argument("--seed", type=int, default=0, help="the same seed gives the same inputs")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count(), help="readers at once")
    arguments.add_argument("--write", type=Path, metavar="FILE.md", help="the table, as docs/results/fuzzing.md has it")
    given = arguments.parse_args()
    unknown = sorted(set(given.readers) - set(READERS))
    if unknown:
        arguments.error(f"READER must be one of {', '.join(READERS)}; got {', '.join(unknown)}")
    names = given.readers or list(READERS)
    with ThreadPoolExecutor(given.jobs) as pool:
        results = list(pool.map(lambda name: fuzz(name, given.count, given.seed), names))
    if given.write:
        given.write.write_text(table(results, given.count, given.seed))
    known = sum(f["kind"] == "hang" for r in results if r.reader in HDF5 for f in r.findings)
    found = sum(len(r.findings) for r in results) - known
    inputs = sum(r.inputs for r in results)
    print(f"{inputs:,} inputs, {len(results)} readers, {found} findings, {known} known hangs of HDF5")
    cut = [r.reader for r in results if r.inputs < given.count]
    if cut:
        print(f"not all inputs were tried of {', '.join(cut)}: too many crashes or hangs")
    return 1 if found or cut else 0


def fuzz(name: str, count: int, seed: int) -> Result:
    result = Result(name)
    begin, first = time.monotonic(), 0
    while first < count and len(result.findings) < MOST_CRASHES * 100:
        first = _worker(result, first, count, seed)
        if sum(f["kind"] in ("crash", "hang") for f in result.findings) >= MOST_CRASHES:
            break
    result.inputs, result.seconds = first, time.monotonic() - begin
    groups = Counter((f["kind"], f["text"].partition(":")[0], f["at"]) for f in result.findings)
    print(f"{name}: {result.inputs:,} inputs, {result.seconds:.0f} s, {len(result.findings)} findings", flush=True)
    for (kind, what, at), times in groups.most_common(12):
        one = next(f for f in result.findings if (f["kind"], f["text"].partition(":")[0], f["at"]) == (kind, what, at))
        print(f"  {times} x {kind} at {at or '?'}, first input {one['input']}: {one['text'][:240]!a}", flush=True)
    return result


def _worker(result: Result, first: int, count: int, seed: int) -> int:
    """Runs inputs first .. count-1; the number of the next one to run, behind that which it died of."""
    with (
        tempfile.NamedTemporaryFile() as progress,
        tempfile.TemporaryFile("w+") as said,
        tempfile.TemporaryFile() as wrong,
    ):
        progress.write(first.to_bytes(8, "little"))
        progress.flush()
        command = [sys.executable, str(HERE / "worker.py"), result.reader, f"--seed={seed}", f"--first={first}"]
        command += [f"--count={count}", f"--progress={progress.name}"]
        # One thread: the readers compute nothing, and an address space must not depend on the number of cores.
        alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdout=said, stderr=wrong, env=alone)
        at, since = -1, time.monotonic()
        hangs = begun = False
        while process.poll() is None:
            time.sleep(0.1)
            now = _number(progress.name)
            if now != at:
                at, since = now, time.monotonic()
            elif time.monotonic() - since > WALL_S:
                hangs = True
                process.kill()
        said.seek(0)
        for line in said:
            if not line.endswith("\n"):
                continue
            record = json.loads(line)
            if "seeds" in record:
                begun = True
            elif "done" in record:
                result.read += record["done"]["read"]
                result.refused += record["done"]["refused"]
                result.digest = record["inputs"] if first == 0 else ""
            else:
                result.findings.append(record)
        at = _number(progress.name)
        if process.returncode == 0:
            return at
        wrong.seek(0)
        last = wrong.read().decode(errors="replace").strip()[-600:]
        if not begun:
            raise SystemExit(f"{result.reader}: {last}")
        kind = "hang" if hangs else "crash"
        result.findings.append({"input": at, "kind": kind, "text": f"exit {process.returncode}: {last}", "at": ""})
        return at + 1


def _number(name: str) -> int:
    return int.from_bytes(Path(name).read_bytes()[:8], "little")


def table(results: list[Result], count: int, seed: int) -> str:
    rows = [
        f"| {r.reader} | {r.inputs:,} | {r.read:,} | {r.refused:,} | {len(r.findings)} | `{r.digest}` |"
        for r in results
    ]
    said = (
        f"`tests/fuzz/run --count {count} --seed {seed} --write docs/results/fuzzing.md`: "
        f"{sum(r.inputs for r in results):,} damaged inputs, {sum(len(r.findings) for r in results)} findings."
    )
    return f"# Damaged files\n\n{said}\n\n{_ABOUT}\n" + "\n".join(rows) + "\n"


_ABOUT = """A seed corpus made by code is damaged as the seed says: bits, cuts, tokens, counts and structure (JSON,
XML, lines, zip members, NPY headers, HDF5 attributes and datasets, protobuf fields). A reader must return, or raise the
exception that it documents with one printable line, within 5 s of CPU time and 512 MiB more of address space; another
exception, a crash, a hang or a larger allocation is a finding. Inputs: the first digits of the SHA-256 of all of them,
the same wherever the same versions of h5py and onnx write the seeds.

| reader | inputs | read | refused | findings | inputs' digest |
| --- | ---: | ---: | ---: | ---: | --- |"""


if __name__ == "__main__":
    sys.exit(main())
