"""The generated Tcl: complete, accepted by a model of the vendors' commands, and agreed with manifest and driver."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fixed_models import mlp
from qkdflow import Key
from qkdflow.errors import ConfigError
from qkdflow.export.hls import HlsConfig, HlsProject, write_hls
from qkdflow.handover import Specification, find_target, targets, write_hardware
from qkdflow.handover import build_overlay as whole
from qkdflow.hardware.simulated import SimulatedBoard, emulator_network
from qkdflow.overlay import build_overlay
from qkdflow_overlay import load_manifest
from test_overlay import data

sys.path.insert(0, str(Path(__file__).parents[1] / "hls"))
pytest.importorskip("tkinter", reason="the model of the vendors' commands needs Python's tkinter for its Tcl")
import vendor  # type: ignore[import-not-found]

MODEL = mlp(Key(2), (30, 15, 4))
CASES = [(board, kind) for board, target in targets().items() for kind in target.carriers]


@cache
def project(backend: str, board: str) -> HlsProject:
    import tempfile

    return write_hls(MODEL, tempfile.mkdtemp(), HlsConfig(backend, board=board))


def hand_over(directory: Path, board: str, kind: str, backend: str = "Vitis", **options: Any) -> Specification:
    overlay = build_overlay(
        MODEL, data(), directory, transport=kind, addresses=find_target(board).cells(kind), **options
    )
    return write_hardware(overlay, project(backend, board), board)


def vivado(spec: Specification) -> Any:
    boards = (f"vendor:{spec.target.board_part}:part0:1.0", "vendor:other:part0:1.0")
    kind = spec.manifest.transport.kind
    return vendor.Vivado(spec.top, kind != "axi_lite", spec.control != "free_running", boards)


@pytest.mark.parametrize(("board", "kind"), CASES)
def test_scripts_are_accepted_and_addresses_agree(tmp_path: Path, board: str, kind: str) -> None:
    spec = hand_over(tmp_path, board, kind)
    hardware = tmp_path / "hardware"
    hls = vendor.Hls("vitis_hls", hardware)
    hls.run(hardware / "build_hls.tcl")
    tool = vivado(spec)
    tool.run(hardware / "block_design.tcl")
    # One address a cell, in Tcl, in the manifest, in the driver's design, in the README and in the firmware.
    manifest = load_manifest(tmp_path / "manifest.json")
    in_tcl = {n.split("/")[0]: base for base, _, n in tool.segments[find_target(board).address_space]}
    seen = SimulatedBoard(manifest, emulator_network(MODEL)).design.cells
    readme = (hardware / "README.md").read_text()
    assert manifest.transport.addresses
    for cell, address in manifest.transport.addresses.items():
        assert in_tcl[cell] == address == seen[cell].address
        assert f"| `{cell}` | 0x{address:08X}, 64 KB |" in readme
    if (hardware / "baremetal").exists():
        assert f"#define COMBLOCK_BASE 0x{in_tcl['comblock_0']:08X}u" in (hardware / "baremetal/network.h").read_text()
    assert ("-part " + find_target(board).part) in (hardware / "block_design.tcl").read_text()


@pytest.mark.parametrize(("backend", "tool"), [("Vivado", "vivado_hls"), ("VivadoAccelerator", "vivado_hls")])
def test_the_older_tools(tmp_path: Path, backend: str, tool: str) -> None:
    hand_over(tmp_path, "pynq-z2", "axi_dma", backend, control="start")
    script = tmp_path / "hardware/build_hls.tcl"
    assert "For Vivado HLS 2019.1 and 2019.2:  vivado_hls -f build_hls.tcl" in script.read_text()
    vendor.Hls(tool, tmp_path).run(script)
    with pytest.raises(vendor.Refused, match=r"invalid command name|has no option"):
        vendor.Hls("vitis_hls", tmp_path).run(script)
    assert not list((tmp_path / "hardware/firmware").glob("*axi*"))  # hls4ml's own wrapper would be a second one


BROKEN_BLOCK_DESIGNS = {
    "a brace is missing": ("\n}\nproc add_cell", "\nproc add_cell", "unbalanced"),
    "a command is misspelt": ("validate_bd_design", "validate_db_design", "invalid command name"),
    "an option is misspelt": ("create_bd_cell -type ip -vlnv", "create_bd_cell -kind ip -vlnv", "has no option -kind"),
    "an option is missing": (" -offset 0x40400000", "", "needs -offset"),
    "an IP is misspelt": (
        "xilinx.com:ip:axi_dma ",
        "xilinx.com:ip:axi_dam ",
        "the IP xilinx.com:ip:axi_dam is required",
    ),
    "a parameter is misspelt": (
        "CONFIG.c_sg_length_width",
        "CONFIG.c_sg_lenght_width",
        "no parameter c_sg_lenght_width",
    ),
    "a pin is misspelt": ("rst_0/slowest_sync_clk", "rst_0/slow_clk", "no pin slow_clk"),
    "a clock is left out": ("axi_dma_0/m_axi_s2mm_aclk}", "}", "axi_dma_0/m_axi_s2mm_aclk is not driven"),
    "a reset is left out": ("on_reset {network_0/ap_rst_n}", "", "network_0/ap_rst_n is not driven"),
    "two masters are joined": (
        "axi_dma_0/M_AXIS_MM2S network_0/samples",
        "axi_dma_0/M_AXIS_MM2S network_0/results",
        "joins a",
    ),
    "addresses overlap": ("-offset 0x43C00000", "-offset 0x40400000", "overlaps"),
    "a stream is left open": ("join_buses network_0/results axi_dma_0/S_AXIS_S2MM", "", "is not connected"),
    "a port is not enabled": (" CONFIG.PCW_USE_S_AXI_HP0 {1}", "", "no interface S_AXI_HP0 while"),
    "the check is left out": ("validate_bd_design\n", "\n", "was not validated"),
    "the board files are not there": (":pynq-z2:", ":pynq-z3:", "board files of pynq-z2 are required"),
}
BROKEN_HLS = {
    "synthesis before a clock": (
        "create_clock -period 5 -name default\n",
        "",
        "csynth_design comes after create_clock",
    ),
    "no top": ("set_top net_top\n", "", "comes after set_top"),
    "a file that is not there": ("myproject.cpp", "myprojekt.cpp", "no file .*myprojekt.cpp"),
    "export before synthesis": ("csynth_design\n", "", "export_design comes after csynth_design"),
}


@pytest.mark.parametrize("fault", BROKEN_BLOCK_DESIGNS)
def test_a_broken_block_design_is_refused(tmp_path: Path, fault: str) -> None:
    spec = hand_over(tmp_path, "pynq-z2", "axi_dma")
    broken(tmp_path / "hardware/block_design.tcl", vivado(spec), *BROKEN_BLOCK_DESIGNS[fault])


@pytest.mark.parametrize("fault", BROKEN_HLS)
def test_a_broken_hls_script_is_refused(tmp_path: Path, fault: str) -> None:
    hand_over(tmp_path, "pynq-z2", "axi_dma")
    broken(tmp_path / "hardware/build_hls.tcl", vendor.Hls("vitis_hls", tmp_path), *BROKEN_HLS[fault])


def broken(script: Path, tool: Any, old: str, new: str, message: str) -> None:
    text = script.read_text()
    assert old in text
    script.write_text(text.replace(old, new))
    with pytest.raises(vendor.Refused, match=message):
        tool.run(script)


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"block designs are written for pynq-z1, .*; got 'toaster'"):
        find_target("toaster")
    with pytest.raises(ConfigError, match="on basys3 the words are carried by comblock; got axi_dma"):
        find_target("basys3").cells("axi_dma")
    overlay = build_overlay(MODEL, data(), tmp_path, transport="axi_dma")
    with pytest.raises(ConfigError, match="kv260 carries xck26-sfvc784-2LV-c; the project is for xc7z020clg400-1"):
        write_hardware(overlay, project("Vitis", "pynq-z2"), "kv260")
    moved = build_overlay(MODEL, data(), tmp_path, transport="axi_dma", addresses={"axi_dma_0": 0x41000000})
    with pytest.raises(ConfigError, match="axi_dma_0 must be at 0x40400000; the manifest has 0x41000000"):
        write_hardware(moved, project("Vitis", "pynq-z2"), "pynq-z2")
    letter = build_overlay(MODEL, data(), tmp_path, transport="comblock", result="register")
    with pytest.raises(ConfigError, match="from the ComBlock's FIFO; got result='register'"):
        write_hardware(letter, project("Vitis", "pynq-z2"), "pynq-z2")


def test_the_whole_hand_over(tmp_path: Path) -> None:
    """The transport follows the backend, unless it is said; a part without a board gets no block design."""
    for backend, said, kind in (
        ("VivadoAccelerator", None, "axi_dma"),
        ("Vitis", None, "comblock"),
        ("Vitis", "axi_lite", "axi_lite"),
    ):
        folder = tmp_path / f"{backend}-{said}"
        built = whole(MODEL, data(), folder, project(backend, "pynq-z2"), said)
        assert built.manifest.transport.kind == kind
        assert built.manifest.transport.addresses == find_target("pynq-z2").cells(kind)
        assert ("ComBlock" in (folder / "README.md").read_text()) == (kind == "comblock")
        assert (folder / "hardware/README.md").is_file()
        assert (folder / "hardware/baremetal").is_dir() == (kind == "comblock")
    alone = write_hls(MODEL, tmp_path / "alone", HlsConfig("Vitis", part="xc7z020clg484-1"))
    assert whole(MODEL, data(), tmp_path / "part", alone).manifest.transport.addresses == {}
    assert not (tmp_path / "part/hardware").exists()


def test_the_guide_names_the_boards_as_the_command_takes_them() -> None:
    guide = (Path(__file__).parents[2] / "docs/howto/board.md").read_text()
    said = guide.partition("written for\n`--board` ")[2].partition(":")[0]
    assert {*re.findall(r"[\w-]+", said)} - {"and", "with", "MicroBlaze", "ComBlock", "there"} == {*targets()}
