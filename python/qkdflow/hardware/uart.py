"""What the bare-metal firmware prints over UART, read back: a line a sample, checked, as logit codes.

# qkdflow NAME samples N words W       the beginning
S,index,label,predicted,cycles,word,word,...    a sample; words in hexadecimal
E,index,what                            a sample that failed, in words
# end S F                               samples printed, samples that failed
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qkdflow_overlay import Codec, DeviceError, DeviceTimeout

from qkdflow.assess import Assessment, found
from qkdflow.errors import ToolError
from qkdflow.fixed import Codes
from qkdflow.overlay import Overlay

BAUD = 115200
_BEGIN = re.compile(r"# qkdflow (\S+) samples (\d{1,9}) words (\d{1,9})\Z")
_END = re.compile(r"# end (\d{1,9}) (\d{1,9})\Z")


@dataclass(frozen=True)
class Log:
    """indices, labels, predicted, cycles: int64 (n,); logits: codes (n, outputs), in the order printed."""

    indices: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    cycles: NDArray[np.int64]
    logits: Codes


def read_serial(port: str, baud: int = BAUD, timeout_s: float = 30.0) -> Iterator[str]:
    """The lines of a serial port, until the end line. Needs pyserial. DeviceTimeout after `timeout_s` of silence."""
    try:
        import serial
    except ImportError as error:
        raise ToolError(f"[uart] pyserial is required; {error}; pip install 'qkdflow[uart]'") from error
    try:
        with serial.serial_for_url(port, baudrate=baud, timeout=min(timeout_s, 0.2)) as line:
            yield from _lines(line, port, timeout_s)
    except serial.SerialException as error:
        raise DeviceError(f"[{port}] a serial port is required; {error}. Is the board plugged in?") from error


def _lines(line: Any, port: str, timeout_s: float) -> Iterator[str]:
    held, heard = b"", time.monotonic()
    while True:
        piece = line.read(4096) if line.in_waiting else line.read(1)
        if piece:
            heard = time.monotonic()
        elif time.monotonic() - heard > timeout_s:
            raise DeviceTimeout(
                f"[{port}] a line must come within {timeout_s:g} s. Does the firmware run, and at {line.baudrate} baud?"
            )
        held += piece
        *whole, held = held.split(b"\n")
        for text in whole:
            decoded = text.decode("ascii", "replace").strip()
            yield decoded
            if _END.match(decoded):
                return


def parse(overlay: Overlay, lines: Iterable[str]) -> Log:
    """The samples that the firmware printed. DeviceError names the line that is not as it must be."""
    codec, words = Codec(overlay.manifest.output), overlay.manifest.output.words
    rows: list[list[int]] = []
    begun = None
    for number, line in enumerate(lines, 1):
        if begun is None:
            begun = _BEGIN.match(line)  # what a boot loader prints comes before
            if begun and int(begun[3]) != words:
                raise DeviceError(f"[uart] {words} words a result are required; the firmware has {begun[3]}")
            continue
        end = _END.match(line)
        if end:
            return _log(codec, rows, int(begun[2]), int(end[1]), int(end[2]))
        kind, *cells = line.split(",")
        if kind == "E":
            raise DeviceError(f"[uart line {number}] every sample must succeed; got {line!r}")
        try:
            row = [int(c) for c in cells[:4]] + [int(c, 16) for c in cells[4:]]
        except ValueError:
            row = []
        fits = all(0 <= n < 2**63 for n in row[:4]) and all(0 <= n < 2**32 for n in row[4:])
        if kind != "S" or len(row) != 4 + words or not fits:
            raise DeviceError(
                f"[uart line {number}] S,index,label,predicted,cycles and {words} words are required; got {line!r}. "
                "Usual cause: characters are lost; try a lower speed, or a shorter cable"
            )
        rows.append(row)
    raise DeviceError("[uart] the firmware's first and last line are required; the text ends before")


def assess_log(overlay: Overlay, lines: Iterable[str], device: str = "bare metal over UART") -> Assessment:
    """The assessment of what the firmware printed. Its cycles, by percentile, stand in `benchmark`."""
    log = parse(overlay, lines)
    if log.indices.min() < 0 or log.indices.max() >= overlay.samples:
        raise DeviceError(
            f"[uart] sample indices below {overlay.samples} are required; got {log.indices.min()} to "
            f"{log.indices.max()}. The firmware belongs to another hand-over"
        )
    if (log.predicted != log.logits.argmax(axis=1)).any():
        raise DeviceError("[uart] the firmware's class must be that of its largest logit; characters were changed")
    cycles = {p: float(np.percentile(log.cycles, p)) for p in (50, 90, 99)}
    return found(overlay, device, log.logits, 0.0, {"cycles": cycles}, log.indices)


def _log(codec: Codec, rows: list[list[int]], announced: int, printed: int, failed: int) -> Log:
    if not announced == printed == len(rows) or failed:
        raise DeviceError(
            f"[uart] {announced} samples are required; the firmware counts {printed}, {failed} failed, {len(rows)} came"
        )
    table = np.array(rows, dtype=np.int64).reshape(len(rows), -1)
    logits = codec.unpack(table[:, 4:].astype(np.uint32))
    return Log(table[:, 0], table[:, 1], table[:, 2], table[:, 3], logits)
