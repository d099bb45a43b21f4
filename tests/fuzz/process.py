"""A reader's worker as its parent sees it: watched, ended where it hangs, its findings gathered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).parent
# At one input. The worker's own limit is a signal after 5 s; what no signal interrupts loops inside a library. Of CPU
# time, so that a loaded machine finds no hangs; the limit of the clock is for what sleeps.
HANG_CPU_S, HANG_WALL_S = 10.0, 300.0
_NOT_BEGUN = 2**64 - 1  # in place of an input's number
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Result:
    """inputs: tried so far, those of which were `read` or `refused` as documented."""

    reader: str
    inputs: int = 0
    read: int = 0
    refused: int = 0
    digest: str = ""  # of all inputs; none where the worker had to be started again
    cpu_s: float = 0.0
    findings: list[dict[str, Any]] = field(default_factory=list)


def read_damaged(result: Result, count: int, seed: int) -> None:
    """Reads inputs result.inputs .. count-1, or up to that which the worker dies of."""
    first = result.inputs
    with (
        tempfile.NamedTemporaryFile() as progress,
        tempfile.TemporaryFile("w+") as said,
        tempfile.TemporaryFile() as wrong,
    ):
        progress.write(b"".join(n.to_bytes(8, "little") for n in (_NOT_BEGUN, 0, 0)))
        progress.flush()
        command = [sys.executable, str(HERE / "worker.py"), result.reader, f"--seed={seed}", f"--first={first}"]
        command += [f"--count={count}", f"--progress={progress.name}"]
        # One thread: the readers compute nothing, and an address space must not depend on the number of cores.
        alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdout=said, stderr=wrong, env=alone)
        hangs = _watched(process, Path(progress.name), result)
        _gathered(said, result)
        at, read, refused = _progress(Path(progress.name))
        if at == _NOT_BEGUN:
            wrong.seek(0)
            raise SystemExit(f"{result.reader}: {wrong.read().decode(errors='replace').strip()[-600:]}")
        result.inputs, result.read, result.refused = at, result.read + read, result.refused + refused
        if process.returncode == 0:
            return
        wrong.seek(0)
        last = wrong.read().decode(errors="replace").strip()[-600:]
        kind = "hang" if hangs else "crash"
        result.findings.append({"input": at, "kind": kind, "text": f"exit {process.returncode}: {last}", "at": ""})
        result.inputs = at + 1


def _watched(process: subprocess.Popen[bytes], progress: Path, result: Result) -> bool:
    """Waits for the process; whether it had to be killed at an input."""
    at, wall, cpu = _NOT_BEGUN, time.monotonic(), 0.0
    used, hangs = 0.0, False
    while process.poll() is None:
        time.sleep(0.1)
        used = _cpu(process.pid) or used
        now = _progress(progress)[0]
        if now != at or now == _NOT_BEGUN:  # seeds take their time
            at, wall, cpu = now, time.monotonic(), used
        elif used - cpu > HANG_CPU_S or time.monotonic() - wall > HANG_WALL_S:
            hangs = True
            process.kill()
    result.cpu_s += used
    return hangs


def _gathered(said: IO[str], result: Result) -> None:
    """Puts what the worker said into the result."""
    said.seek(0)
    for line in said:
        if not line.endswith("\n"):
            continue
        record = json.loads(line)
        if "inputs" in record:
            result.digest = record["inputs"] if result.inputs == 0 else ""
        else:
            result.findings.append(record)


def _progress(file: Path) -> tuple[int, int, int]:
    """(number of the input that is being read, how many were read, how many refused)."""
    held = file.read_bytes()
    at, read, refused = (int.from_bytes(held[i : i + 8], "little") for i in (0, 8, 16))
    return at, read, refused


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used; 0 where it is no longer there."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK
