"""The hardware hand-off (.hwh) of a simulated board: as much of what Vivado writes as PYNQ's parser reads."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree as ET

from qkdflow_overlay import ManifestError
from qkdflow_overlay.design import DMA, HLS, Cell

from qkdflow.files import write_atomic
from qkdflow.hardware.simulated.board import RANGE, SimulatedBoard

PORTS = {DMA: "S_AXI_LITE", HLS: "s_axi_control", "": "AXIL"}
AP_CTRL = (("AP_START", 0), ("AP_DONE", 1), ("AP_IDLE", 2), ("AP_READY", 3), ("AUTO_RESTART", 7))
# A Zynq-7000's PLL multipliers, which PYNQ divides by to set the clocks: 33.3 MHz times 40, 32 and 30.
SYSTEM_REGISTERS = {0xF8000100: 40 << 12, 0xF8000104: 32 << 12, 0xF8000108: 30 << 12}
# Of a Zynq-7000's processing system: what PYNQ asks of its four clocks.
CLOCKS = {
    name.format(i): value
    for i in range(4)
    for name, value in (
        ("PCW_FPGA_FCLK{}_ENABLE", "0"),
        ("PCW_FCLK{}_PERIPHERAL_CLKSRC", "IO PLL"),
        ("PCW_FCLK{}_PERIPHERAL_DIVISOR0", "5"),
        ("PCW_FCLK{}_PERIPHERAL_DIVISOR1", "2"),
    )
}


def write_handoff(board: SimulatedBoard, directory: str | Path, name: str = "design_1") -> Path:
    """Write NAME.hwh, and beside it NAME.bit: the header of a bitstream and, for its data, the .hwh's digest.

    PYNQ caches what it has parsed by the bitstream's digest: two designs must not share one. Returns the .bit's path.
    """
    text = handoff(board, name)
    path = Path(directory) / f"{name}.bit"
    fields = zip(b"abcd", (name, "7z020clg400", "2026/01/01", "00:00:00"), strict=True)
    header = b"".join(bytes([key]) + _counted(value.encode() + b"\0") for key, value in fields)
    write_atomic(
        path, _counted(bytes(9)) + b"\0\1" + header + b"e" + (32).to_bytes(4, "big") + sha256(text.encode()).digest()
    )
    write_atomic(path.with_suffix(".hwh"), text)
    return path


def _counted(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def handoff(board: SimulatedBoard, name: str = "design_1") -> str:
    """The XML of a design with a processing system and the board's cells."""
    root = ET.Element("EDKSYSTEM", EDWVERSION="1.2", TIMESTAMP="0", VIVADOVERSION="2022.2")
    ET.SubElement(root, "SYSTEMINFO", ARCH="zynq", DEVICE="7z020", NAME=name, PACKAGE="clg400", SPEEDGRADE="-1")
    ET.SubElement(root, "EXTERNALPORTS")
    ET.SubElement(root, "EXTERNALINTERFACES")
    modules = ET.SubElement(root, "MODULES")
    system = _module(modules, "processing_system7_0", "xilinx.com:ip:processing_system7:5.5", "PERIPHERAL")
    _parameters(system, CLOCKS)
    _bus(system, "M_AXI_GP0", "MASTER")
    memory = ET.SubElement(system, "MEMORYMAP")
    for cell in board.design.cells.values():
        _cell(modules, memory, cell)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _cell(modules: ET.Element, memory: ET.Element, cell: Cell) -> None:
    if cell.address is None:
        raise ManifestError(f"[hand-off] {cell.name} must have an address")
    port = next(port for vlnv, port in PORTS.items() if vlnv in cell.vlnv)
    module = _module(modules, cell.name, cell.vlnv, "PERIPHERAL")
    if HLS in cell.vlnv:
        _registers(module, port)
    _parameters(module, {"C_BASEADDR": f"0x{cell.address:08X}", **_dma(cell), **cell.parameters})
    _bus(module, port, "SLAVE")
    ET.SubElement(
        memory,
        "MEMRANGE",
        ADDRESSBLOCK="Reg",
        BASENAME="C_BASEADDR",
        BASEVALUE=f"0x{cell.address:08X}",
        HIGHNAME="C_HIGHADDR",
        HIGHVALUE=f"0x{cell.address + RANGE - 1:08X}",
        INSTANCE=cell.name,
        IS_DATA="TRUE",
        IS_INSTRUCTION="FALSE",
        MASTERBUSINTERFACE="M_AXI_GP0",
        MEMTYPE="REGISTER",
        SLAVEBUSINTERFACE=port,
    )


def _dma(cell: Cell) -> dict[str, str]:
    if DMA not in cell.vlnv:
        return {}
    wide = {"c_m_axi_mm2s_data_width": "32", "c_m_axi_s2mm_data_width": "32"}
    return {"c_include_mm2s": "1", "c_include_s2mm": "1", "c_micro_dma": "0", **wide}


def _module(modules: ET.Element, name: str, vlnv: str, kind: str) -> ET.Element:
    return ET.SubElement(
        modules,
        "MODULE",
        FULLNAME=f"/{name}",
        INSTANCE=name,
        IPTYPE=kind,
        IS_PL="FALSE" if "processing" in name else "TRUE",
        MODCLASS=kind,
        MODTYPE=vlnv.split(":")[2],
        HWVERSION=vlnv.split(":")[3],
        VLNV=vlnv,
    )


def _parameters(module: ET.Element, values: dict[str, str]) -> None:
    parameters = ET.SubElement(module, "PARAMETERS")
    for name, value in values.items():
        ET.SubElement(parameters, "PARAMETER", NAME=name, VALUE=value)


def _bus(module: ET.Element, name: str, kind: str) -> None:
    buses = ET.SubElement(module, "BUSINTERFACES")
    bus = ET.SubElement(buses, "BUSINTERFACE", NAME=name, TYPE=kind, VLNV="xilinx.com:interface:aximm:1.0")
    bus.set("BUSNAME", "bus")
    bus.set("DATAWIDTH", "32")


def _registers(module: ET.Element, port: str) -> None:
    """ap_ctrl, as Vitis HLS describes it: PYNQ's register_map.CTRL comes from here."""
    blocks = ET.SubElement(module, "ADDRESSBLOCKS")
    block = ET.SubElement(
        blocks, "ADDRESSBLOCK", ACCESS="", INTERFACE=port, NAME="Reg", RANGE="65536", USAGE="register"
    )
    register = ET.SubElement(ET.SubElement(block, "REGISTERS"), "REGISTER", NAME="CTRL")
    for key, value in (
        ("DESCRIPTION", "Control signals"),
        ("ADDRESS_OFFSET", "0x0"),
        ("SIZE", "32"),
        ("ACCESS", "read-write"),
        ("IS_ENABLED", "true"),
    ):
        ET.SubElement(register, "PROPERTY", NAME=key, VALUE=value)
    fields = ET.SubElement(register, "FIELDS")
    for name, bit in AP_CTRL:
        field = ET.SubElement(fields, "FIELD", NAME=name)
        for key, value in (
            ("ADDRESS_OFFSET", "0"),
            ("ACCESS", "read-write"),
            ("BIT_OFFSET", str(bit)),
            ("BIT_WIDTH", "1"),
        ):
            ET.SubElement(field, "PROPERTY", NAME=key, VALUE=value)
