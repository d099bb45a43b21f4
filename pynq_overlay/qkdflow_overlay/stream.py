"""The network as an AXI stream behind a DMA: whole batches as packets, receive armed before send.

A packet is a batch: TLAST on its last word goes in with the DMA's transfer and comes out with the last result.
"""

from __future__ import annotations

import time
from typing import Any, Callable

import numpy as np

from qkdflow_overlay.control import ApCtrl
from qkdflow_overlay.device import Words
from qkdflow_overlay.dma import RECEIVE, SEND, DmaChannel, ScatterGatherChannel
from qkdflow_overlay.errors import DeviceError, DeviceTimeout
from qkdflow_overlay.manifest import Manifest
from qkdflow_overlay.waiting import wait_until

PROBES = (2, 3, 4, 5, 6, 7, 8, 9)  # rows
STALE_ROWS = 64  # that are thrown away at once
UNTOUCHED = 0x5AFEC0DE  # fills the receive buffer, so that a stalled transfer can say how far it came
PATIENCE = 4  # timeouts that a network may take to finish what an aborted call gave it
CHAIN_BYTES = 1 << 22  # of a scatter-gather packet: contiguous memory is scarce


class DmaStream:
    """A `Device` over an AXI DMA.

    mmio: the DMA's registers, anything with read(byte_offset) -> int and write(byte_offset, value). allocate:
    (shape, dtype) -> a physically contiguous array with device_address, flush(), invalidate(), freebuffer().
    timeout_s: for one packet, which is as much of the batch as the DMA's length register counts.
    """

    def __init__(
        self,
        mmio: Any,
        control: ApCtrl,
        manifest: Manifest,
        allocate: Callable[..., Any],
        length_bits: int,
        scatter_gather: bool = False,
        timeout_s: float = 5.0,
        name: str = "AXI DMA",
    ) -> None:
        self.name, self.timeout_s, self.waited_s = name, timeout_s, 0.0
        self._control, self._allocate = control, allocate
        self._in, self._out = manifest.input.words, manifest.output.words
        if scatter_gather:
            self._send: DmaChannel = ScatterGatherChannel(mmio, SEND, length_bits, allocate)
            self._receive: DmaChannel = ScatterGatherChannel(mmio, RECEIVE, length_bits, allocate)
        else:
            self._send, self._receive = DmaChannel(mmio, SEND, length_bits), DmaChannel(mmio, RECEIVE, length_bits)
        limit = CHAIN_BYTES if scatter_gather else self._send.limit
        self.rows = limit // (4 * max(self._in, self._out))
        if self.rows == 0:
            raise DeviceError(
                f"[{name}] a sample of {self._in} words and its result of {self._out} must fit one transfer of {limit} "
                f"bytes. Build the DMA with a length register wider than {length_bits} bits, or with scatter-gather"
            )
        self._probes = 0
        self._clean = False  # nothing is known of what the last program left

    def run(self, words: Words) -> Words:
        """Result words (n, words a result) of input words (n, words a sample). Raises DeviceError."""
        self.waited_s = 0.0
        results = np.empty((len(words), self._out), dtype=np.uint32)
        if len(words) == 0:
            return results
        rows = min(self.rows, len(words))
        if not self._clean:
            self._recover()
        self._clean = False
        buffers: list[Any] = []
        try:
            source = self._take(buffers, rows * self._in)
            target = self._take(buffers, rows * self._out)
            for at in range(0, len(words), rows):
                batch = words[at : at + rows]
                source[: batch.size] = batch.reshape(-1)
                received = self._packet(source, batch.size, target, len(batch) * self._out, at)
                results[at : at + rows] = received.reshape(-1, self._out)
            self._clean = True
        finally:
            if not self._clean:
                self._send.reset()  # before the memory is freed: the DMA must not write into what is not ours
            self._give_back(buffers)
        return results

    def _give_back(self, buffers: list[Any]) -> None:
        self._send.release()
        self._receive.release()
        for buffer in buffers:
            buffer.freebuffer()

    def _take(self, buffers: list[Any], size: int) -> Any:
        buffer = self._allocate((size,), np.uint32)
        buffers.append(buffer)
        return buffer

    def _packet(self, source: Any, n_in: int, target: Any, n_out: int, first: int) -> Any:
        target[:] = UNTOUCHED
        target.flush()
        source.flush()
        start = time.monotonic()
        self._receive.begin(int(target.device_address), 4 * n_out)
        self._control.start()
        self._send.begin(int(source.device_address), 4 * n_in)
        over = wait_until(self._over, self.timeout_s)
        self.waited_s += time.monotonic() - start
        target.invalidate()
        if not over or self._send.failed() or self._receive.failed() or self._receive.moved() != 4 * n_out:
            raise self._complaint(over, np.array(target[:n_out]), n_in, n_out, first)
        return np.array(target[:n_out])

    def _over(self) -> bool:
        if self._send.failed() or self._receive.failed():
            return True
        return self._receive.done() and self._send.done()

    def _complaint(self, over: bool, target: Any, n_in: int, n_out: int, first: int) -> DeviceError:
        untouched = target == UNTOUCHED
        arrived = n_out - (int(untouched[::-1].argmin()) if not untouched.all() else n_out)
        sent = f"{n_in} of {n_in}" if self._send.done() and not self._send.failed() else f"not all of {n_in}"
        state = (
            f"{self._send}; {self._receive}; {self._control}; {sent} words sent, {arrived} of {n_out} received "
            f"(batch from sample {first})"
        )
        if self._send.failed() or self._receive.failed():
            return DeviceError(
                f"[{self.name}] a transfer must end without error bits; {state}. Usual cause: a packet longer than the "
                "buffer (another network than the manifest's), or memory that was freed"
            )
        if over:
            return DeviceError(
                f"[{self.name}] a packet of {4 * n_out} bytes is required; TLAST came after {self._receive.moved()}; "
                f"{state}. Usual cause: the bitstream belongs to another manifest, or a sample's length is wrong"
            )
        cause = "the network waits for more words (a wrong length) or never sets TLAST"
        if arrived == 0:
            cause = "the IP is not started, is held in reset, or its stream is not connected"
        elif arrived == n_out:
            cause = "all words came and no TLAST: the wrapper does not set it"
        return DeviceTimeout(
            f"[{self.name}] a packet must end within {self.timeout_s:g} s; {state}. Usual cause: {cause}"
        )

    def _recover(self) -> None:
        """Reset the DMA and throw away what an aborted call left in the network.

        A word with TLAST ends whatever packet the network is in: the wrapper fills the sample with zeros. A probe
        follows, some rows of zeros. Packets keep their order, so nothing is left behind the probe's; that is
        known by its length, never that of the last probe, and by its rows, which are equal. Where a transfer is too
        short for such probes, silence must do: nothing may come for a whole time-out.
        """
        deadline = time.monotonic() + PATIENCE * self.timeout_s
        probing = self.rows >= max(PROBES)
        drain = self._until_probe if probing else self._until_silence
        buffers: list[Any] = []
        try:
            zeros = self._take(buffers, (max(PROBES) if probing else 1) * self._in)
            target = self._take(buffers, min(self.rows, STALE_ROWS) * self._out)
            zeros[:] = 0
            zeros.flush()
            drained = False
            while not drained:
                self._send.reset()
                self._probes += 1
                self._receive.begin(int(target.device_address), target.nbytes)
                self._send.begin(int(zeros.device_address), 4)
                drained = drain(int(zeros.device_address), target, deadline)
        finally:
            self._send.reset()
            self._give_back(buffers)

    def _until_probe(self, zeros: int, target: Any, deadline: float) -> bool:
        """False where a packet was longer than the buffer, so that its rest must be thrown away too."""
        rows = PROBES[self._probes % len(PROBES)]
        unsent = True
        while not self._receive.failed():
            self._control.start()
            if unsent and self._send.done():
                self._send.begin(zeros, 4 * rows * self._in)
                unsent = False
            if self._receive.done():
                if self._receive.moved() == 4 * rows * self._out and not unsent:
                    target.invalidate()
                    found = np.array(target[: rows * self._out]).reshape(rows, self._out)
                    if (found == found[0]).all():
                        return True
                self._receive.begin(int(target.device_address), target.nbytes)
            else:
                self._give_up_after(deadline)
        self._give_up_after(deadline)
        return False

    def _until_silence(self, zeros: int, target: Any, deadline: float) -> bool:
        """As `_until_probe`, for transfers of few rows."""
        heard, silent_since = False, time.monotonic()
        while not self._receive.failed():
            self._control.start()
            if self._receive.done():
                heard, silent_since = True, time.monotonic()
                self._receive.begin(int(target.device_address), target.nbytes)
            elif heard and time.monotonic() - silent_since > self.timeout_s:
                return True
            else:
                self._give_up_after(deadline)
        self._give_up_after(deadline)
        return False

    def _give_up_after(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise DeviceTimeout(
                f"[{self.name}] after a reset the network must answer within {PATIENCE * self.timeout_s:g} s; "
                f"{self._send}; {self._receive}; {self._control}. Load the bitstream again; if that does not help, "
                "its streams are not connected, or its wrapper sets no TLAST"
            )
