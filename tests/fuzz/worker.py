"""One process for one reader: damaged inputs one after the other, each held to the reader's contract.

A reader returns, or raises one of the exceptions that it documents with a message of one printable line, within
CPU_S seconds and without growing the process by more than MEMORY bytes. Anything else is a finding, a line of JSON on
standard output; the number of the input that is being read stands in a file, with how many before it were read and
refused, for the parent to see where a crash was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any

from mutate import Files, damaged
from qkdflow.errors import ConfigError, DataError
from reader import Reader
from readers import READERS

CPU_S = 5.0
MEMORY = 512 << 20  # bytes of address space that an input may add
CEILING = 8 << 30  # of RLIMIT_AS, so that what asks for far more fails at once
LONGEST = 4000  # characters of a message


class OutOfTime(BaseException):
    """Not an Exception: a reader that catches everything must not catch this."""


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("reader", choices=READERS)
    for name in ("--seed", "--first", "--count"):
        arguments.add_argument(name, type=int, required=True)
    arguments.add_argument("--progress", type=Path, required=True)
    given = arguments.parse_args()
    reader = READERS[given.reader]
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, _out_of_time)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:  # noqa: S108
        seeds = reader.seeds(Path(folder) / "seeds")
        for seed in seeds:  # what is whole must be read: else the damage is never reached
            reader.read(_written(Path(folder) / "whole", seed))
        resource.setrlimit(resource.RLIMIT_AS, (CEILING, CEILING))
        with given.progress.open("r+b") as file, mmap.mmap(file.fileno(), 24) as progress:
            inputs, read, refused = hashlib.sha256(), 0, 0
            for number in range(given.first, given.count):
                progress[:] = b"".join(n.to_bytes(8, "little") for n in (number, read, refused))
                # Damaging a file twice reads damage too: its allocations must not be taken for the reader's.
                resource.setrlimit(resource.RLIMIT_AS, (_address_space("VmSize") + MEMORY // 2, CEILING))
                files = damaged(seeds, f"{given.seed}/{given.reader}/{number}")
                resource.setrlimit(resource.RLIMIT_AS, (CEILING, CEILING))
                peak = _address_space("VmPeak")
                for name in sorted(files):
                    inputs.update(files[name])
                place = _written(Path(folder) / "input", files)
                was_refused, fault = _tried(reader, place)
                read, refused = read + (not was_refused), refused + was_refused
                if (grown := _address_space("VmPeak") - peak) > MEMORY:
                    fault = fault or {"kind": "memory", "text": f"{grown >> 20} MiB", "at": ""}
                if fault:
                    print(json.dumps({"input": number, **fault}), flush=True)
            progress[:] = b"".join(n.to_bytes(8, "little") for n in (given.count, read, refused))
    print(json.dumps({"inputs": inputs.hexdigest()[:16]}), flush=True)


def _tried(reader: Reader, place: Path) -> tuple[bool, dict[str, str] | None]:
    """(refused, finding or None)."""
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    try:
        reader.read(place)
        return False, None
    except (ConfigError, DataError, *reader.raises) as error:
        return True, _fault_of_message(error)
    except OutOfTime as error:
        return False, _finding("time", error)
    except Exception as error:
        return False, _finding("exception", error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _fault_of_message(error: BaseException) -> dict[str, str] | None:
    text = str(error)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return _finding("memory", error)
        cause = cause.__cause__ or cause.__context__
    if not text or not text.isprintable() or len(text) > LONGEST:
        return _finding("message", error)
    return None


def _finding(kind: str, error: BaseException) -> dict[str, str]:
    steps = [f for f in traceback.extract_tb(error.__traceback__) if "qkdflow" in f.filename]
    at = f"{Path(steps[-1].filename).name}:{steps[-1].lineno} {steps[-1].name}" if steps else ""
    return {"kind": kind, "text": f"{type(error).__name__}: {str(error)[:300]}", "at": at}


def _written(folder: Path, files: Files) -> Path:
    """The folder with these files and no others."""
    folder.mkdir(exist_ok=True)
    for there in folder.rglob("*"):
        if there.is_file() and str(there.relative_to(folder)) not in files:
            there.unlink()
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def _address_space(kind: str) -> int:
    """Bytes that this process has (VmSize), or has had at most (VmPeak)."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(kind))


def _out_of_time(*_: Any) -> None:
    raise OutOfTime(f"{CPU_S:g} s of CPU time")


if __name__ == "__main__":
    sys.exit(main())
