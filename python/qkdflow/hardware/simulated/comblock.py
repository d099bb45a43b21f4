"""A simulated ComBlock: registers and FIFOs at word level, with a network behind them.

It answers reads and writes at byte offsets, as the AXI-Lite port of the real core does (register map and
status bits: qkdflow_overlay.comblock; the real VHDL gave 0x7 then 0x3 on underflow, 0x400007 then 0x400003 on
overflow of 64 words). What it does not show: clocks, caches, interrupts.
"""

from __future__ import annotations

import time
from collections import deque

import numpy as np
from qkdflow_overlay import ComBlockTransport, Manifest
from qkdflow_overlay.comblock import REGISTERS

from qkdflow.hardware.simulated.faults import Faults
from qkdflow.hardware.simulated.network import Core, Network

_IREG, _OREG = range(16), range(16, 32)
_WORD = 0xFFFFFFFF


class SimulatedComBlock:
    """The core and, behind it, a network that works whenever it has a sample and room for its result."""

    def __init__(self, manifest: Manifest, network: Network, faults: Faults | None = None) -> None:
        if not isinstance(manifest.transport, ComBlockTransport):
            raise TypeError(f"[simulated ComBlock] a comblock transport is required; got {manifest.transport.kind}")
        self._manifest, self._transport = manifest, manifest.transport
        self._faults = faults or Faults()
        self._core = Core(manifest, network, self._faults)
        self._stuck = False
        self._finished: tuple[list[int], float] | None = None  # a result that waits for room or for its time
        self._ofifo: deque[int] = deque()  # processor to network
        self._ififo: deque[int] = deque()  # network to processor
        self._sample: list[int] = []  # words the network has taken
        self._registers = dict.fromkeys((*_IREG, *_OREG), 0)
        self._overflow = self._underflow = False

    def read(self, offset: int) -> int:
        """A 32-bit word; 0 where the core has no register."""
        word = offset // 4
        self._run()
        if word == REGISTERS["IFIFO_VALUE"]:
            return self._take()
        if word == REGISTERS["IFIFO_STATUS"]:
            self._underflow |= self._faults.strikes("underflow")
            count, self._underflow, flag = len(self._ififo), False, self._underflow
            return count << 16 | flag << 2 | (count <= 1) << 1 | (count == 0)
        if word == REGISTERS["OFIFO_STATUS"]:
            self._overflow |= self._faults.strikes("overflow")
            count, self._overflow, flag = len(self._ofifo), False, self._overflow
            room = self._transport.ofifo_depth - count
            return count << 16 | flag << 2 | (room <= 1) << 1 | (room == 0)
        return self._registers.get(word, 0)

    def write(self, offset: int, value: int) -> None:
        word = offset // 4
        if word == REGISTERS["OFIFO_VALUE"]:
            if len(self._ofifo) >= self._transport.ofifo_depth:
                self._overflow = True
            else:
                self._ofifo.append(value & _WORD)
        elif word == REGISTERS["OFIFO_CONTROL"]:
            self._ofifo.clear()
        elif word == REGISTERS["IFIFO_CONTROL"]:
            self._ififo.clear()
        elif word in _OREG:
            self._registers[word] = value & _WORD
        self._run()

    def _take(self) -> int:
        if not self._ififo:
            self._underflow = True
            return 0
        value = self._ififo.popleft()
        self._run()
        return value

    def _run(self) -> None:
        """Let the network work until it waits: for words, for room, or for the end of its reset."""
        transport = self._transport
        if self._registers[transport.registers[transport.reset]] == 1:
            self._sample.clear()
            self._stuck, self._finished = False, None
            if transport.count is not None:
                self._registers[transport.registers[transport.count]] = 0
            return
        while not self._stuck and self._deliver():
            while self._ofifo and len(self._sample) < self._manifest.input.words:
                self._sample.append(self._ofifo.popleft())
            if len(self._sample) < self._manifest.input.words:
                return
            words = np.array([self._sample], dtype=np.uint32)
            self._sample.clear()
            self._stuck = self._faults.strikes("stuck network")
            self._finished = (self._core(words)[0].tolist(), self._core.delay())

    def _deliver(self) -> bool:
        """Hand over the finished result, if there is one, where its time has come and it has room."""
        if self._finished is None:
            return True
        words, ready = self._finished
        transport = self._transport
        full = transport.result == "fifo" and transport.ififo_depth - len(self._ififo) < len(words)
        if full or ready > time.monotonic():
            return False
        self._give(words)
        self._finished = None
        return True

    def _give(self, words: list[int]) -> None:
        transport = self._transport
        if transport.result == "fifo":
            self._ififo.extend(words)
            return
        first, count = transport.registers[str(transport.output)], transport.registers[str(transport.count)]
        self._registers.update({first + j: word for j, word in enumerate(words)})
        self._registers[count] = self._registers[count] + 1 & _WORD
