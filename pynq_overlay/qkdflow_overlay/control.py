"""ap_ctrl, the register at offset 0 of an HLS core's AXI-Lite port: start, done, idle, ready, auto-restart."""

from __future__ import annotations

from typing import Any

from qkdflow_overlay.errors import DeviceError
from qkdflow_overlay.transports import CONTROLS

START, DONE, IDLE, READY, AUTO_RESTART = 0x01, 0x02, 0x04, 0x08, 0x80
_WORDS = (("start", START), ("done", DONE), ("idle", IDLE), ("ready", READY), ("auto-restart", AUTO_RESTART))


class ApCtrl:
    """Starts a core in one of three ways.

    mmio: anything with read(byte_offset) -> int and write(byte_offset, value); None where `mode` is
    "free_running". "start": 0x01 for every packet; "auto_restart": 0x81 once, the core then starts itself.
    """

    def __init__(self, mmio: Any, mode: str, name: str = "network") -> None:
        if mode not in CONTROLS or (mmio is None and mode != "free_running"):
            raise DeviceError(
                f"[{name}] ap_ctrl mode {mode!r} needs one of {CONTROLS}, and the core's registers; got {mmio!r}. "
                "A core without an AXI-Lite port runs by itself: free_running"
            )
        self.name, self.mode, self._mmio = name, mode, mmio

    def start(self) -> None:
        """Let the core take the next packet."""
        if self.mode == "auto_restart":
            if not self.read() & AUTO_RESTART:
                self._mmio.write(0, START | AUTO_RESTART)
        elif self.mode == "start" and not self.read() & START:
            self._mmio.write(0, START)

    def read(self) -> int:
        """The register; reading clears `done`."""
        return 0 if self.mode == "free_running" else int(self._mmio.read(0)) & 0xFF

    def __str__(self) -> str:
        if self.mode == "free_running":
            return f"{self.name}: free-running"
        value = self.read()
        return f"{self.name}: ap_ctrl 0x{value:02x} ({', '.join(w for w, bit in _WORDS if value & bit) or 'all zero'})"
