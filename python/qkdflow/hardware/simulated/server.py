"""A simulated board behind PYNQ's own gRPC protocol: `pynq`'s RemoteDevice talks to it as to a board with PYNQ.remote.

Needs pynq 4 and its grpcio. Files of the pretended board are kept in memory; nothing of this machine is read or
written, and it listens on the loopback alone unless told otherwise.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent import futures
from typing import Any, NamedTuple

import grpc
import numpy as np
from pynq.remote import (
    buffer_pb2,
    buffer_pb2_grpc,
    mmio_pb2,
    mmio_pb2_grpc,
    remote_device_pb2,
    remote_device_pb2_grpc,
)

from qkdflow.errors import ToolError
from qkdflow.hardware.simulated.board import SimulatedBoard
from qkdflow.hardware.simulated.handoff import SYSTEM_REGISTERS
from qkdflow.hardware.simulated.memory import BusError

FILES = {
    "/proc/version": b"Linux version 5.15 (simulated) armv7l\n",
    "/proc/device-tree/chosen/pynq_board": b"Simulated",
    "/sys/class/fpga_manager/fpga0/state": b"operating\n",
    "/sys/class/fpga_manager/fpga0/flags": b"0\n",
}


class Server(NamedTuple):
    """A running server; `stop()` ends it."""

    port: int
    stop: Any


def serve(board: SimulatedBoard, port: int = 0, host: str = "127.0.0.1") -> Server:
    """Answer on `port` (0: a free one; PYNQ's own is 7967). ToolError where it is taken."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=(("grpc.so_reuseport", 0),))
    lock = threading.Lock()
    remote_device_pb2_grpc.add_RemoteDeviceServicer_to_server(_Files(), server)
    mmio_pb2_grpc.add_MmioServicer_to_server(_Mmio(board, lock), server)
    buffer_pb2_grpc.add_RemoteBufferServicer_to_server(_Buffers(board, lock), server)
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise ToolError(f"[serve {host}:{port}] a free port is required; {error}") from error
    server.start()
    return Server(bound, lambda: server.stop(None).wait())


class _Files(remote_device_pb2_grpc.RemoteDeviceServicer):  # type: ignore[misc]
    def __init__(self) -> None:
        self._files = dict(FILES)

    def existsfile(self, request: Any, _: Any) -> Any:
        return remote_device_pb2.ExistsFileResponse(exists=request.file_path in self._files)

    def readfile(self, request: Any, context: Any) -> Iterator[Any]:
        if request.file_path not in self._files:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no file {request.file_path}")
        yield remote_device_pb2.ReadFileResponse(data=self._files[request.file_path])

    def writefile(self, requests: Iterable[Any], _: Any) -> Any:
        written: dict[str, bytes] = {}
        for request in requests:
            written[request.file_path] = written.get(request.file_path, b"") + request.data
        self._files.update(written)
        return remote_device_pb2.WriteFileResponse()

    def set_bitstream_attrs(self, request: Any, _: Any) -> Any:
        return remote_device_pb2.SetBitstreamAttrsResponse(status=True)

    def set_pl_clk(self, request: Any, _: Any) -> Any:
        return remote_device_pb2.SetPlClkResponse(status=True)


class _Mmio(mmio_pb2_grpc.MmioServicer):  # type: ignore[misc]
    """A window's id is its base address in words of hexadecimal."""

    def __init__(self, board: SimulatedBoard, lock: threading.Lock) -> None:
        self._board, self._lock, self._system = board, lock, dict(SYSTEM_REGISTERS)

    def get_mmio(self, request: Any, _: Any) -> Any:
        return mmio_pb2.GetMmioResponse(status=True, mmio_id=f"{request.base_addr:x}")

    def read(self, request: Any, _: Any) -> Any:
        address = int(request.mmio_id, 16) + request.offset
        with self._lock:
            try:
                value = self._board.read(address)
            except BusError:
                value = self._system.get(address, 0)
        return mmio_pb2.ReadResponse(status=True, data=value)

    def write(self, request: Any, _: Any) -> Any:
        address = int(request.mmio_id, 16) + request.offset
        with self._lock:
            for at, word in enumerate(np.frombuffer(request.data, dtype="<u4").tolist()):
                try:
                    self._board.write(address + 4 * at, word)
                except BusError:
                    self._system[address + 4 * at] = word
        return mmio_pb2.WriteResponse(status=True)


class _Buffers(buffer_pb2_grpc.RemoteBufferServicer):  # type: ignore[misc]
    """Contiguous memory; a buffer's id is its address in hexadecimal."""

    def __init__(self, board: SimulatedBoard, lock: threading.Lock) -> None:
        self._memory, self._lock = board.memory, lock

    def allocate(self, request: Any, _: Any) -> Any:
        with self._lock:
            return buffer_pb2.AllocateResponse(buffer_id=f"{self._memory.reserve(request.size):x}")

    def write(self, requests: Iterable[Any], _: Any) -> Any:
        at = 0
        for request in requests:
            block = self._memory.blocks[int(request.buffer_id, 16)]
            block[at : at + len(request.data)] = np.frombuffer(request.data, dtype=np.uint8)
            at += len(request.data)
        return buffer_pb2.BufferWriteResponse()

    def read(self, request: Any, _: Any) -> Iterator[Any]:
        data = self._memory.blocks[int(request.buffer_id, 16)].tobytes()
        for at in range(0, max(len(data), 1), 1 << 20):
            yield buffer_pb2.BufferReadResponse(data=data[at : at + (1 << 20)])

    def freebuffer(self, request: Any, _: Any) -> Any:
        with self._lock:
            self._memory.free(int(request.buffer_id, 16))
        return buffer_pb2.FreeBufferResponse()

    def flush(self, request: Any, _: Any) -> Any:
        return buffer_pb2.FlushResponse()

    def invalidate(self, request: Any, _: Any) -> Any:
        return buffer_pb2.InvalidateResponse()

    def physical_address(self, request: Any, _: Any) -> Any:
        return buffer_pb2.AddressResponse(address=int(request.buffer_id, 16))
