"""ICTP's ComBlock, the letter's bridge between processor and FPGA: registers and two FIFOs.

Register map (ComBlock user guide, 32-bit words): IREG0-15 at 0-15 (read), OREG0-15 at 16-31; VALUE, CONTROL
and STATUS of the input FIFO (FPGA to processor) at 32-34, of the output FIFO (processor to FPGA) at 36-38.
STATUS: count in bits 31:16. Input FIFO: bit 0 empty, 1 almost empty, 2 underflow. Output FIFO: bit 0 full,
1 almost full, 2 overflow. Bit 2 is cleared by reading. Any write to CONTROL empties the FIFO.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from qkdflow_overlay.errors import DeviceError
from qkdflow_overlay.manifest import Transport

REGISTERS = {f"IREG{n}": n for n in range(16)}
REGISTERS.update({f"OREG{n}": 16 + n for n in range(16)})
REGISTERS.update({"IFIFO_VALUE": 32, "IFIFO_CONTROL": 33, "IFIFO_STATUS": 34})
REGISTERS.update({"OFIFO_VALUE": 36, "OFIFO_CONTROL": 37, "OFIFO_STATUS": 38})


class FifoStatus(NamedTuple):
    """Both FIFOs at a glance: words waiting for the network, words waiting for us."""

    sent: int
    full: bool
    almost_full: bool
    overflow: bool
    received: int
    empty: bool
    almost_empty: bool
    underflow: bool

    def __str__(self) -> str:
        flags = [name.replace("_", " ") for name in self._fields if getattr(self, name) is True]
        return (
            f"{self.sent} words sent and not taken, {self.received} received and not read; "
            f"{', '.join(flags) or 'no flag set'}"
        )


class ComBlock:
    """A ComBlock behind `mmio`: anything with read(byte_offset) -> int and write(byte_offset, value)."""

    def __init__(self, mmio: Any, transport: Transport, name: str = "ComBlock") -> None:
        self.name = name
        self._mmio = mmio
        self._offset = {register: 4 * word for register, word in transport.registers.items()}

    def flush(self) -> None:
        """Empty both FIFOs, the output FIFO first: a network that is still fed would refill the other."""
        self._mmio.write(self._offset["OFIFO_CONTROL"], 1)
        self._mmio.write(self._offset["IFIFO_CONTROL"], 1)
        self.status()  # clears the sticky overflow and underflow bits

    def write_register(self, register: str, value: int) -> None:
        self._mmio.write(self._address(register), int(value))

    def read_register(self, register: str) -> int:
        return int(self._mmio.read(self._address(register))) & 0xFFFFFFFF

    def write_fifo(self, words: Sequence[int]) -> None:
        """Send 32-bit words. The caller has checked `status` for room: one too many is lost."""
        write, offset = self._mmio.write, self._offset["OFIFO_VALUE"]
        for word in words:
            write(offset, int(word))

    def read_fifo(self, count: int) -> Sequence[int]:
        """`count` words. The caller has checked `status` that they are there."""
        read, offset = self._mmio.read, self._offset["IFIFO_VALUE"]
        return [int(read(offset)) & 0xFFFFFFFF for _ in range(count)]

    def status(self) -> FifoStatus:
        out = int(self._mmio.read(self._offset["OFIFO_STATUS"]))
        into = int(self._mmio.read(self._offset["IFIFO_STATUS"]))
        return FifoStatus(
            sent=out >> 16 & 0xFFFF,
            full=bool(out & 1),
            almost_full=bool(out & 2),
            overflow=bool(out & 4),
            received=into >> 16 & 0xFFFF,
            empty=bool(into & 1),
            almost_empty=bool(into & 2),
            underflow=bool(into & 4),
        )

    def _address(self, register: str) -> int:
        if register not in self._offset:
            raise DeviceError(f"[{self.name}] a register of the manifest is required; got {register!r}")
        return self._offset[register]
