"""Boards of every kind for PYNQ: inside the process, and behind PYNQ's own gRPC protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pynq
import pytest
from board_models import MODEL, hand_over
from pynq.pl_server.remote_device import RemoteDevice
from qkdflow.hardware.simulated import Faults, SimulatedBoard, emulator_network
from qkdflow.hardware.simulated.handoff import write_handoff
from qkdflow.hardware.simulated.pynq_device import PynqBoard
from qkdflow.hardware.simulated.server import serve

Make = Callable[..., tuple[SimulatedBoard, Path]]


@pytest.fixture(params=["in process", "gRPC"])
def make_board(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """A simulated board that is PYNQ's active device, and the bitfile beside its manifest and vectors."""
    servers = []

    def make(kind: str, scatter_gather: bool = False, **options: Any) -> tuple[SimulatedBoard, Path]:
        overlay = hand_over(tmp_path, kind, **options)
        # Over gRPC a ComBlock's words take seconds: a network is slow only where it is slower than they are.
        faults = Faults(5.0 if kind == "comblock" else 0.5)
        board = SimulatedBoard(overlay.manifest, emulator_network(MODEL), faults, scatter_gather=scatter_gather)
        if request.param == "gRPC":
            servers.append(serve(board))
            device: Any = RemoteDevice(0, "127.0.0.1", servers[-1].port)
        else:
            device = PynqBoard(board)
        pynq.Device.active_device = device
        pynq.Clocks.set_device(device)
        return board, write_handoff(board, tmp_path)

    yield make
    for server in servers:
        server.stop()
