"""The hand-over to the vendor's tools and to a board: wrapper, scripts, firmware and README, from one specification."""

from __future__ import annotations

import shutil
from pathlib import Path

from qkdflow import overlay as board_independent
from qkdflow.export.hls import HlsProject
from qkdflow.files import write_atomic
from qkdflow.fixed import FixedModel
from qkdflow.handover.baremetal import PER_CLASS, write_firmware
from qkdflow.handover.specification import Specification
from qkdflow.handover.targets import find_target, targets
from qkdflow.handover.templates import copy, render
from qkdflow.overlay import Labelled, Overlay

__all__ = ["Specification", "build_overlay", "find_target", "targets", "write_firmware", "write_hardware"]

FOLDER = "hardware"


def build_overlay(
    fixed: FixedModel,
    dataset: Labelled,
    directory: str | Path,
    project: HlsProject,
    transport: str | None = None,
) -> Overlay:
    """The whole hand-over of a frozen network and its hls4ml project; `hardware/` where the board is a known target.

    transport: what carries the words (None: an AXI DMA for VivadoAccelerator, else a ComBlock). Raises ConfigError.
    """
    config = project.config
    kind = transport or ("axi_dma" if config.backend == "VivadoAccelerator" else "comblock")
    target = targets().get(config.board or "")
    addresses = target.cells(kind) if target else {}
    built = board_independent.build_overlay(fixed, dataset, directory, transport=kind, addresses=addresses)
    if target:
        write_hardware(built, project, target.board)
    return built


def write_hardware(overlay: Overlay, project: HlsProject, board: str) -> Specification:
    """Write what the vendor's tools need to put the network on `board` into `hardware/` of a hand-over.

    Raises ConfigError where the board, the project's part and the manifest's transport do not go together.
    """
    spec = Specification(overlay.manifest, project, find_target(board))
    values = {**spec.values(), "samples": overlay.samples, "vectors": f"{PER_CLASS}"}
    folder = overlay.directory / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    _copy_firmware(project.directory / "firmware", folder / "firmware")
    written = {
        f"firmware/{spec.top}.h": "wrapper/network_top.h.j2",
        f"firmware/{spec.top}.cpp": "wrapper/network_top.cpp.j2",
        "build_hls.tcl": "tcl/build_hls.tcl.j2",
        "block_design.tcl": "tcl/block_design.tcl.j2",
        "package.sh": "package.sh.j2",
        "README.md": "handover.md.j2",
    }
    for name, template in written.items():
        write_atomic(folder / name, render(template, values))
    if values["comblock"]:
        write_atomic(folder / "rtl" / "comblock_stream.v", copy("rtl/comblock_stream.v"))
        target = spec.target
        if target.timer_hz:
            platform = "microblaze" if target.family == "microblaze" else "zynq"
            base = target.addresses["comblock_0"]
            write_firmware(overlay, folder / "baremetal", platform, base, target.timer_base, target.timer_hz)
    return spec


def _copy_firmware(source: Path, target: Path) -> None:
    """hls4ml's C++: without the library for csim, and without ap_types, which the vendor's tools bring."""
    unwanted = shutil.ignore_patterns("*.so", "*.json", "*_axi.cpp", "*_axi.h", "ap_types")
    shutil.copytree(source, target, ignore=unwanted)
