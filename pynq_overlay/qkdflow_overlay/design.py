"""A block design by its hardware hand-off (.hwh, alone, beside a .bit or inside an .xsa): cells, addresses, parameters.

The XML is read with a parser that refuses DTDs and entities: a design from the internet may hold neither.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

from qkdflow_overlay.comblock import VLNV as COMBLOCK
from qkdflow_overlay.errors import ManifestError
from qkdflow_overlay.transports import ComBlockTransport, DmaTransport, LiteTransport, Transport

LARGEST = 1 << 27  # bytes of a .hwh; real ones have a few megabytes
DMA = "xilinx.com:ip:axi_dma"
HLS = "xilinx.com:hls:"


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
        return [cell for cell in self.cells.values() if cell.vlnv.startswith(vlnv)]

    def find(self, name: str, vlnv: str) -> Cell:
        """The cell `name`, at the top or in a hierarchy; else the only one of this type. Raises ManifestError."""
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
        """What carries the words: a DMA or a ComBlock where there is one, else the core's own registers."""
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
    except (OSError, zipfile.BadZipFile) as error:
        raise ManifestError(
            f"[{path}] an .xsa, or a .bit with its .hwh beside it, is required; got: {error}. "
            "Vivado writes the .hwh under the project's .gen/sources_1/bd/NAME/hw_handoff"
        ) from error


def parse_design(xml: bytes, source: str = "design") -> Design:
    """The design in the text of a .hwh. Raises ManifestError."""
    reader = _Reader(source)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.ExternalEntityRefHandler = reader.refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise ManifestError(f"[{source}] well-formed XML is required; {error}") from error
    cells = {
        name: Cell(name, vlnv, reader.addresses.get(name), parameters)
        for name, (vlnv, parameters) in reader.modules.items()
    }
    return Design(cells, source)


class _Reader:
    """Collects MODULE elements (FULLNAME, VLNV, PARAMETERs) and the MEMRANGEs that give them addresses."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.modules: dict[str, tuple[str, dict[str, str]]] = {}
        self.addresses: dict[str, int] = {}
        self._module: str | None = None
        self._by_instance: dict[str, str] = {}
        self._ranges: list[tuple[str, str]] = []

    def refuse(self, *_: Any) -> int:
        raise ManifestError(f"[{self.source}] XML without a DTD or entities is required; this file has them")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "MODULE":
            self._module = attributes.get("FULLNAME", attributes.get("INSTANCE", "")).strip("/")
            self._by_instance[attributes.get("INSTANCE", self._module)] = self._module
            self.modules[self._module] = (attributes.get("VLNV", ""), {})
        elif tag == "PARAMETER" and self._module is not None:
            self.modules[self._module][1][attributes.get("NAME", "")] = attributes.get("VALUE", "")
        elif tag == "MEMRANGE" and "INSTANCE" in attributes:
            self._ranges.append((attributes["INSTANCE"], attributes.get("BASEVALUE", "")))

    def end(self, tag: str) -> None:
        if tag == "MODULE":
            self._module = None
        elif tag == "EDKSYSTEM":
            for instance, base in self._ranges:
                name = self._by_instance.get(instance, instance)
                try:
                    self.addresses.setdefault(name, int(base, 0))
                except ValueError as error:
                    raise ManifestError(f"[{self.source}] {instance} must have an address; got {base!r}") from error


def _from_archive(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        found = [entry for entry in archive.infolist() if entry.filename.endswith(".hwh")]
        top = min(found, key=lambda entry: len(entry.filename), default=None)
        if top is None:
            raise ManifestError(f"[{path}] a .hwh in the archive is required; got {', '.join(archive.namelist())}")
        if top.file_size > LARGEST:
            raise ManifestError(f"[{path}] a .hwh of at most {LARGEST} bytes is required; got {top.file_size}")
        return archive.read(top)
