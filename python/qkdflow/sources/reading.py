"""Reading ahead: while a step computes, a thread reads the next batches."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from qkdflow import _core
from qkdflow.errors import DataError
from qkdflow.sources.base import Source

Wanted = NDArray[np.uint32]
FloatArray = NDArray[np.float32]
AHEAD = 4  # batches that are read, or wait, while one is computed


class _Worker:
    """A thread that does one thing after the other until this is gone.

    No ThreadPoolExecutor: its threads end before the interpreter does, and a daemon thread in `fit` still reads then.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Future[FloatArray], Callable[[], FloatArray]] | None] = SimpleQueue()
        threading.Thread(target=_work, args=(self._jobs,), name="qkdflow-reader", daemon=True).start()
        weakref.finalize(self, self._jobs.put, None).atexit = False

    def submit(self, job: Callable[[], FloatArray]) -> Future[FloatArray]:
        future: Future[FloatArray] = Future()
        self._jobs.put((future, job))
        return future


def _work(jobs: SimpleQueue[tuple[Future[FloatArray], Callable[[], FloatArray]] | None]) -> None:
    _core.feed_engine()
    while (asked := jobs.get()) is not None:
        future, job = asked
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(job())
            except BaseException as error:  # raised where the rows are asked for
                future.set_exception(error)
        del asked, future, job  # they hold the reader


class Reader:
    """A source's rows, float32 (len(rows), *sample_shape), in any order; those that were announced are read ahead.

    What the engine calls: an error of the source is raised where its rows are asked for.
    """

    def __init__(self, source: Source, name: str) -> None:
        self.source = source
        self.name = name  # for errors
        self._worker = _Worker()
        self._coming: deque[tuple[Wanted, Future[FloatArray]]] = deque()
        self._waiting: deque[Wanted] = deque()

    def __len__(self) -> int:
        return len(self.source)

    def announce(self, order: Wanted, batch_size: int) -> None:
        """The rows that will be asked for next, a batch at a time; what was announced before is forgotten."""
        for _, reading in self._coming:
            reading.cancel()
        self._coming.clear()
        self._waiting = deque(order[i : i + batch_size] for i in range(0, len(order), batch_size))
        self._read_on()

    def __call__(self, rows: Wanted) -> FloatArray:
        if self._coming and np.array_equal(self._coming[0][0], rows):
            result = self._coming.popleft()[1].result()
            self._read_on()
            return result
        return self._worker.submit(partial(self._read, rows)).result()

    def _read_on(self) -> None:
        while self._waiting and len(self._coming) < AHEAD:
            rows = self._waiting.popleft()
            self._coming.append((rows, self._worker.submit(partial(self._read, rows))))

    def _read(self, rows: Wanted) -> FloatArray:
        """Files are read front to back, whatever the order."""
        order = np.argsort(rows)
        ascending = rows[order].astype(np.int64)
        read = np.asarray(self.source.read(ascending))
        wanted = (len(rows), *self.source.sample_shape)
        if read.shape != wanted or read.dtype.kind not in "biuf":
            raise DataError(f"[{self.name}] a source must give numbers {wanted}; got {read.dtype} {read.shape}")
        finite = np.isfinite(read).reshape(len(rows), -1).all(axis=1)
        if not finite.all():
            row = ascending[int(np.argmin(finite))]
            raise DataError(f"[{self.name}] must be finite numbers; got NaN or infinity in row {row}")
        result = np.empty(wanted, np.float32)
        result[order] = read
        return result
