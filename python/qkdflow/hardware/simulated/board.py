"""A simulated board: what a block design holds for a manifest, at its addresses, with a network behind it.

The in-process PYNQ device (pynq_device.py), the gRPC server (server.py) and the bare drivers all talk to this.
"""

from __future__ import annotations

from typing import Protocol

from qkdflow_overlay import ComBlockTransport, Device, LiteTransport, Manifest, connect
from qkdflow_overlay.comblock import VLNV as COMBLOCK
from qkdflow_overlay.design import DMA, Cell, Design

from qkdflow.hardware.simulated.comblock import SimulatedComBlock
from qkdflow.hardware.simulated.dma import SimulatedDma
from qkdflow.hardware.simulated.faults import Faults
from qkdflow.hardware.simulated.memory import BusError, Memory
from qkdflow.hardware.simulated.network import LiteNetwork, Network, StreamNetwork

CORE = "xilinx.com:hls"
RANGE = 0x10000  # bytes of every cell's registers
WITHOUT_ADDRESS = 0x4000_0000  # where cells stand that the manifest gives no address


class Registers(Protocol):
    def read(self, offset: int) -> int: ...
    def write(self, offset: int, value: int) -> None: ...


class SimulatedBoard:
    """cells: registers by name in the design. length_bits and scatter_gather: how its DMA is built."""

    def __init__(
        self,
        manifest: Manifest,
        network: Network,
        faults: Faults | None = None,
        length_bits: int | None = None,
        scatter_gather: bool = False,
    ) -> None:
        self.manifest, self.faults, self.memory = manifest, faults or Faults(), Memory()
        self.cells: dict[str, Registers] = {}
        transport, types = manifest.transport, dict[str, str]()
        parameters: dict[str, str] = {}
        if isinstance(transport, ComBlockTransport):
            self.cells[transport.cell] = SimulatedComBlock(manifest, network, self.faults)
            types[transport.cell] = f"{COMBLOCK}:2.0"
        elif isinstance(transport, LiteTransport):
            self.cells[transport.ip] = LiteNetwork(manifest, network, self.faults)
            types[transport.ip] = f"{CORE}:{manifest.name}:1.0"
        else:
            bits = transport.length_bits if length_bits is None else length_bits
            core = StreamNetwork(manifest, network, self.faults, transport.control == "free_running")
            self.cells[transport.dma] = SimulatedDma(self.memory, core, self.faults, bits, scatter_gather)
            self.cells[transport.ip] = core
            types = {transport.dma: f"{DMA}:7.1", transport.ip: f"{CORE}:{manifest.name}:1.0"}
            parameters = {"c_sg_length_width": str(bits), "c_include_sg": str(int(scatter_gather))}
        self.addresses = {
            cell: transport.addresses.get(cell, WITHOUT_ADDRESS + i * RANGE) for i, cell in enumerate(self.cells)
        }
        self.design = Design(
            {c: Cell(c, types[c], self.addresses[c], parameters if DMA in types[c] else {}) for c in self.cells},
            f"simulated {manifest.name}",
        )

    def device(self, timeout_s: float = 1.0) -> Device:
        """The board behind the drivers that a real one is driven by."""
        device = connect(self.design, self.manifest, self.cells.__getitem__, self.memory.allocate, timeout_s)
        device.name = f"simulated {device.name}"
        return device

    def read(self, address: int) -> int:
        """A 32-bit word of the processor's bus; BusError where nothing is."""
        cell, offset = self._decode(address)
        return cell.read(offset)

    def write(self, address: int, value: int) -> None:
        cell, offset = self._decode(address)
        cell.write(offset, value)

    def _decode(self, address: int) -> tuple[Registers, int]:
        for name, base in self.addresses.items():
            if base <= address < base + RANGE:
                return self.cells[name], address - base
        raise BusError(f"[board] no cell at 0x{address:x}")
