"""A simulated board's ComBlock behind the UDMA word protocol, as ICTP's server answers it."""

from __future__ import annotations

import socketserver
import struct
import threading
from typing import Any

from qkdflow_overlay.comblock import REGISTERS

from qkdflow.hardware.simulated.board import Registers
from qkdflow.hardware.udma import FIRST_OUTPUT, READ_FIFO, READ_REG, SELECT_COMBLOCK, WRITE_FIFO, WRITE_REG

FAILURE, SUCCESS, OVERFLOW, UNDERFLOW = range(4)


class UdmaServer(socketserver.ThreadingTCPServer):
    """Serves `comblock`'s registers on the loopback, in a thread of its own; `port` says where. A context manager."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, comblock: Registers) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.comblock, self.lock = comblock, threading.Lock()
        self.port = int(self.server_address[1])
        self.silent = False  # a server that hangs: it reads and answers nothing
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *details: Any) -> None:
        self.shutdown()
        super().__exit__(*details)


class _Handler(socketserver.BaseRequestHandler):
    server: UdmaServer

    def handle(self) -> None:
        while message := self.request.recv(4 * 1024):  # a message at once, as the real server reads it
            if not self.server.silent:
                with self.server.lock:
                    reply = self._answer(struct.unpack(f"<{len(message) // 4}I", message))
                self.request.sendall(struct.pack(f"<{len(reply)}I", *reply))

    def _answer(self, words: tuple[int, ...]) -> list[int]:
        command, arguments = words[0], words[1:]
        comblock = self.server.comblock
        if command == READ_REG:
            return [SUCCESS, 1, comblock.read(4 * arguments[0])]
        if command == WRITE_REG:
            comblock.write(4 * ((arguments[0] + FIRST_OUTPUT) & 0xFFFFFFFF), arguments[1])
            return [SUCCESS, 0]
        if command == WRITE_FIFO:
            return self._write_fifo(arguments[1 : 1 + arguments[0]])
        if command == READ_FIFO:
            return self._read_fifo(arguments[0])
        return [FAILURE if command == SELECT_COMBLOCK else SUCCESS, 0]  # there is one ComBlock

    def _write_fifo(self, words: tuple[int, ...]) -> list[int]:
        comblock, sent = self.server.comblock, 0
        while sent < len(words) and not comblock.read(4 * REGISTERS["OFIFO_STATUS"]) & 1:
            comblock.write(4 * REGISTERS["OFIFO_VALUE"], words[sent])
            sent += 1
        status = comblock.read(4 * REGISTERS["OFIFO_STATUS"])
        return [OVERFLOW if status & 4 else SUCCESS, sent]

    def _read_fifo(self, count: int) -> list[int]:
        comblock, found = self.server.comblock, list[int]()
        while len(found) < count and not comblock.read(4 * REGISTERS["IFIFO_STATUS"]) & 1:
            found.append(comblock.read(4 * REGISTERS["IFIFO_VALUE"]))
        status = comblock.read(4 * REGISTERS["IFIFO_STATUS"])
        return [UNDERFLOW if status & 4 else SUCCESS, len(found), *found]
