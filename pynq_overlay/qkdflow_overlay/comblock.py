"""ICTP's ComBlock, the letter's bridge between processor and FPGA: registers and two FIFOs.

Register map (ComBlock user guide, 32-bit words): IREG0-15 at 0-15 (read), OREG0-15 at 16-31; VALUE, CONTROL
and STATUS of the input FIFO (FPGA to processor) at 32-34, of the output FIFO (processor to FPGA) at 36-38.
STATUS: count in bits 31:16. Input FIFO: bit 0 empty, 1 almost empty, 2 underflow. Output FIFO: bit 0 full,
1 almost full, 2 overflow. Bit 2 is cleared by reading. Any write to CONTROL empties the FIFO.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from qkdflow_overlay.errors import DeviceError

REGISTERS = {f"IREG{n}": n for n in range(16)}
REGISTERS.update({f"OREG{n}": 16 + n for n in range(16)})
REGISTERS.update({"IFIFO_VALUE": 32, "IFIFO_CONTROL": 33, "IFIFO_STATUS": 34})
REGISTERS.update({"OFIFO_VALUE": 36, "OFIFO_CONTROL": 37, "OFIFO_STATUS": 38})
VLNV = "www.ictp.it:user:comblock"


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

    def __init__(self, mmio: Any, name: str = "ComBlock", ofifo_depth: int = 1 << 16) -> None:
        self.name, self.ofifo_depth = name, ofifo_depth
        self._mmio = mmio

    def flush(self) -> None:
        """Empty both FIFOs, the output FIFO first: a network that is still fed would refill the other."""
        self._mmio.write(4 * REGISTERS["OFIFO_CONTROL"], 1)
        self._mmio.write(4 * REGISTERS["IFIFO_CONTROL"], 1)
        self.status()  # clears the sticky overflow and underflow bits

    def write_register(self, register: str, value: int) -> None:
        """Writes 32 bits into an output register. Raises DeviceError for any other."""
        if not register.startswith("OREG"):
            raise DeviceError(f"[{self.name}] an output register, OREG0 to OREG15, is required; got {register!r}")
        self._mmio.write(self._address(register), int(value) & 0xFFFFFFFF)

    def read_register(self, register: str) -> int:
        """The 32 bits of a register. Raises DeviceError for a name that is none."""
        return int(self._mmio.read(self._address(register))) & 0xFFFFFFFF

    def write_fifo(self, words: Sequence[int], status: FifoStatus | None = None) -> None:
        """Send 32-bit words. DeviceError before the first where there is no room for all: a word too many is lost.

        status: what `status()` gave since the last write; asked for where it is not given.
        """
        room = self.ofifo_depth - (self.status() if status is None else status).sent
        if len(words) > room:
            raise DeviceError(f"[{self.name} output FIFO] room for {len(words)} words is required; got {room}")
        write, offset = self._mmio.write, 4 * REGISTERS["OFIFO_VALUE"]
        for word in words:
            write(offset, int(word))

    def read_fifo(self, count: int, status: FifoStatus | None = None) -> list[int]:
        """`count` words. DeviceError before the first where they are not there yet."""
        there = (self.status() if status is None else status).received
        if count > there:
            raise DeviceError(f"[{self.name} input FIFO] {count} words are required; it holds {there}")
        read, offset = self._mmio.read, 4 * REGISTERS["IFIFO_VALUE"]
        return [int(read(offset)) & 0xFFFFFFFF for _ in range(count)]

    def status(self) -> FifoStatus:
        """Counts and flags; reading clears overflow and underflow."""
        out = int(self._mmio.read(4 * REGISTERS["OFIFO_STATUS"]))
        into = int(self._mmio.read(4 * REGISTERS["IFIFO_STATUS"]))
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
        if register not in REGISTERS:
            raise DeviceError(f"[{self.name}] a register of the ComBlock is required; got {register!r}")
        return 4 * REGISTERS[register]
