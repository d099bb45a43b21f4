"""A ComBlock over the network: the client of ICTP's UDMA server, which runs on the board's processor (TCP, lwIP).

A request is 32-bit words, little end first: a command and its arguments; a reply is a status, a length and as many
words. READ_REG takes any word of the ComBlock's map, WRITE_REG counts from word 16 on, so that the FIFOs' CONTROL
and STATUS can be reached too.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

from qkdflow_overlay import ComBlock, DeviceError, DeviceTimeout, FifoStatus

READ_REG, READ_FIFO, WRITE_REG, WRITE_FIFO, SELECT_COMBLOCK = 0, 3, 4, 7, 9
STATUS = {0: "failure", 1: "success", 2: "overflow", 3: "underflow"}
FIRST_OUTPUT = 16  # the word that WRITE_REG 0 writes
PORT = 7
MOST_SENT = 250  # words a message, so that it fits one Ethernet frame: the server reads a message at once
MOST_RECEIVED = 4096


class UdmaComBlock(ComBlock):
    """A `ComBlock` at HOST:PORT; `close()` it, or use it in a `with` statement. timeout_s: of every reply."""

    def __init__(self, host: str, port: int = PORT, comblock: int = 0, timeout_s: float = 5.0) -> None:
        super().__init__(self, f"UDMA {host}:{port}")
        try:
            self._socket = socket.create_connection((host, port), timeout_s)
        except OSError as error:
            raise DeviceError(
                f"[{self.name}] a UDMA server is required; {error}. Is it running on the board, and the address right?"
            ) from error
        try:
            if comblock:
                self._ask(SELECT_COMBLOCK, comblock)
        except DeviceError:
            self.close()
            raise

    def __enter__(self) -> UdmaComBlock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def read(self, offset: int) -> int:
        """A word of the ComBlock's map, by its byte offset."""
        words = self._ask(READ_REG, offset // 4)
        if len(words) != 1:
            raise DeviceError(f"[{self.name}] READ_REG must give one word; got {len(words)}")
        return words[0]

    def write(self, offset: int, value: int) -> None:
        self._ask(WRITE_REG, offset // 4 - FIRST_OUTPUT, value)

    def write_fifo(self, words: Sequence[int], status: FifoStatus | None = None) -> None:
        for at in range(0, len(words), MOST_SENT):
            piece = words[at : at + MOST_SENT]
            self._ask(WRITE_FIFO, len(piece), *piece, wanted=len(piece))

    def read_fifo(self, count: int, status: FifoStatus | None = None) -> list[int]:
        found: list[int] = []
        while len(found) < count:
            most = min(count - len(found), MOST_RECEIVED)
            found += self._ask(READ_FIFO, most, wanted=most)
        return found

    def _ask(self, command: int, *arguments: int, wanted: int | None = None) -> list[int]:
        """Send a request; the words of its reply. wanted: the length that the reply must state."""
        request = struct.pack(f"<{1 + len(arguments)}I", command, *(a & 0xFFFFFFFF for a in arguments))
        try:
            self._socket.sendall(request)
            status, length = struct.unpack("<2I", self._receive(8))
            # A write's reply states a length and carries no words.
            carries = length if command in (READ_REG, READ_FIFO) and status != 0 else 0
            if length > 1 << 14:
                raise DeviceError(f"[{self.name}] a reply of at most {1 << 14} words is required; got {length}")
            words = list(struct.unpack(f"<{carries}I", self._receive(4 * carries)))
        except TimeoutError as error:
            self._socket.close()
            raise DeviceTimeout(
                f"[{self.name}] command {command} must be answered within {self._socket.gettimeout():g} s. "
                "Usual cause: the server waits on a FIFO, or the board was reset; connect again"
            ) from error
        except OSError as error:
            self._socket.close()
            raise DeviceError(f"[{self.name}] the connection must last; {error}. Connect again") from error
        if status != 1 or (wanted is not None and length != wanted):
            raise DeviceError(
                f"[{self.name}] command {command} must succeed{f' for {wanted} words' if wanted else ''}; got status "
                f"{status} ({STATUS.get(status, 'unknown')}) after {length} words"
            )
        return words

    def _receive(self, nbytes: int) -> bytes:
        data = b""
        while len(data) < nbytes:
            piece = self._socket.recv(nbytes - len(data))
            if not piece:
                raise ConnectionError("the server closed it")
            data += piece
        return data
