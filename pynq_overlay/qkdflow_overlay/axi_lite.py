"""The network behind plain AXI-Lite registers: write a sample, start, wait for `done`, read its result."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from qkdflow_overlay.control import DONE, IDLE, START, ApCtrl
from qkdflow_overlay.device import Words
from qkdflow_overlay.errors import DeviceTimeout, ManifestError
from qkdflow_overlay.manifest import Manifest
from qkdflow_overlay.transports import LiteTransport
from qkdflow_overlay.waiting import wait_until


class AxiLite:
    """A `Device` over the core's own registers; `mmio` as everywhere: read(byte_offset), write(byte_offset, value)."""

    def __init__(self, mmio: Any, manifest: Manifest, timeout_s: float = 1.0, name: str = "AXI-Lite registers") -> None:
        if not isinstance(manifest.transport, LiteTransport):
            raise ManifestError(
                f"[{name}] a manifest with an axi_lite transport is required; got {manifest.transport.kind}"
            )
        self.name, self.timeout_s, self.waited_s = name, timeout_s, 0.0
        self._mmio, self._transport = mmio, manifest.transport
        self._control = ApCtrl(mmio, "start", manifest.transport.ip)
        self._in, self._out = manifest.input.words, manifest.output.words

    def run(self, words: Words) -> Words:
        """Result words (n, words a result) of input words (n, words a sample). Raises DeviceError."""
        self.waited_s = 0.0
        results = np.empty((len(words), self._out), dtype=np.uint32)
        write, read, transport = self._mmio.write, self._mmio.read, self._transport
        for i, sample in enumerate(words.tolist()):
            self._idle(i, len(words))
            for j, word in enumerate(sample):
                write(transport.input_offset + 4 * j, word)
            start = time.monotonic()
            self._control.start()
            done = wait_until(lambda: bool(self._control.read() & DONE), self.timeout_s)
            self.waited_s += time.monotonic() - start
            if not done:
                raise self._complaint("must be done", i, len(words))
            for j in range(self._out):
                results[i, j] = int(read(transport.output_offset + 4 * j)) & 0xFFFFFFFF
        return results

    def _idle(self, sample: int, samples: int) -> None:
        """An earlier call may have given up on a sample: its end is awaited, its `done` forgotten."""
        if not wait_until(lambda: self._control.read() & (IDLE | START) == IDLE, self.timeout_s):
            raise self._complaint("must be idle", sample, samples)

    def _complaint(self, wanted: str, sample: int, samples: int) -> DeviceTimeout:
        return DeviceTimeout(
            f"[{self.name}] the network {wanted} within {self.timeout_s:g} s; {self._control}; "
            f"{sample} of {samples} samples finished. Usual cause: the IP has no clock, is held in reset, or the "
            "address belongs to another core"
        )
