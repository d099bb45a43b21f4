"""Boards that are not there: register models of ComBlock, AXI DMA and HLS cores, with a real network behind them."""

from __future__ import annotations

from pathlib import Path

from qkdflow_overlay import Device, load_manifest

from qkdflow.export.csim import compiler_problem, load_csim
from qkdflow.export.hls import HlsProject
from qkdflow.hardware.simulated.board import SimulatedBoard
from qkdflow.hardware.simulated.comblock import SimulatedComBlock
from qkdflow.hardware.simulated.faults import FAULTS, Faults
from qkdflow.hardware.simulated.network import Network
from qkdflow.hardware.simulated.networks import csim_network, emulator_network, reference_network, rtl_network

__all__ = [
    "FAULTS",
    "Faults",
    "Network",
    "SimulatedBoard",
    "SimulatedComBlock",
    "csim_network",
    "emulator_network",
    "reference_network",
    "rtl_network",
    "simulated_device",
]


def simulated_device(overlay: str | Path, project: HlsProject) -> Device:
    """The driver of a simulated board that carries `project`: csim, or the reference without a compiler."""
    manifest = load_manifest(Path(overlay) / "manifest.json")
    if compiler_problem(project.config.backend) is None:
        network, behind = csim_network(load_csim(project)), f"hls4ml csim, {project.config.backend}"
    else:
        network, behind = reference_network(project.fixed), "int64 reference, no csim"
    device = SimulatedBoard(manifest, network).device()
    device.name = f"simulated {NAMES[manifest.transport.kind]} ({behind})"
    return device


NAMES = {"comblock": "ComBlock", "axi_dma": "AXI DMA", "axi_lite": "AXI-Lite registers"}
