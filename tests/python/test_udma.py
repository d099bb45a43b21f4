"""A ComBlock over UDMA's word protocol, against a simulated server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixed_models import mlp
from qkdflow import Key
from qkdflow.assess import assess
from qkdflow.cli import main
from qkdflow.errors import ToolError
from qkdflow.hardware.simulated import Faults, SimulatedComBlock, emulator_network
from qkdflow.hardware.simulated.udma_server import UdmaServer
from qkdflow.hardware.udma import UdmaComBlock
from qkdflow.overlay import Overlay, build_overlay
from qkdflow_overlay import Algorithm1, DeviceError, DeviceTimeout
from test_overlay import data

MODEL = mlp(Key(2), (30, 15, 4))


@pytest.fixture
def overlay(tmp_path: Path) -> Overlay:
    return build_overlay(MODEL, data(), tmp_path)


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def server(overlay: Overlay, faults: Faults) -> Iterator[UdmaServer]:
    with UdmaServer(SimulatedComBlock(overlay.manifest, emulator_network(MODEL), faults)) as running:
        yield running


def test_algorithm_1_over_the_network(overlay: Overlay, server: UdmaServer, faults: Faults) -> None:
    with UdmaComBlock("127.0.0.1", server.port, timeout_s=10) as comblock:
        device = Algorithm1(comblock, overlay.manifest, 10)
        assert assess(overlay, device).mismatches == 0
        comblock.write_register("OREG3", 0xDEADBEEF)
        assert comblock.read_register("OREG3") == 0xDEADBEEF
        comblock.write_register("OREG0", 1)
        comblock.write_fifo(range(600))  # three messages
        assert comblock.status().sent == 600
        faults.inject("stuck network")
        with pytest.raises(ToolError, match=r"a word must move within 0\.2 s"):
            assess(overlay, device, timeout_s=0.2)
        assert assess(overlay, device, timeout_s=10).mismatches == 0


def test_the_command(overlay: Overlay, server: UdmaServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess", str(overlay.directory), "--device", f"udma://127.0.0.1:{server.port}"]) == 0
    assert f"UDMA 127.0.0.1:{server.port}: 40 samples, 0 of 160 logits differ" in capsys.readouterr().out


def test_failures_end_in_words(overlay: Overlay, server: UdmaServer) -> None:
    with UdmaComBlock("127.0.0.1", server.port, timeout_s=10) as comblock:
        with pytest.raises(DeviceError, match=r"3 must succeed for 5 words; got status 1 \(success\) after 0"):
            comblock.read_fifo(5)
        comblock.write_register("OREG0", 1)
        with pytest.raises(DeviceError, match=r"7 must succeed for 50 words; got status 1 \(success\) after 24"):
            comblock.write_fifo([0] * 1050)
    with pytest.raises(DeviceError, match=r"command 9 must succeed; got status 0 \(failure\)"):
        UdmaComBlock("127.0.0.1", server.port, comblock=3)
    server.silent = True
    slow = UdmaComBlock("127.0.0.1", server.port, timeout_s=0.2)
    with pytest.raises(DeviceTimeout, match=r"command 0 must be answered within 0.2 s"):
        slow.read(0)


def test_another_transports_manifest_is_refused(
    tmp_path: Path, server: UdmaServer, capsys: pytest.CaptureFixture[str]
) -> None:
    build_overlay(MODEL, data(), tmp_path / "dma", transport="axi_dma")
    assert main(["assess", str(tmp_path / "dma"), "--device", f"udma://127.0.0.1:{server.port}"]) == 2
    assert "a manifest with a comblock transport is required; got axi_dma" in capsys.readouterr().err


def test_no_server_and_a_server_that_goes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        threading.Thread(target=lambda: listening.accept()[0].close(), daemon=True).start()
        with UdmaComBlock("127.0.0.1", port, timeout_s=5) as comblock, pytest.raises(DeviceError, match="must last; "):
            comblock.read(0)
    with pytest.raises(DeviceError, match="a UDMA server is required"):
        UdmaComBlock("127.0.0.1", port, timeout_s=1)
