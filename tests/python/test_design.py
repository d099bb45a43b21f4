"""Block designs by their .hwh, and which driver they need."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import qkdflow_overlay
from fixed_models import mlp
from qkdflow import Key
from qkdflow.handover import find_target
from qkdflow.hardware.simulated import SimulatedBoard, emulator_network
from qkdflow.hardware.simulated.handoff import handoff, write_handoff
from qkdflow.overlay import build_overlay
from qkdflow_overlay import ManifestError, read_design
from qkdflow_overlay.design import DMA, HLS, parse_design
from test_overlay import data

MODEL = mlp(Key(2), (30, 15, 4))


def board(directory: Path, kind: str) -> SimulatedBoard:
    overlay = build_overlay(MODEL, data(), directory, transport=kind, addresses=find_target("pynq-z2").cells(kind))
    return SimulatedBoard(overlay.manifest, emulator_network(MODEL), length_bits=20 if kind == "axi_dma" else None)


@pytest.mark.parametrize("kind", ["axi_dma", "comblock", "axi_lite"])
def test_what_was_written_is_read(tmp_path: Path, kind: str) -> None:
    made = board(tmp_path, kind)
    design = read_design(write_handoff(made, tmp_path))
    assert design.transport_kind() == kind
    design.check(made.manifest.transport)
    for name, cell in made.design.cells.items():
        assert (design.cells[name].vlnv, design.cells[name].address) == (cell.vlnv, made.addresses[name])
    if kind == "axi_dma":
        assert design.find("axi_dma_0", DMA).number("c_sg_length_width", 14) == 20
        assert design.find("another name", HLS).name == "network_0"  # the only one of its type
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("sub/inner_bd.hwh", "<EDKSYSTEM/>")
        file.writestr("design_1.hwh", handoff(made))
    (tmp_path / "design.xsa").write_bytes(archive.getvalue())
    assert read_design(tmp_path / "design.xsa").cells == design.cells


def test_a_hierarchy_is_searched(tmp_path: Path) -> None:
    made = board(tmp_path, "axi_dma")
    text = handoff(made).replace('FULLNAME="/axi_dma_0"', 'FULLNAME="/hier_0/axi_dma_0"')
    design = parse_design(text.encode())
    assert design.find("axi_dma_0", DMA).name == "hier_0/axi_dma_0"
    assert design.cells["hier_0/axi_dma_0"].address == 0x40400000


BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><EDKSYSTEM>&y;</EDKSYSTEM>'
FILES = '<!DOCTYPE a SYSTEM "file:///etc/passwd"><EDKSYSTEM/>'


def test_refused(tmp_path: Path) -> None:
    made = board(tmp_path, "axi_dma")
    for text, message in (
        (BOMB, "without a DTD or entities is required"),
        (FILES, "without a DTD or entities is required"),
        ("<EDKSYSTEM>", "well-formed XML is required"),
        (handoff(made).replace("0x40400000", "here"), "axi_dma_0 must have an address; got 'here'"),
    ):
        with pytest.raises(ManifestError, match=message):
            parse_design(text.encode())
    with pytest.raises(ManifestError, match="an AXI DMA, a ComBlock or an HLS core is required"):
        parse_design(b"<EDKSYSTEM/>").transport_kind()
    design = parse_design(handoff(board(tmp_path, "comblock")).encode())
    with pytest.raises(ManifestError, match="design for axi_dma is required by the manifest; this one is for comblock"):
        design.check(made.manifest.transport)
    with pytest.raises(ManifestError, match=r"nowhere.hwh'.*Vivado writes the .hwh under"):
        read_design(tmp_path / "nowhere.bit")
    (tmp_path / "empty.xsa").write_bytes(b"")
    with pytest.raises(ManifestError, match=r"an \.xsa, or a .bit with its \.hwh beside it"):
        read_design(tmp_path / "empty.xsa")


def test_pynq_is_asked_for_when_a_board_is_opened() -> None:
    with pytest.raises(ModuleNotFoundError, match="pynq"):
        qkdflow_overlay.ClassifierOverlay  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'Toaster'"):
        qkdflow_overlay.Toaster  # noqa: B018
