"""From a block design and a manifest to the device that the classifier runs on."""

from __future__ import annotations

from typing import Any, Callable

from qkdflow_overlay.algorithm1 import Algorithm1
from qkdflow_overlay.axi_lite import AxiLite
from qkdflow_overlay.comblock import VLNV as COMBLOCK
from qkdflow_overlay.control import ApCtrl
from qkdflow_overlay.design import DMA, HLS, Design
from qkdflow_overlay.device import Device
from qkdflow_overlay.manifest import Manifest
from qkdflow_overlay.stream import DmaStream
from qkdflow_overlay.transports import ComBlockTransport, DmaTransport


def connect(
    design: Design,
    manifest: Manifest,
    registers: Callable[[str], Any],
    allocate: Callable[..., Any],
    timeout_s: float = 5.0,
) -> Device:
    """registers: a cell's name in the design -> its registers, with read(byte_offset) and write(byte_offset, value).
    allocate: (shape, dtype) -> contiguous memory. Raises ManifestError where the design is another one's."""
    design.check(manifest.transport)
    transport = manifest.transport
    if isinstance(transport, ComBlockTransport):
        cell = design.find(transport.cell, COMBLOCK).name
        return Algorithm1.over(registers(cell), manifest, timeout_s, cell)
    if isinstance(transport, DmaTransport):
        dma = design.find(transport.dma, DMA)
        network = None if transport.control == "free_running" else registers(design.find(transport.ip, HLS).name)
        return DmaStream(
            registers(dma.name),
            ApCtrl(network, transport.control, transport.ip),
            manifest,
            allocate,
            dma.number("c_sg_length_width", transport.length_bits),
            bool(dma.number("c_include_sg", 0)),
            timeout_s,
            dma.name,
        )
    cell = design.find(transport.ip, HLS).name
    return AxiLite(registers(cell), manifest, timeout_s, cell)
