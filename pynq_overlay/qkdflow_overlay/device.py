"""What a classifier asks of a device, whatever carries the words."""

from __future__ import annotations

from typing import Any, Protocol

Words = Any  # numpy.ndarray of uint32, shape (n, words); numpy 1.17 has no types


class Device(Protocol):
    """A network behind some transport.

    name: for messages. timeout_s: how long nothing may move. waited_s: seconds that the last `run` left to the
    hardware, transfers included.
    """

    name: str
    timeout_s: float
    waited_s: float

    def run(self, words: Words) -> Words:
        """Result words, uint32 (n, output words), of input words, uint32 (n, input words).

        Raises DeviceError where the hardware reports a fault, DeviceTimeout where it goes quiet. Whatever was
        raised, KeyboardInterrupt included, the next call starts from a clean state.
        """
