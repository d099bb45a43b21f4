"""A simulated board inside the process, for PYNQ's own classes, unmodified: Overlay, MMIO, DMA, allocate, register_map.

Needs pynq 4 (and NumPy < 2). Set `pynq.Device.active_device = PynqBoard(board)`, or give it to Overlay as `device`.
"""

from __future__ import annotations

import ctypes
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pynq.buffer import PynqBuffer
from pynq.pl_server.device import Device
from pynqmetadata.frontends import Metadata
from pynqmetadata.views.runtime import RuntimeMetadataParser

from qkdflow.hardware.simulated.board import SimulatedBoard
from qkdflow.hardware.simulated.handoff import SYSTEM_REGISTERS
from qkdflow.hardware.simulated.memory import BusError


class _Buffer(PynqBuffer):  # type: ignore[misc]
    """PYNQ's buffer, given back to the board's memory where PYNQ would unmap the processor's."""

    def freebuffer(self) -> None:
        free = self.__dict__.pop("free", None)  # views have none
        if free is not None:
            free()


class PynqBoard(Device):  # type: ignore[misc]
    """PYNQ's view of a SimulatedBoard. Registers of the processing system (clocks) hold what is written."""

    def __init__(self, board: SimulatedBoard, tag: str = "simulated") -> None:
        super().__init__(tag)
        self.board, self.name, self.arch = board, tag, "armv7l"
        self.capabilities = {"REGISTER_RW": True}
        self._system = dict(SYSTEM_REGISTERS)

    def read_registers(self, address: int, length: int) -> bytes:
        return b"".join(self._read(at).to_bytes(4, "little") for at in range(address, address + length, 4))

    def write_registers(self, address: int, data: bytes) -> None:
        for at, word in enumerate(np.frombuffer(bytes(data), dtype="<u4").tolist()):
            try:
                self.board.write(address + 4 * at, word)
            except BusError:
                self._system[address + 4 * at] = word

    def _read(self, address: int) -> int:
        try:
            return self.board.read(address)
        except BusError:
            return self._system.get(address, 0)

    def allocate(self, shape: Any, dtype: Any, **_: Any) -> PynqBuffer:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        address = self.board.memory.reserve(size)
        buffer = _Buffer(shape, dtype, device=self, device_address=address, bo=address, coherent=False)
        buffer[...] = 0
        buffer.free = partial(self.board.memory.free, address)
        return buffer

    def flush(self, bo: int, offset: int, virtual_address: int, nbytes: int) -> None:
        seen = self.board.memory.view(bo + offset, nbytes)
        ctypes.memmove(seen.ctypes.data, virtual_address, nbytes)

    def invalidate(self, bo: int, offset: int, virtual_address: int, nbytes: int) -> None:
        seen = self.board.memory.view(bo + offset, nbytes)
        ctypes.memmove(virtual_address, seen.ctypes.data, nbytes)

    def get_bitfile_metadata(self, bitfile_name: str) -> Any:
        parser = RuntimeMetadataParser(Metadata(input=str(Path(bitfile_name).with_suffix(".hwh"))))
        parser.refresh_hierarchy_dict()
        return parser

    def download(self, bitstream: Any, parser: Any = None) -> None:
        super().post_download(bitstream, parser)
