"""A simulated AXI DMA (PG021): two channels, simple or scatter-gather, between memory and a core's streams."""

from __future__ import annotations

import time

import numpy as np
from qkdflow_overlay.dma import (
    ADDRESS,
    COMPLETE,
    CONTROL,
    CURRENT,
    HALTED,
    IDLE,
    LAST,
    LENGTH,
    RECEIVE,
    RESET,
    RUN,
    SEND,
    STATUS,
    TAIL,
)

from qkdflow.hardware.simulated.faults import Faults
from qkdflow.hardware.simulated.memory import BusError, Memory
from qkdflow.hardware.simulated.network import StreamNetwork

INTERNAL, SLAVE, DECODE, DESCRIPTOR_DECODE = 0x10, 0x20, 0x40, 0x400
INCLUDES_SG, COMPLETE_INTERRUPT = 0x8, 0x1000


class Channel:
    """The registers of one direction; `move` is what happens while the transfer runs."""

    def __init__(self, memory: Memory, network: StreamNetwork, faults: Faults, limit: int, scatter: bool) -> None:
        self._memory, self._network, self._faults = memory, network, faults
        self._limit, self._scatter = limit, scatter
        self.reset()

    def reset(self) -> None:
        self.running, self.busy, self.first = False, False, True
        self.errors, self.complete, self.stuck = 0, False, False
        self.length = 0
        self._pointers = {ADDRESS: 0, CURRENT: 0, TAIL: 0}
        self._pieces: list[tuple[int, int, int | None]] = []  # address, bytes, descriptor
        self._begin_state()

    def _begin_state(self) -> None:
        """What a transfer starts with beside its pieces."""

    def read(self, offset: int) -> int:
        if offset == CONTROL:
            return RUN * self.running
        if offset == STATUS:
            idle = self.running and not self.busy and not self.first
            status = HALTED * (not self.running) | IDLE * idle | INCLUDES_SG * self._scatter | self.errors
            return status | COMPLETE_INTERRUPT * self.complete
        if offset == LENGTH:
            return self.length
        for base in (CURRENT, TAIL, ADDRESS):
            if offset in (base, base + 4):
                return self._pointers[base] >> 8 * (offset - base) & 0xFFFFFFFF
        return 0

    def write(self, offset: int, value: int) -> None:
        if offset == CONTROL:
            self.running = bool(value & RUN) and not self.errors
            self.busy = self.busy and self.running
        elif offset == STATUS:
            self.complete = self.complete and not value & COMPLETE_INTERRUPT
        elif offset == LENGTH and not self._scatter and self.running and not self.busy:
            self.length = value & self._limit
            self._start([(self._pointers[ADDRESS], self.length, None)])
        for base in (CURRENT, TAIL, ADDRESS):
            if offset in (base, base + 4):
                shift = 8 * (offset - base)
                self._pointers[base] = self._pointers[base] & ~(0xFFFFFFFF << shift) | value << shift
        if offset == TAIL and self._scatter and self.running and not self.busy:
            self._follow()

    def _follow(self) -> None:
        """The chain from CURRENT to TAIL; a 32-bit driver writes the low half alone."""
        pieces: list[tuple[int, int, int | None]] = []
        at = self._pointers[CURRENT]
        try:
            if self._faults.strikes("descriptor error"):
                raise BusError
            while True:
                words = self._memory.view(at, 52).view(np.uint32)
                pieces.append((int(words[2]) | int(words[3]) << 32, int(words[6]) & self._limit, at))
                if at == self._pointers[TAIL]:
                    break
                at = int(words[0]) | int(words[1]) << 32
        except BusError:
            self.fail(DESCRIPTOR_DECODE)
            return
        self._start(pieces)

    def _start(self, pieces: list[tuple[int, int, int | None]]) -> None:
        self.busy, self.first, self.complete, self._pieces = True, False, False, pieces
        self._begin_state()
        if any(nbytes == 0 for _, nbytes, _ in pieces):
            self.fail(INTERNAL)

    def fail(self, error: int) -> None:
        self.errors, self.running, self.busy = error, False, False

    def finish(self) -> None:
        self.busy, self.complete = False, True

    def _mark(self, descriptor: int | None, nbytes: int, last: bool) -> None:
        if descriptor is not None:
            status = self._memory.view(descriptor, 52).view(np.uint32)
            status[7] = COMPLETE | (LAST if last else 0) | nbytes


class SendChannel(Channel):
    def _begin_state(self) -> None:
        self._sent = False

    def move(self) -> None:
        if not self.busy or self.stuck:
            return
        try:
            if not self._sent:
                self.stuck = self._faults.strikes("stuck send")
                if self.stuck:
                    return
                if self._faults.strikes("send error"):
                    raise BusError
                data = [
                    self._memory.view(address, nbytes).view(np.uint32).copy() for address, nbytes, _ in self._pieces
                ]
                self._network.send(np.concatenate(data), True)
                self._sent = True
        except BusError:
            self.fail(DECODE)
            return
        if self._network.has_taken_all:
            for i, (_, nbytes, descriptor) in enumerate(self._pieces):
                self._mark(descriptor, nbytes, i == len(self._pieces) - 1)
            self.finish()


class ReceiveChannel(Channel):
    def _begin_state(self) -> None:
        self._piece, self._filled = 0, 0

    def move(self) -> None:
        if not self.busy or self.stuck:
            return
        if self._piece == 0 and self._filled == 0:
            self.stuck = self._faults.strikes("stuck receive")
            if self._faults.strikes("receive error"):
                self.fail(SLAVE)
            elif self._faults.strikes("halted"):
                self.running = self.busy = False
        while self.busy and not self.stuck:
            address, nbytes, descriptor = self._pieces[min(self._piece, len(self._pieces) - 1)]
            words, last = self._network.receive(max(1, (nbytes - self._filled) // 4))
            if len(words) == 0:
                return
            if self._piece == len(self._pieces) or self._filled == nbytes:
                self.fail(INTERNAL)  # the packet is longer than the buffer
                return
            try:
                self._memory.view(address + self._filled, 4 * len(words)).view(np.uint32)[:] = words
            except BusError:
                self.fail(DECODE)
                return
            self._filled += 4 * len(words)
            if last or (self._filled == nbytes and self._piece < len(self._pieces) - 1):
                self._mark(descriptor, self._filled, last)
                self.length = self._filled
                self._piece, self._filled = self._piece + 1, 0
            if last:
                self.finish()


class SimulatedDma:
    """Both channels; every access lets them move what can move."""

    def __init__(
        self,
        memory: Memory,
        network: StreamNetwork,
        faults: Faults,
        length_bits: int = 26,
        scatter_gather: bool = False,
    ) -> None:
        limit = (1 << length_bits) - 1
        self.send = SendChannel(memory, network, faults, limit, scatter_gather)
        self.receive = ReceiveChannel(memory, network, faults, limit, scatter_gather)

    def read(self, offset: int) -> int:
        self._move()
        time.sleep(0)  # lets a thread that injects a fault or an interrupt have its turn
        channel, base = self._channel(offset)
        return channel.read(offset - base)

    def write(self, offset: int, value: int) -> None:
        channel, base = self._channel(offset)
        if offset - base == CONTROL and value & RESET:
            self.send.reset()
            self.receive.reset()
        else:
            channel.write(offset - base, value)
        self._move()

    def _channel(self, offset: int) -> tuple[Channel, int]:
        return (self.send, SEND) if offset < RECEIVE else (self.receive, RECEIVE)

    def _move(self) -> None:
        self.send.move()
        self.receive.move()
