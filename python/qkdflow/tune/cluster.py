"""Trials on the workers of a Dask scheduler; the study, and what it is told, stay in this process.

Dask runs the trial of a worker that died again on another. The objective, with the data that it holds, goes to the
workers once and not with every trial.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from typing import Any

from qkdflow._core import set_threads
from qkdflow.errors import ConfigError, ToolError

PATIENCE = 30  # seconds until a scheduler that does not answer is given up
SENDING = 600  # seconds until the objective, with the data that it holds, must be with all workers
KINDS = ("tcp://", "tls://", "ws://", "wss://", "ucx://", "inproc://")


@contextmanager
def workers(address: str, objective: Any) -> Iterator[tuple[Executor, Any]]:
    """An executor on the scheduler at `address`, and the objective to submit to it.

    ToolError where there is none, or where it or its workers go away.
    """
    if not address.startswith(KINDS):
        raise ConfigError(f"[dask] must be the address of a scheduler, such as tcp://host:8786; got {address!r}")
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise ToolError("[dask] needs Dask: pip install 'qkdflow[dask]'") from None
    try:
        client: Any = Client(address, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise ToolError(f"[dask] no scheduler answers at {address}: {error}. Start one with: dask scheduler") from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise ToolError(f"[dask] the scheduler at {address} has no workers. Start some with: dask worker {address}")
        client.register_plugin(_one_thread(), name="qkdflow-threads")
        try:
            sent = client.scatter(objective, broadcast=True, hash=False, timeout=SENDING)
        except TimeoutError as error:
            raise ToolError(f"[dask] the workers of {address} did not take the data within {SENDING} s") from error
        try:
            yield client.get_executor(pure=False), sent
        except KilledWorker as error:
            raise ToolError(
                f"[dask] a worker must outlive its trial; {error.allowed_failures + 1} died of the same one. Look into "
                "their logs: often a worker needs more memory (dask worker --memory-limit) or fewer trials"
            ) from error
        except CancelledError as error:  # Dask's word where nobody is left who holds the objective
            raise ToolError(
                f"[dask] the scheduler at {address}, or all its workers, went away. Start them, then run the same "
                "command again"
            ) from error


def _one_thread() -> Any:
    """One engine thread a trial, as with jobs; on workers that join later too."""
    from distributed import WorkerPlugin

    class OneThread(WorkerPlugin):
        def setup(self, worker: Any) -> None:
            set_threads(1)

    return OneThread()
