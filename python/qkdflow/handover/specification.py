"""Everything that the files of a hand-over say, in one place: they cannot disagree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from qkdflow_overlay import ComBlockTransport, DmaTransport, LiteTransport, Manifest

from qkdflow.errors import ConfigError
from qkdflow.export.hls import HlsProject
from qkdflow.handover.targets import CLOCK_MHZ, RANGE, Target

# Port on the control bus and address segment: PG021, UG1399 and UG902, the ComBlock's component.xml, PG142, PG079.
PORTS = {
    "axi_dma": ("S_AXI_LITE", "S_AXI_LITE/Reg"),
    "network": ("s_axi_control", "s_axi_control/Reg"),
    "comblock": ("AXIL", "AXIL/AXIL"),
    "uart": ("S_AXI", "S_AXI/Reg"),
    "timer": ("S_AXI", "S_AXI/Reg"),
}
CARRIERS = {
    "axi_dma": "an AXI DMA between memory and the network's streams",
    "comblock": "a ComBlock's FIFOs",
    "axi_lite": "the network's own AXI-Lite registers",
}
# Which tool a backend's HLS script is for, and which Vivado takes what it makes.
TOOLS = {
    "Vitis": ("vitis_hls", "Vitis HLS", "2022.2 and 2024.1", "2022.2 and 2024.1", "c++14"),
    "Vivado": ("vivado_hls", "Vivado HLS", "2019.1 and 2019.2", "2019.2", "c++0x"),
}
TOOLS["VivadoAccelerator"] = TOOLS["Vivado"]


@dataclass(frozen=True)
class Specification:
    """A network (manifest), its hls4ml project and a board. Raises ConfigError where they do not go together."""

    manifest: Manifest
    project: HlsProject
    target: Target

    def __post_init__(self) -> None:
        transport, part = self.manifest.transport, self.project.config.device.name
        if part != self.target.part:
            raise ConfigError(f"[hand-over] {self.target.board} carries {self.target.part}; the project is for {part}")
        wanted = self.target.cells(transport.kind)
        for cell, address in transport.addresses.items():
            if wanted.get(cell) != address:
                raise ConfigError(
                    f"[hand-over] {cell} must be at 0x{wanted.get(cell, 0):08X}; the manifest has {address:#x}"
                )
        if isinstance(transport, ComBlockTransport) and transport.result != "fifo":
            raise ConfigError(
                "[hand-over] a block design reads results from the ComBlock's FIFO; got result='register'"
            )

    @property
    def top(self) -> str:
        """The IP's name: a C identifier made of the network's."""
        return re.sub(r"[^A-Za-z0-9_]", "_", self.manifest.name) + "_top"

    @property
    def control(self) -> str:
        transport = self.manifest.transport
        if isinstance(transport, DmaTransport):
            return transport.control
        return "start" if isinstance(transport, LiteTransport) else "free_running"

    @property
    def cells(self) -> list[dict[str, Any]]:
        """Every cell with registers: name, address, range, port on the bus, address segment."""
        found = []
        cells = self.target.cells(self.manifest.transport.kind) | self.target.peripherals
        for name, address in cells.items():
            if name == "network_0" and self.control == "free_running":
                continue
            port, segment = PORTS[name.rpartition("_")[0]]
            found.append({"name": name, "address": address, "range": RANGE, "port": port, "segment": segment})
        return found

    def values(self) -> dict[str, Any]:
        """What the templates are filled with."""
        manifest, config, target = self.manifest, self.project.config, self.target
        transport = manifest.transport
        tool, tool_name, tool_versions, vivado_versions, standard = TOOLS[config.backend]
        is_dma, is_comblock = isinstance(transport, DmaTransport), isinstance(transport, ComBlockTransport)
        clocks = target.ps_clocks + (target.dma_clocks if is_dma else ())
        return {
            "name": manifest.name,
            "top": self.top,
            "project": config.project_name,
            "board": target.board,
            "board_part": target.board_part,
            "part": target.part,
            "family": target.family,
            "carrier": CARRIERS[transport.kind],
            "stream": not isinstance(transport, LiteTransport),
            "dma": transport.dma if isinstance(transport, DmaTransport) else "",
            "comblock": is_comblock,
            "cell": transport.cell if isinstance(transport, ComBlockTransport) else "",
            "ip": "network_0" if is_comblock else getattr(transport, "ip", "network_0"),
            "control": self.control,
            "io_stream": config.io_type == "io_stream",
            "input_words": manifest.input.words,
            "output_words": manifest.output.words,
            "inputs": manifest.input.size,
            "outputs": manifest.output.size,
            "input_code_bits": manifest.input.code_bits,
            "output_code_bits": manifest.output.code_bits,
            "output_signed": manifest.output.type.is_signed,
            "input_offset": getattr(transport, "input_offset", 0),
            "output_offset": getattr(transport, "output_offset", 0),
            "length_bits": getattr(transport, "length_bits", 0),
            "ofifo_depth": getattr(transport, "ofifo_depth", 0),
            "ififo_depth": getattr(transport, "ififo_depth", 0),
            "reset_register": int(str(getattr(transport, "reset", "OREG0"))[4:]),
            "cells": self.cells,
            "address_space": target.address_space,
            "ps_clocks": clocks,
            "memory_port": target.memory_port,
            "memory_segment": target.memory_segment,
            "memory_range": target.memory_range,
            "clock_mhz": CLOCK_MHZ,
            "clock_ns": f"{config.clock_ns:g}",
            "tool": tool,
            "tool_name": tool_name,
            "tool_versions": tool_versions,
            "vivado_versions": vivado_versions,
            "vitis": tool == "vitis_hls",
            "standard": standard,
        }
