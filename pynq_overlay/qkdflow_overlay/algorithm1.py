"""The letter's Algorithm 1 on a ComBlock, every wait with a deadline.

1: fifo_flush   2: register_write(reset, 0)   3: loop: fifo_write every input word; read the result
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from qkdflow_overlay.comblock import ComBlock, FifoStatus
from qkdflow_overlay.device import Words
from qkdflow_overlay.errors import DeviceError, DeviceTimeout, ManifestError
from qkdflow_overlay.manifest import Manifest
from qkdflow_overlay.transports import ComBlockTransport


class Algorithm1:
    """A `Device` over a ComBlock, or over anything with its methods. Each call starts with flush and reset."""

    def __init__(self, comblock: Any, manifest: Manifest, timeout_s: float = 1.0) -> None:
        if not isinstance(manifest.transport, ComBlockTransport):
            raise ManifestError(
                f"[{comblock.name}] a manifest with a comblock transport is required; got {manifest.transport.kind}"
            )
        self.name, self.timeout_s, self.waited_s = str(comblock.name), timeout_s, 0.0
        self._comblock, self._transport = comblock, manifest.transport
        self._comblock.ofifo_depth = manifest.transport.ofifo_depth
        self._per_result = manifest.output.words

    @classmethod
    def over(cls, mmio: Any, manifest: Manifest, timeout_s: float = 1.0, name: str = "ComBlock") -> Algorithm1:
        """On the registers `mmio`: anything with read(byte_offset) -> int and write(byte_offset, value)."""
        return cls(ComBlock(mmio, name), manifest, timeout_s)

    def reset(self) -> None:
        """Lines 1 and 2: with the network held in reset nothing refills what is flushed; then let it run."""
        self._comblock.write_register(self._transport.reset, 1)
        self._comblock.flush()
        self._comblock.write_register(self._transport.reset, 0)

    def run(self, words: Words) -> Words:
        """Result words (n, words a result) of input words (n, words a sample). Raises DeviceError."""
        self.waited_s, self._looked_at = 0.0, time.monotonic()
        self.reset()
        through = self._stream if self._transport.result == "fifo" else self._one_by_one
        return np.array(through(words), dtype=np.uint32).reshape(len(words), self._per_result)

    def _stream(self, words: Words) -> list[int]:
        """Line 3, with the FIFOs kept busy: send while there is room, read what has arrived."""
        queue, expected = words.reshape(-1).tolist(), len(words) * self._per_result
        sent = 0
        received: list[int] = []
        moved_at = time.monotonic()
        while len(received) < expected:
            status = self._healthy_status()
            room = min(self._transport.ofifo_depth - status.sent, len(queue) - sent)
            ready = min(status.received, expected - len(received))
            if room > 0:
                self._comblock.write_fifo(queue[sent : sent + room], status)
                sent += room
            if ready > 0:
                received += self._comblock.read_fifo(ready, status)
            moved_at = self._still(moved_at, room > 0 or ready > 0, sent, len(queue), len(received), expected)
        return received

    def _one_by_one(self, words: Words) -> list[int]:
        """Line 3 as the letter prints it: a sample in, its result out of registers once they have changed."""
        transport, read = self._transport, self._comblock.read_register
        first = transport.registers[str(transport.output)]
        received: list[int] = []
        before = read(str(transport.count))
        for i, sample in enumerate(words.tolist()):
            sent, moved_at = 0, time.monotonic()
            while read(str(transport.count)) == before:
                status = self._healthy_status()
                room = min(transport.ofifo_depth - status.sent, len(sample) - sent)
                if room > 0:
                    self._comblock.write_fifo(sample[sent : sent + room], status)
                    sent += room
                moved_at = self._still(moved_at, room > 0, sent, len(sample), i, len(words))
            received += [read(f"IREG{first + j}") for j in range(self._per_result)]
            before = read(str(transport.count))
        return received

    def _healthy_status(self) -> FifoStatus:
        status: FifoStatus = self._comblock.status()
        if status.overflow or status.underflow:
            raise DeviceError(
                f"[{self.name}] FIFOs without overflow or underflow are required; got: {status}. "
                "Usual cause: another program uses the same ComBlock, or its depths are not the manifest's"
            )
        return status

    def _still(self, moved_at: float, moved: bool, sent: int, to_send: int, received: int, expected: int) -> float:
        """The time of the last word that moved. DeviceTimeout where that is too long ago."""
        now = time.monotonic()
        if moved:
            self._looked_at = now
            return now
        self.waited_s += now - self._looked_at
        self._looked_at = now
        if now - moved_at < self.timeout_s:
            return moved_at
        raise DeviceTimeout(
            f"[{self.name}] a word must move within {self.timeout_s:g} s; {sent} of {to_send} sent, "
            f"{received} of {expected} received; FIFOs: {self._comblock.status()}. Usual cause: the network is "
            "not started or held in reset, or the bitstream belongs to another manifest"
        )
