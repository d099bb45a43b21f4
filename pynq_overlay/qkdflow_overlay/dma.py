"""One direction of Xilinx's AXI DMA by its registers (PG021), in simple and in scatter-gather mode.

Offsets from the channel's base (0x00 memory to stream, 0x30 stream to memory): DMACR 0x00 (bit 0 run, 2 reset),
DMASR 0x04 (bits below), CURDESC 0x08, TAILDESC 0x10, ADDRESS 0x18, LENGTH 0x28; the high halves of addresses
follow at +4. Writing LENGTH, or TAILDESC, starts a transfer.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from qkdflow_overlay.errors import DeviceError
from qkdflow_overlay.waiting import wait_until

SEND, RECEIVE = 0x00, 0x30
CONTROL, STATUS, CURRENT, TAIL, ADDRESS, LENGTH = 0x00, 0x04, 0x08, 0x10, 0x18, 0x28
RUN, RESET = 0x1, 0x4
HALTED, IDLE, ERRORS = 0x1, 0x2, 0x770
STATUS_WORDS = (
    (0x001, "halted"),
    (0x002, "idle"),
    (0x008, "scatter-gather built in"),
    (0x010, "internal error: the packet is longer than the buffer, or its length is 0"),
    (0x020, "slave error: the memory refused an access"),
    (0x040, "decode error: no memory at this address"),
    (0x100, "descriptor internal error: a finished descriptor was used again"),
    (0x200, "descriptor slave error"),
    (0x400, "descriptor decode error: no memory at the descriptor's address"),
    (0x1000, "complete"),
    (0x4000, "error interrupt"),
)
DESCRIPTOR_WORDS = 16  # 64 bytes each, and as much alignment
LAST, FIRST, COMPLETE = 1 << 26, 1 << 27, 1 << 31
RESET_S = 0.1


class DmaChannel:
    """A channel in simple mode. `limit`: bytes that its length register can count in one transfer."""

    def __init__(self, mmio: Any, base: int, length_bits: int) -> None:
        self._mmio, self._base = mmio, base
        self.name = "send" if base == SEND else "receive"
        self.limit = (1 << length_bits) - 1
        self._nbytes = 0

    def reset(self) -> None:
        """Abort whatever runs. A reset of either channel resets both; DeviceError where it does not end."""
        self._write(CONTROL, RESET)
        if not wait_until(lambda: not self._read(CONTROL) & RESET, RESET_S):
            raise DeviceError(f"[{self.name} channel] a reset must end within {RESET_S:g} s; the DMA has no clock")

    def begin(self, address: int, nbytes: int) -> None:
        """Start a transfer of `nbytes` from or to a physical address."""
        if not 0 < nbytes <= self.limit:
            raise DeviceError(
                f"[{self.name} channel] a transfer must have 1 to {self.limit} bytes; got {nbytes}. "
                "The length register counts no further: build the DMA with a wider one (up to 26 bits)"
            )
        self._run()
        self._write(STATUS, 0x1000)  # clears the last transfer's `complete`
        self._write64(ADDRESS, address)
        self._nbytes = nbytes
        self._write(LENGTH, nbytes)

    @property
    def status(self) -> int:
        return self._read(STATUS)

    def done(self) -> bool:
        """Whether the transfer is over, well or badly."""
        return bool(self.status & (IDLE | ERRORS | HALTED))

    def failed(self) -> bool:
        return bool(self.status & (ERRORS | HALTED))

    def moved(self) -> int:
        """Bytes of a finished transfer; a receive ends early where TLAST comes early."""
        return self._read(LENGTH) if self.name == "receive" else self._nbytes

    def __str__(self) -> str:
        status = self.status
        words = [] if status & (HALTED | IDLE) else ["busy"]
        words += [word for bit, word in STATUS_WORDS if status & bit]
        return f"{self.name} channel: status 0x{status:05x} ({'; '.join(words)})"

    def release(self) -> None:
        """Free what `begin` allocated: nothing in simple mode."""

    def _run(self) -> None:
        self._write(CONTROL, RUN)
        if not wait_until(lambda: not self.status & HALTED, RESET_S):
            raise DeviceError(f"[{self}] must leave `halted` once it is started; reset the board")

    def _read(self, offset: int) -> int:
        return int(self._mmio.read(self._base + offset)) & 0xFFFFFFFF

    def _write(self, offset: int, value: int) -> None:
        self._mmio.write(self._base + offset, value)

    def _write64(self, offset: int, address: int) -> None:
        self._write(offset, address & 0xFFFFFFFF)
        self._write(offset + 4, address >> 32)


class ScatterGatherChannel(DmaChannel):
    """A channel in scatter-gather mode: a packet is a chain of descriptors, none longer than `limit`."""

    def __init__(self, mmio: Any, base: int, length_bits: int, allocate: Callable[..., Any]) -> None:
        super().__init__(mmio, base, length_bits)
        self._allocate = allocate
        self._chain: Any = None
        self._piece = self.limit // 64 * 64

    def begin(self, address: int, nbytes: int) -> None:
        pieces = [(at, min(self._piece, nbytes - at)) for at in range(0, nbytes, self._piece)]
        self.release()
        # One more than needed: the buffer may start within the 64 bytes that a descriptor is aligned to.
        self._chain = self._allocate(((len(pieces) + 1) * DESCRIPTOR_WORDS,), np.uint32)
        skipped = -_address(self._chain) % 64
        first = _address(self._chain) + skipped
        self._ring = np.asarray(self._chain)[skipped // 4 :][: len(pieces) * DESCRIPTOR_WORDS].reshape(-1, 16)
        self._ring[:] = 0
        for i, (at, size) in enumerate(pieces):
            following, target = first + 64 * (i + 1) % (64 * len(pieces)), address + at
            self._ring[i, :4] = following & 0xFFFFFFFF, following >> 32, target & 0xFFFFFFFF, target >> 32
            self._ring[i, 6] = size | (FIRST if i == 0 else 0) | (LAST if i == len(pieces) - 1 else 0)
        self._chain.flush()
        self._write(CONTROL, 0)  # CURDESC can be written only while the channel is halted
        if not wait_until(lambda: bool(self.status & HALTED), RESET_S):
            raise DeviceError(f"[{self}] must halt once it is stopped; reset the board")
        self._write64(CURRENT, first)
        self._run()
        self._write(STATUS, 0x1000)
        self._write64(TAIL, first + 64 * (len(pieces) - 1))

    def done(self) -> bool:
        """An early TLAST ends a packet before the tail: the descriptor that holds it is the last complete one."""
        if self.failed():
            return True
        self._chain.invalidate()
        done = self._ring[:, 7] & COMPLETE != 0
        ended = done.all() or (self.name == "receive" and bool((done & (self._ring[:, 7] & LAST != 0)).any()))
        return bool(ended)

    def moved(self) -> int:
        self._chain.invalidate()
        done = self._ring[:, 7] & COMPLETE != 0
        return int((self._ring[done, 7] & 0x3FFFFFF).sum())

    def release(self) -> None:
        if self._chain is not None:
            self._chain.freebuffer()
            self._chain = None


def _address(buffer: Any) -> int:
    return int(buffer.device_address)
