"""PYNQ 4's own Overlay, MMIO, DMA, allocate and register_map on the simulated board; every fault, as on a real one."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import numpy as np
import pynq
import pytest
from board_models import MODEL
from conftest import Make
from qkdflow.cli import main
from qkdflow.errors import ToolError
from qkdflow.hardware.simulated.server import serve
from qkdflow_overlay import ClassifierOverlay, DeviceError, DeviceTimeout, ManifestError, SelfTestError
from qkdflow_overlay.overlay import ComBlockIP

SHAPES = [("axi_dma", False), ("axi_dma", True), ("comblock", False), ("axi_lite", False)]
FAULTS = {
    "axi_dma": {
        "missing TLAST": DeviceTimeout,
        "short packet": DeviceError,
        "stuck send": DeviceTimeout,
        "stuck receive": DeviceTimeout,
        "send error": DeviceError,
        "receive error": DeviceError,
        "halted": DeviceError,
        "slow network": DeviceTimeout,
        "bit flip": SelfTestError,
    },
    "comblock": {"stuck network": DeviceTimeout, "slow network": DeviceTimeout, "bit flip": SelfTestError},
    "axi_lite": {"slow network": DeviceTimeout, "bit flip": SelfTestError},
}


@pytest.mark.parametrize(("kind", "scatter_gather"), SHAPES)
def test_unmodified_pynq(make_board: Make, kind: str, scatter_gather: bool) -> None:
    board, bitfile = make_board(kind, scatter_gather)
    overlay = ClassifierOverlay(bitfile)
    assert isinstance(overlay, pynq.Overlay)
    assert overlay.is_loaded()
    assert overlay.self_test() == 40
    x = np.arange(60).reshape(2, 30).astype(np.float32)
    assert (overlay.predict(x) == MODEL.predict(x)).all()
    assert overlay.predict_proba(x).sum(axis=1) == pytest.approx([1, 1])
    assert overlay.benchmark(x, repeats=1, singles=2).inferences_per_s > 0
    if kind == "axi_dma":
        assert type(overlay.axi_dma_0).__module__ == "pynq.lib.dma"
        assert overlay.network_0.register_map.CTRL.AUTO_RESTART == 1
    if kind == "comblock":
        assert isinstance(overlay.comblock_0, ComBlockIP)
        assert overlay.comblock_0.comblock.status().empty
    for cell, address in board.addresses.items():
        assert overlay.ip_dict[cell]["phys_addr"] == address
    gc.collect()
    assert board.memory.blocks == {}


@pytest.mark.parametrize(("kind", "scatter_gather"), SHAPES)
def test_every_fault_ends_and_the_next_call_works(make_board: Make, kind: str, scatter_gather: bool) -> None:
    board, bitfile = make_board(kind, scatter_gather)
    overlay = ClassifierOverlay(bitfile, timeout_s=20)
    device = overlay.classifier.device
    assert overlay.self_test() == 40
    for fault, error in FAULTS[kind].items():
        board.faults.inject(fault)
        device.timeout_s = 0.2 if issubclass(error, DeviceTimeout) else 20
        start = time.monotonic()
        with pytest.raises(error):
            overlay.self_test()
        assert time.monotonic() - start < 10, fault
        device.timeout_s = 20
        assert overlay.self_test() == 40, fault


def test_the_lectures_cells(make_board: Make) -> None:
    """Overlay, axi_dma_0, allocate, register 0x0 <- 0x81: PYNQ's DMA class drives the model by itself."""
    _, bitfile = make_board("axi_dma")
    ol = pynq.Overlay(str(bitfile))
    vectors = np.load(bitfile.with_name("vectors.npz"))
    ol.network_0.write(0x0, 0x81)
    source, target = (pynq.allocate(shape=(n,), dtype=np.uint32) for n in (15, 4))
    source[:] = vectors["input_codes"][3].astype("<u2").view("<u4")
    ol.axi_dma_0.recvchannel.transfer(target)
    ol.axi_dma_0.sendchannel.transfer(source)
    ol.axi_dma_0.sendchannel.wait()
    ol.axi_dma_0.recvchannel.wait()
    assert np.array(target).astype(np.int32).tolist() == vectors["logit_codes"][3].tolist()
    assert ol.axi_dma_0.recvchannel.transferred == 16


def test_another_designs_manifest_is_refused(make_board: Make, tmp_path: Path) -> None:
    _, bitfile = make_board("axi_dma")
    text = (tmp_path / "manifest.json").read_text()
    make_board("comblock")
    (tmp_path / "dma.json").write_text(text)
    with pytest.raises(ManifestError, match="design for axi_dma is required by the manifest; this one is for comblock"):
        ClassifierOverlay(bitfile, tmp_path / "dma.json")


def test_the_command_over_grpc(make_board: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board, _ = make_board("axi_dma")
    server = serve(board)
    try:
        assert main(["assess", str(tmp_path), "--device", f"pynq://127.0.0.1:{server.port}"]) == 0
        assert "axi_dma_0: 40 samples, 0 of 160 logits differ" in capsys.readouterr().out
        with pytest.raises(ToolError, match="a free port is required"):
            serve(board, server.port)
    finally:
        server.stop()
