"""A block design by its hardware hand-off, a .hwh: cells, addresses, parameters."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from qkdflow_overlay import safe_xml
from qkdflow_overlay.comblock import VLNV as COMBLOCK
from qkdflow_overlay.errors import ManifestError
from qkdflow_overlay.transports import ComBlockTransport, DmaTransport, LiteTransport, Transport

LARGEST = 1 << 27  # bytes of a .hwh; real ones have a few megabytes
DMA = "xilinx.com:ip:axi_dma"
HLS = ":hls"  # "xilinx.com:hls:NAME", or hls4ml's "CERN:hls4ml:NAME"


@dataclass(frozen=True)
class Cell:
    """An instance: its path, type (vendor:library:name:version), bus address, and parameters by name."""

    name: str
    vlnv: str
    address: int | None
    parameters: dict[str, str]

    def number(self, parameter: str, default: int) -> int:
        try:
            return int(self.parameters.get(parameter, default))
        except ValueError as error:
            raise ManifestError(f"[{self.name}] {parameter} must be a number; got {error}") from error


@dataclass(frozen=True)
class Design:
    """The cells of a block design by path, such as "axi_dma_0" or "hier_0/axi_dma_0"."""

    cells: dict[str, Cell]
    source: str

    def of(self, vlnv: str) -> list[Cell]:
        """The cells whose VLNV contains `vlnv`."""
        return [cell for cell in self.cells.values() if vlnv in cell.vlnv]

    def find(self, name: str, vlnv: str) -> Cell:
        """The cell `name` of this type, at the top or in a hierarchy; else the only one. Raises ManifestError."""
        named = [c for c in self.of(vlnv) if c.name == name or c.name.endswith("/" + name)]
        found = named or self.of(vlnv)
        if len(found) != 1:
            there = ", ".join(c.name for c in self.cells.values()) or "no cell"
            raise ManifestError(f"[{self.source}] one cell {name} of type {vlnv} is required; the design has {there}")
        return found[0]

    def check(self, transport: Transport) -> None:
        """ManifestError where the design does not hold what the manifest talks to."""
        kind = self.transport_kind()
        if kind != transport.kind:
            raise ManifestError(
                f"[{self.source}] a design for {transport.kind} is required by the manifest; this one is for {kind}. "
                "Take the bitstream and the manifest from the same hand-over"
            )
        if isinstance(transport, ComBlockTransport):
            self.find(transport.cell, COMBLOCK)
        elif isinstance(transport, DmaTransport):
            self.find(transport.dma, DMA)
        elif isinstance(transport, LiteTransport):
            self.find(transport.ip, HLS)

    def transport_kind(self) -> str:
        """What carries the words: a DMA or a ComBlock where there is one, else the core's own registers. ManifestError
        where there is none of them."""
        for vlnv, kind in ((DMA, "axi_dma"), (COMBLOCK, "comblock"), (HLS, "axi_lite")):
            if self.of(vlnv):
                return kind
        raise ManifestError(
            f"[{self.source}] an AXI DMA, a ComBlock or an HLS core is required; the design has "
            f"{', '.join(sorted(c.vlnv for c in self.cells.values())) or 'no cell'}"
        )


def read_design(path: str | Path) -> Design:
    """The design of a .hwh, of an .xsa, or of a .bit with its .hwh beside it. Raises ManifestError."""
    path = Path(path)
    try:
        if path.suffix == ".xsa":
            return parse_design(_from_archive(path), str(path))
        hwh = path if path.suffix == ".hwh" else path.with_suffix(".hwh")
        if hwh.stat().st_size > LARGEST:
            raise ManifestError(f"[{hwh}] at most {LARGEST} bytes are required; got {hwh.stat().st_size}")
        return parse_design(hwh.read_bytes(), str(hwh))
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ManifestError(
            f"[{path}] an .xsa, or a .bit with its .hwh beside it, is required; got: {error}. "
            "Vivado writes the .hwh under the project's .gen/sources_1/bd/NAME/hw_handoff"
        ) from error


def parse_design(xml: bytes, source: str = "design") -> Design:
    """The design in the text of a .hwh. Raises ManifestError."""
    root = safe_xml.parse(xml, source)
    ranges = [(r.get("INSTANCE", ""), r.get("BASEVALUE", "")) for r in root.iter("MEMRANGE")]
    cells = {}
    for module in root.iter("MODULE"):
        instance = module.get("INSTANCE", "")
        name = module.get("FULLNAME", instance).strip("/")
        own = module.find("PARAMETERS")
        parameters = {p.get("NAME", ""): p.get("VALUE", "") for p in (own if own is not None else ())}
        bases = [base for of, base in ranges if of == instance]
        try:
            address = int(bases[0], 16) if bases else None
        except ValueError as error:
            raise ManifestError(f"[{source}] {name} must have an address; got {bases[0]!r}") from error
        cells[name] = Cell(name, module.get("VLNV", ""), address, parameters)
    return Design(cells, source)


def _from_archive(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        found = [entry for entry in archive.infolist() if entry.filename.endswith(".hwh")]
        top = min(found, key=lambda entry: len(entry.filename), default=None)
        if top is None:
            raise ManifestError(f"[{path}] a .hwh in the archive is required; got {', '.join(archive.namelist())}")
        if top.file_size > LARGEST:
            raise ManifestError(f"[{path}] a .hwh of at most {LARGEST} bytes is required; got {top.file_size}")
        if top.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # LZMA allocates what the file asks for
            raise ManifestError(f"[{path}] a .hwh stored or deflated is required; got zip method {top.compress_type}")
        return archive.read(top)
