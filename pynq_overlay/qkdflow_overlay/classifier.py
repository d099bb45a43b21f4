"""The network on the device as a function of arrays: the letter's Algorithm 1, every wait with a deadline.

    1: fifo_flush   2: register_write(reset, 0)   3: loop: fifo_write every input word; read the result

A device is anything with the six methods of `Device`; `ComBlock` is one.
"""

from __future__ import annotations

import time
from typing import Protocol, Sequence

import numpy as np

from qkdflow_overlay.codec import Array, Codec
from qkdflow_overlay.comblock import FifoStatus
from qkdflow_overlay.errors import DeviceError, DeviceTimeout
from qkdflow_overlay.manifest import Manifest


class Device(Protocol):
    """What a classifier asks of a device."""

    name: str

    def flush(self) -> None:
        """Empty both FIFOs, output first, and clear their sticky bits."""

    def write_register(self, register: str, value: int) -> None:
        """Write a 32-bit register by its name in the manifest."""

    def read_register(self, register: str) -> int:
        """The unsigned 32-bit value of a register."""

    def write_fifo(self, words: Sequence[int]) -> None:
        """Send words to the network; no more than there is room for."""

    def read_fifo(self, count: int) -> Sequence[int]:
        """Receive words from the network; no more than are there."""

    def status(self) -> FifoStatus:
        """Both FIFOs' counts and flags; reading clears overflow and underflow."""


class Classifier:
    """Runs samples through a device. Each call starts with a reset: one after an error works as well."""

    def __init__(self, device: Device, manifest: Manifest, timeout_s: float = 1.0) -> None:
        self.device = device
        self.manifest = manifest
        self.timeout_s = timeout_s
        self.input = Codec(manifest.input)
        self.output = Codec(manifest.output)

    def reset(self) -> None:
        """Lines 1 and 2: with the network held in reset nothing refills what is flushed; then let it run."""
        reset = self.manifest.transport.reset
        self.device.write_register(reset, 1)
        self.device.flush()
        self.device.write_register(reset, 0)

    def run(self, codes: Array) -> Array:
        """Logit codes, int64 (n, outputs), of input codes (n, *shape). Raises DeviceTimeout, DeviceError."""
        words = self.input.pack(codes)
        self.reset()
        through = self._stream if self.manifest.transport.result == "fifo" else self._one_by_one
        return self.output.unpack(np.array(through(words), dtype=np.uint32))

    def predict(self, x: Array) -> Array:
        """Logits, float64 (n, outputs), of raw inputs (n, *shape)."""
        return self.output.decode(self.run(self.input.encode(x)))

    def classify(self, x: Array) -> Array:
        """The index of the largest logit of each sample, int64 (n,)."""
        return np.argmax(self.run(self.input.encode(x)).reshape(len(x), -1), axis=1)

    def _stream(self, words: Array) -> list[int]:
        """Line 3, with the FIFOs kept busy: send while there is room, read what has arrived."""
        queue, expected = words.reshape(-1).tolist(), len(words) * self.manifest.output.words
        sent = 0
        received: list[int] = []
        deadline = time.monotonic() + self.timeout_s
        while len(received) < expected:
            status = self._healthy_status()
            room = min(self.manifest.transport.ofifo_depth - status.sent, len(queue) - sent)
            ready = min(status.received, expected - len(received))
            if room > 0:
                self.device.write_fifo(queue[sent : sent + room])
                sent += room
            if ready > 0:
                received += self.device.read_fifo(ready)
            deadline = self._next_deadline(deadline, room > 0 or ready > 0, sent, len(queue), len(received), expected)
        return received

    def _one_by_one(self, words: Array) -> list[int]:
        """Line 3 as the letter prints it: a sample in, its result out of registers once they have changed."""
        transport, per_sample = self.manifest.transport, self.manifest.output.words
        first = transport.registers[str(transport.output)]
        received: list[int] = []
        before = self.device.read_register(str(transport.count))
        for i, sample in enumerate(words.tolist()):
            sent, deadline = 0, time.monotonic() + self.timeout_s
            while self.device.read_register(str(transport.count)) == before:
                room = min(transport.ofifo_depth - self._healthy_status().sent, len(sample) - sent)
                if room > 0:
                    self.device.write_fifo(sample[sent : sent + room])
                    sent += room
                deadline = self._next_deadline(deadline, room > 0, sent, len(sample), i, len(words))
            received += [self.device.read_register(f"IREG{first + j}") for j in range(per_sample)]
            before = self.device.read_register(str(transport.count))
        return received

    def _healthy_status(self) -> FifoStatus:
        status = self.device.status()
        if status.overflow or status.underflow:
            raise DeviceError(
                f"[{self.device.name}] FIFOs without overflow or underflow are required; got: {status}. "
                "Usual cause: another program uses the same ComBlock, or its depths are not the manifest's"
            )
        return status

    def _next_deadline(
        self, deadline: float, moved: bool, sent: int, to_send: int, received: int, expected: int
    ) -> float:
        now = time.monotonic()
        if moved:
            return now + self.timeout_s
        if now < deadline:
            return deadline
        raise DeviceTimeout(
            f"[{self.device.name}] a word must move within {self.timeout_s:g} s; {sent} of {to_send} sent, "
            f"{received} of {expected} received; FIFOs: {self.device.status()}. Usual cause: the network is "
            "not started or held in reset, or the bitstream belongs to another manifest"
        )
