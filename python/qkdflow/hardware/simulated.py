"""A simulated board: ComBlock's registers and FIFOs at word level, with a network behind them.

It answers reads and writes at byte offsets, as the AXI-Lite port of the real core does (register map and
status bits: qkdflow_overlay.comblock; the real VHDL gave 0x7 then 0x3 on underflow, 0x400007 then 0x400003 on
overflow of 64 words). What it does not show: clocks, caches, interrupts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
from qkdflow_overlay import Codec, ComBlock, Manifest, load_manifest
from qkdflow_overlay.comblock import REGISTERS

from qkdflow import reference
from qkdflow.export.csim import Csim, compiler_problem, load_csim
from qkdflow.export.hls import HlsProject
from qkdflow.fixed import Codes, FixedModel

Network = Callable[[Codes], Codes]  # input codes (n, *shape) -> logit codes (n, outputs)

_IREG, _OREG = range(16), range(16, 32)
_WORD = 0xFFFFFFFF


def csim_network(csim: Csim) -> Network:
    """The compiled project as a function of codes."""
    fixed = csim.project.fixed
    return lambda codes: fixed.output_type.encode(csim.predict(fixed.input_type.decode(codes)))


def reference_network(fixed: FixedModel) -> Network:
    """The NumPy reference as a function of codes."""
    return lambda codes: reference.run(fixed, codes)


def simulated_device(overlay: str | Path, project: HlsProject) -> ComBlock:
    """The driver of a simulated board that carries `project`: csim, or the reference without a compiler."""
    manifest = load_manifest(Path(overlay) / "manifest.json")
    if compiler_problem() is None:
        network, behind = csim_network(load_csim(project)), f"hls4ml csim, {project.config.backend}"
    else:
        network, behind = reference_network(project.fixed), "int64 reference, no compiler"
    board = SimulatedComBlock(manifest, network)
    return ComBlock(board, manifest.transport, f"simulated ComBlock ({behind})")


class SimulatedComBlock:
    """The core and, behind it, a network that works whenever it has a sample and room for its result."""

    def __init__(self, manifest: Manifest, network: Network) -> None:
        self._manifest, self._network = manifest, network
        self._input, self._output = Codec(manifest.input), Codec(manifest.output)
        self._ofifo: deque[int] = deque()  # processor to network
        self._ififo: deque[int] = deque()  # network to processor
        self._sample: list[int] = []  # words the network has taken
        self._registers = dict.fromkeys((*_IREG, *_OREG), 0)
        self._overflow = self._underflow = False

    def read(self, offset: int) -> int:
        """A 32-bit word; 0 where the core has no register."""
        word = offset // 4
        if word == REGISTERS["IFIFO_VALUE"]:
            return self._take()
        if word == REGISTERS["IFIFO_STATUS"]:
            count, self._underflow, flag = len(self._ififo), False, self._underflow
            return count << 16 | flag << 2 | (count <= 1) << 1 | (count == 0)
        if word == REGISTERS["OFIFO_STATUS"]:
            count, self._overflow, flag = len(self._ofifo), False, self._overflow
            room = self._manifest.transport.ofifo_depth - count
            return count << 16 | flag << 2 | (room <= 1) << 1 | (room == 0)
        return self._registers.get(word, 0)

    def write(self, offset: int, value: int) -> None:
        word = offset // 4
        if word == REGISTERS["OFIFO_VALUE"]:
            if len(self._ofifo) >= self._manifest.transport.ofifo_depth:
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
        transport = self._manifest.transport
        if self._registers[transport.registers[transport.reset]] == 1:
            self._sample.clear()
            if transport.count is not None:
                self._registers[transport.registers[transport.count]] = 0
            return
        need = self._manifest.input.words
        while True:
            while self._ofifo and len(self._sample) < need:
                self._sample.append(self._ofifo.popleft())
            if len(self._sample) < need or not self._room():
                return
            words = np.array([self._sample], dtype=np.uint32)
            self._sample.clear()
            codes = self._network(self._input.unpack(words)).reshape(1, *self._manifest.output.shape)
            self._give(self._output.pack(codes)[0].tolist())

    def _room(self) -> bool:
        transport = self._manifest.transport
        return transport.result != "fifo" or transport.ififo_depth - len(self._ififo) >= self._manifest.output.words

    def _give(self, words: list[int]) -> None:
        transport = self._manifest.transport
        if transport.result == "fifo":
            self._ififo.extend(words)
            return
        first, count = transport.registers[str(transport.output)], transport.registers[str(transport.count)]
        self._registers.update({first + j: word for j, word in enumerate(words)})
        self._registers[count] = self._registers[count] + 1 & _WORD
