"""A simulated HLS core: its ap_ctrl register, its AXI streams, or its AXI-Lite arrays, with a network behind them.

The stream behaves as the wrapper of the hand-over does: a packet is a batch; TLAST goes through with the last
result; a sample that TLAST cuts short is filled with zeros.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from qkdflow_overlay import Codec, LiteTransport, Manifest
from qkdflow_overlay.control import AUTO_RESTART, DONE, IDLE, READY, START

from qkdflow.fixed import Codes
from qkdflow.hardware.simulated.faults import Faults

Network = Callable[[Codes], Codes]  # input codes (n, *shape) -> logit codes (n, outputs)
Words = NDArray[np.uint32]


class Core:
    """A network as a function of words, with the faults that touch its results."""

    def __init__(self, manifest: Manifest, network: Network, faults: Faults) -> None:
        self._manifest, self._network, self._faults = manifest, network, faults
        self._input, self._output = Codec(manifest.input), Codec(manifest.output)

    def __call__(self, words: Words) -> Words:
        """Result words (n, output words) of input words (n, input words)."""
        codes = self._network(self._input.unpack(words)).reshape(len(words), *self._manifest.output.shape)
        result: Words = self._output.pack(codes)
        if self._faults.strikes("bit flip"):
            result[len(result) // 2, 0] ^= 1
        return result

    def delay(self) -> float:
        """When the next result is there, as a time of the monotonic clock."""
        return time.monotonic() + (self._faults.slow_s if self._faults.strikes("slow network") else 0.0)


class Control:
    """ap_ctrl as the AXI-Lite port shows it; `done` is cleared by reading."""

    def __init__(self) -> None:
        self.started = self.auto_restart = self.done = False

    def read(self) -> int:
        value = START * self.started | DONE * self.done | AUTO_RESTART * self.auto_restart
        value |= 0 if self.started else IDLE
        value |= READY * self.done
        self.done = False
        return value

    def write(self, value: int) -> None:
        self.auto_restart = bool(value & AUTO_RESTART)
        self.started = self.started or bool(value & START)

    def finish(self) -> None:
        self.done, self.started = True, self.auto_restart


class StreamNetwork:
    """The core between two AXI streams. `send` and `receive` are what a DMA's channels do."""

    def __init__(self, manifest: Manifest, network: Network, faults: Faults, free_running: bool) -> None:
        self._core, self._faults, self._free_running = Core(manifest, network, faults), faults, free_running
        self._n_in, self._n_out = manifest.input.words, manifest.output.words
        self._control = Control()
        self._input: deque[tuple[Words, bool]] = deque()  # what was sent, and whether TLAST is on its last word
        self._rest: Words = np.empty(0, dtype=np.uint32)  # the beginning of a sample
        self._output: deque[tuple[Words, bool, float]] = deque()  # words, TLAST on the last, when they are there

    def read(self, offset: int) -> int:
        self.work()
        return self._control.read() if offset == 0 else 0

    def write(self, offset: int, value: int) -> None:
        if offset == 0:
            self._control.write(value)
        self.work()

    def send(self, words: Words, last: bool) -> None:
        self._input.append((words, last))
        self.work()

    @property
    def has_taken_all(self) -> bool:
        self.work()
        return not self._input

    def receive(self, most: int) -> tuple[Words, bool]:
        """At most `most` words that are there now, and whether TLAST is on the last of them."""
        if not self._output or self._output[0][2] > time.monotonic():
            return np.empty(0, dtype=np.uint32), False
        words, last, ready = self._output.popleft()
        if len(words) > most:
            self._output.appendleft((words[most:], last, ready))
            return words[:most], False
        return words, last

    def work(self) -> None:
        """Take what was sent while the core runs."""
        while self._input and (self._free_running or self._control.started):
            words, last = self._input.popleft()
            words = np.concatenate([self._rest, words])
            if last:
                words = np.concatenate([words, np.zeros(-len(words) % self._n_in, dtype=np.uint32)])
            whole = len(words) // self._n_in * self._n_in
            self._rest = words[whole:]
            self._give(words[:whole].reshape(-1, self._n_in), last)
            if last:
                self._control.finish()

    def _give(self, samples: Words, last: bool) -> None:
        if len(samples) == 0:
            return
        result = self._core(samples).reshape(-1)
        if last and self._faults.strikes("short packet"):
            result = result[: -self._n_out]
        last = last and not self._faults.strikes("missing TLAST")
        self._output.append((result, last, self._core.delay()))


class LiteNetwork:
    """The core behind AXI-Lite arrays: a start takes the input words, `done` says that the output words are there."""

    def __init__(self, manifest: Manifest, network: Network, faults: Faults) -> None:
        if not isinstance(manifest.transport, LiteTransport):
            raise TypeError(f"[simulated core] an axi_lite transport is required; got {manifest.transport.kind}")
        self._core, self._faults, self._transport = Core(manifest, network, faults), faults, manifest.transport
        self._control = Control()
        self._in = np.zeros(manifest.input.words, dtype=np.uint32)
        self._out = np.zeros(manifest.output.words, dtype=np.uint32)
        self._ready: float | None = None

    def read(self, offset: int) -> int:
        if self._ready is not None and self._ready <= time.monotonic():
            self._ready = None
            self._control.finish()
        if offset == 0:
            return self._control.read()
        word = (offset - self._transport.output_offset) // 4
        return int(self._out[word]) if 0 <= word < len(self._out) else 0

    def write(self, offset: int, value: int) -> None:
        word = (offset - self._transport.input_offset) // 4
        if 0 <= word < len(self._in):
            self._in[word] = value
        if offset == 0:
            was = self._control.started
            self._control.write(value)
            if self._control.started and not was and not self._faults.strikes("stuck network"):
                self._out[:] = self._core(self._in[None])[0]
                self._ready = self._core.delay()
