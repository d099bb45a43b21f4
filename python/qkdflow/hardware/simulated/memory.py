"""Physical memory with a cache in front: what the processor wrote is seen by the DMA after a flush, and the
other way round after an invalidate, so that a driver that forgets either one fails here too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

BASE, ALIGNMENT = 0x1000_0000, 64


class BusError(Exception):
    """No memory answers at this address: what a DMA reports as a decode error."""


class Memory:
    """Allocates from 256 MB on; addresses are never used twice, so that a use after free is found."""

    def __init__(self) -> None:
        self.blocks: dict[int, NDArray[np.uint8]] = {}
        self._next = BASE

    def reserve(self, nbytes: int) -> int:
        """The address of new memory, filled with zeros."""
        address = self._next
        self._next += -(-max(nbytes, 1) // 4096) * 4096 + ALIGNMENT
        self.blocks[address] = np.zeros(nbytes, dtype=np.uint8)
        return address

    def free(self, address: int) -> None:
        del self.blocks[address]

    def view(self, address: int, nbytes: int) -> NDArray[np.uint8]:
        """What the hardware sees. BusError unless the whole range was reserved at once and not freed."""
        for base, block in self.blocks.items():
            if base <= address and address + nbytes <= base + len(block):
                return block[address - base : address - base + nbytes]
        raise BusError(f"[memory] no {nbytes} bytes at 0x{address:x}")

    def allocate(self, shape: tuple[int, ...], dtype: DTypeLike = np.uint32) -> Buffer:
        return Buffer(self, shape, dtype)


class Buffer(np.ndarray[Any, Any]):
    """A contiguous array as pynq.allocate gives it: device_address, flush, invalidate, freebuffer."""

    _memory: Memory
    device_address: int

    def __new__(cls, memory: Memory, shape: tuple[int, ...], dtype: DTypeLike) -> Buffer:
        self: Buffer = super().__new__(cls, shape, dtype)
        self.fill(0)
        self._memory, self.device_address = memory, memory.reserve(self.nbytes)
        return self

    @property
    def physical_address(self) -> int:
        return self.device_address

    def flush(self) -> None:
        self._memory.view(self.device_address, self.nbytes)[:] = np.frombuffer(self.tobytes(), dtype=np.uint8)

    def invalidate(self) -> None:
        seen = self._memory.view(self.device_address, self.nbytes)
        self[...] = np.frombuffer(seen.tobytes(), dtype=self.dtype).reshape(self.shape)

    def freebuffer(self) -> None:
        self._memory.free(self.device_address)
