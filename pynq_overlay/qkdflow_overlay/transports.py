"""How words reach the network: ComBlock FIFOs, an AXI DMA, or AXI-Lite registers (docs/manifest.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Union

from qkdflow_overlay.errors import need

CONTROLS = ("start", "auto_restart", "free_running")


def _check_addresses(addresses: dict[str, int], cells: tuple[str, ...]) -> None:
    for cell in addresses:
        need(cell in cells, f"transport.addresses may name {', '.join(cells)}; got {cell!r}")
    for cell, address in addresses.items():
        need(
            isinstance(address, int) and address >= 0 and address % 4096 == 0,
            f"the address of {cell} must be a multiple of 4096; got {address!r}",
        )


@dataclass(frozen=True)
class ComBlockTransport:
    """A ComBlock's word registers and FIFO depths.

    reset: the output register that holds the network in reset while it is 1. result: "fifo" (the input FIFO
    carries the logits) or "register" (input registers hold them from `output` on; `count` counts results).
    cell: the ComBlock's name in the block design.
    """

    registers: dict[str, int]
    ofifo_depth: int
    ififo_depth: int
    reset: str
    result: str
    output: str | None = None
    count: str | None = None
    cell: str = "comblock_0"
    addresses: dict[str, int] = field(default_factory=dict)
    kind: str = "comblock"

    def __post_init__(self) -> None:
        need(
            self.result in ("fifo", "register"),
            f"transport.result must be fifo or register; got {self.result!r}",
        )
        names = [self.reset] + ([self.output, self.count] if self.result == "register" else [])
        for name in [*names, "IFIFO_VALUE", "IFIFO_CONTROL", "IFIFO_STATUS", "OFIFO_VALUE"]:
            need(name in self.registers, f"transport.registers must have {name}")
        for depth in (self.ofifo_depth, self.ififo_depth):
            need(1 <= depth < 1 << 16, f"FIFO depths must be 1 to 65535; got {depth}")
        _check_addresses(self.addresses, (self.cell,))


@dataclass(frozen=True)
class DmaTransport:
    """An AXI DMA `dma` whose streams feed the network `ip`; a packet is a batch, TLAST its last word.

    control: how ap_ctrl starts the network: "start" (0x01 a packet), "auto_restart" (0x81 once) or
    "free_running" (no ap_ctrl). length_bits: the width of the DMA's buffer length register; that in the
    design's .hwh goes before it.
    """

    dma: str = "axi_dma_0"
    ip: str = "network_0"
    control: str = "auto_restart"
    length_bits: int = 26
    addresses: dict[str, int] = field(default_factory=dict)
    kind: str = "axi_dma"

    def __post_init__(self) -> None:
        need(self.control in CONTROLS, f"transport.control must be one of {CONTROLS}; got {self.control!r}")
        need(8 <= self.length_bits <= 26, f"transport.length_bits must be 8 to 26; got {self.length_bits}")
        _check_addresses(self.addresses, (self.dma, self.ip))


@dataclass(frozen=True)
class LiteTransport:
    """Plain AXI-Lite registers of the network `ip`: a sample's words from byte `input_offset` on, its result's
    from `output_offset` on, ap_ctrl at 0."""

    ip: str = "network_0"
    input_offset: int = 0x400
    output_offset: int = 0x800
    addresses: dict[str, int] = field(default_factory=dict)
    kind: str = "axi_lite"

    def __post_init__(self) -> None:
        for offset in (self.input_offset, self.output_offset):
            need(offset >= 16 and offset % 4 == 0, f"offsets must be multiples of 4 from 16 on; got {offset}")
        _check_addresses(self.addresses, (self.ip,))


Transport = Union[ComBlockTransport, DmaTransport, LiteTransport]
_KINDS: dict[str, Any] = {"comblock": ComBlockTransport, "axi_dma": DmaTransport, "axi_lite": LiteTransport}


def parse_transport(data: dict[str, Any]) -> Transport:
    """The transport of a manifest's JSON value. Raises ManifestError, KeyError, TypeError."""
    kind = data["kind"]
    need(kind in _KINDS, f"transport.kind must be one of {', '.join(_KINDS)}; got {kind!r}")
    transport: Transport = _KINDS[kind](**data)
    return transport
