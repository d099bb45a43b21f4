"""Faults that a simulated board can be told to have, each for a number of occasions."""

from __future__ import annotations

from collections import Counter

from qkdflow.errors import ConfigError

# What it is, and where it strikes.
FAULTS = {
    "missing TLAST": "the network's last result carries no TLAST (DMA)",
    "short packet": "the network ends a packet one result early (DMA)",
    "stuck send": "the DMA's send channel takes a transfer and never moves (DMA)",
    "stuck receive": "the DMA's receive channel takes a transfer and never moves (DMA)",
    "send error": "the send channel halts with a decode error (DMA)",
    "receive error": "the receive channel halts with a slave error (DMA)",
    "halted": "the receive channel halts without a reason (DMA)",
    "descriptor error": "the send channel halts with a descriptor decode error (DMA with scatter-gather)",
    "bit flip": "one bit of one result is inverted (all)",
    "overflow": "the output FIFO reports that a word was lost (ComBlock)",
    "underflow": "the input FIFO reports a read while it was empty (ComBlock)",
    "stuck network": "the network takes a sample and gives nothing until it is reset (ComBlock, AXI-Lite)",
    "slow network": "a result comes after `slow_s` seconds (all)",
}


class Faults:
    """Which faults are waiting to strike; empty at first. slow_s: seconds that a slow network takes."""

    def __init__(self, slow_s: float = 0.3) -> None:
        self.slow_s = slow_s
        self._waiting: Counter[str] = Counter()

    def inject(self, fault: str, times: int = 1) -> None:
        """Let `fault`, a key of FAULTS, strike on its next `times` occasions."""
        if fault not in FAULTS:
            raise ConfigError(f"[faults] a fault must be one of {', '.join(FAULTS)}; got {fault!r}")
        self._waiting[fault] += times

    def clear(self) -> None:
        """Let none of those that wait strike any more."""
        self._waiting.clear()

    def strikes(self, fault: str) -> bool:
        """Whether `fault` strikes now; it is then used up once."""
        if self._waiting[fault] == 0:
            return False
        self._waiting[fault] -= 1
        return True
