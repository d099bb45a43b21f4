"""Boards and vendors' tools: hand-overs, block designs, reports, what comes over a line."""

from __future__ import annotations

import atexit
import socket
import struct
import tempfile
import zipfile
from functools import cache
from io import BytesIO
from pathlib import Path
from unittest import mock

import test_calibrate
import test_vendor_reports as reports
from fixed_models import mlp
from mutate import Files
from qkdflow import Key
from qkdflow.assess import Assessment
from qkdflow.handover import find_target
from qkdflow.hardware import uart
from qkdflow.hardware.devices import assess_device
from qkdflow.hardware.estimator import calibrate, estimate_for
from qkdflow.hardware.simulated import SimulatedBoard, emulator_network
from qkdflow.hardware.simulated.handoff import handoff
from qkdflow.hardware.udma import UdmaComBlock
from qkdflow.hardware.vendor_reports import read_report, read_reports
from qkdflow.overlay import Overlay, build_overlay
from qkdflow_overlay import DeviceError, ManifestError, load_manifest, read_design
from reader import Reader, files
from test_overlay import data

MODEL = mlp(Key(2), (30, 15, 4))


def overlay_at(folder: Path, kind: str) -> Overlay:
    return build_overlay(MODEL, data(12), folder, transport=kind, addresses=find_target("pynq-z2").cells(kind))


def manifest_seeds(folder: Path) -> list[Files]:
    found = []
    for kind in ("comblock", "axi_dma", "axi_lite"):
        overlay_at(folder / kind, kind)
        found.append({name: (folder / kind / name).read_bytes() for name in ("manifest.json", "vectors.npz")})
    return found


def read_manifest(place: Path) -> None:
    try:
        _ = Overlay.load(place).vectors
    finally:
        load_manifest(place / "manifest.json")


def hwh_seeds(folder: Path) -> list[Files]:
    found = []
    for kind in ("comblock", "axi_dma", "axi_lite"):
        overlay = overlay_at(folder / kind, kind)
        board = SimulatedBoard(overlay.manifest, emulator_network(MODEL), length_bits=20 if kind == "axi_dma" else None)
        found.append({"design.hwh": handoff(board).encode()})
    return found


def read_hwh(place: Path) -> None:
    design = read_design(place / "design.hwh")
    for cell in design.cells.values():
        cell.number("c_sg_length_width", 14)
    design.transport_kind()


def xsa_seeds(folder: Path) -> list[Files]:
    found = []
    for seed in hwh_seeds(folder):
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("design.hwh", (1980, 1, 1, 0, 0, 0)), seed["design.hwh"])
        found.append({"design.xsa": packed.getvalue()})
    return found


def xml_seeds(_: Path) -> list[Files]:
    return [{"csynth.xml": reports.csynth(dsp=dsp).encode()} for dsp in ("DSP", "DSP48E")]


def rpt_seeds(_: Path) -> list[Files]:
    texts = [
        reports.csynth_rpt(),
        reports.UTILIZATION,
        reports.HIERARCHY.format(flag="", luts="7654"),
        reports.TIMING.format(wns="0.226", failing="0"),
    ]
    return [{"one.rpt": text.encode()} for text in texts]


def calibration_seeds(folder: Path) -> list[Files]:
    network, target = test_calibrate.network(), test_calibrate.target()
    total = estimate_for(network, target, 1).total
    folder.mkdir(parents=True)
    for i in range(3):
        text = test_calibrate.XML.format(name="myproject", lut=round((1.2 + i) * total.lut.value), ff=total.ff.value)
        (folder / f"{i}_csynth.xml").write_text(text)
    (folder / "utilization.rpt").write_text(test_calibrate.UTILISATION.format(state="Synthesized"))
    names = {layer.name: 1 for layer in network.dense}
    from qkdflow.hardware.estimator.calibrate import remember

    remember(read_reports(sorted(folder.iterdir())), network, target, names, folder / "reports.json")
    return [{"reports.json": (folder / "reports.json").read_bytes()}]


@cache
def handed_over() -> Overlay:
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return overlay_at(Path(folder.name), "comblock")


def uart_seeds(_: Path) -> list[Files]:
    lines = ["boot loader 1.0", "# qkdflow net samples 6 words 4"]
    for i, codes in enumerate(handed_over().vectors.logits[:6]):
        words = ",".join(f"{int(code) & 0xFFFFFFFF:08x}" for code in codes)
        lines.append(f"S,{i},{i % 4},{codes.argmax()},{77 + i},{words}")
    return [{"uart.txt": "\n".join([*lines, "# end 6 0", ""]).encode()}]


def read_uart(place: Path) -> None:
    uart.assess_log(handed_over(), (place / "uart.txt").read_text("ascii", "replace").splitlines())


def udma_seeds(_: Path) -> list[Files]:
    replies = [
        (1, 1, 0xAB),
        (1, 4, 1, 2, 3, 4),
        (1, 3),
        (1, 1),
    ]  # a register, a FIFO read, a FIFO written, a register set
    return [{"replies.bin": b"".join(struct.pack(f"<{len(r)}I", *r) for r in replies)}]


def read_udma(place: Path) -> None:
    """The server's bytes as they are; then it closes the connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall((place / "replies.bin").read_bytes())
        theirs.shutdown(socket.SHUT_WR)
        with mock.patch("socket.create_connection", return_value=ours):
            client = UdmaComBlock("board", timeout_s=1.0)
        client.read(0)
        client.read_fifo(4)
        client.write_fifo([1, 2, 3])
        client.write(4 * 16, 1)


def assessment_seeds(folder: Path) -> list[Files]:
    assess_device(overlay_at(folder / "o", "comblock"), "sim").save(folder / "a")
    return [files(folder / "a")]


READERS = {
    "manifest": Reader(manifest_seeds, read_manifest, (ManifestError,)),
    "hwh": Reader(hwh_seeds, read_hwh, (ManifestError,)),
    "xsa": Reader(xsa_seeds, lambda p: read_design(p / "design.xsa"), (ManifestError,)),
    "vendor_xml": Reader(xml_seeds, lambda p: read_report(p / "csynth.xml")),
    "vendor_rpt": Reader(rpt_seeds, lambda p: read_report(p / "one.rpt")),
    "calibration": Reader(calibration_seeds, lambda p: calibrate.calibrate(p / "reports.json")),
    "uart": Reader(uart_seeds, read_uart, (DeviceError,)),
    "udma": Reader(udma_seeds, read_udma, (DeviceError,)),
    "assessment": Reader(assessment_seeds, lambda p: Assessment.load(p).text()),
}
