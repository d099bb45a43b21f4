"""Trials on the workers of a Dask scheduler; the study, and what it is told, stay in this process.

Dask runs the trial of a worker that died again on another. The objective, with the data that it holds, goes to the
workers once and not with every trial.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Executor
from typing import Any

from qkdflow._core import set_threads
from qkdflow.errors import ConfigError, ToolError

PATIENCE = 30  # seconds until a scheduler that does not answer is given up, or one whose workers do not run
SENDINGS = 3  # times that the objective is sent: a worker that dies may have been the only one that held it
KINDS = ("tcp://", "tls://", "ws://", "wss://", "ucx://", "inproc://")


def on_workers(address: str, objective: Any, body: Callable[[Executor, Any], None]) -> None:
    """Calls `body` with an executor on the scheduler at `address`, and with what to submit to it as the objective.

    Where the objective is lost with a worker, while others are there, it is sent anew and body is called again.
    ToolError where there is no scheduler, or where it or its workers go away.
    """
    if not address.startswith(KINDS):
        raise ConfigError(f"[dask] must be the address of a scheduler, such as tcp://host:8786; got {address!r}")
    try:
        from distributed import Client
    except ImportError:
        raise ToolError("[dask] needs Dask: pip install 'qkdflow[dask]'") from None
    try:
        client: Any = Client(address, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise ToolError(f"[dask] no scheduler answers at {address}: {error}. Start one with: dask scheduler") from error
    with client:
        if not _has_workers(client):
            raise ToolError(f"[dask] the scheduler at {address} has no workers. Start some with: dask worker {address}")
        client.register_plugin(_one_thread(), name="qkdflow-threads")
        for sending in range(1, SENDINGS + 1):
            try:
                _call(client, objective, body)
                return
            except (_Lost, CancelledError) as error:  # this is Dask's word where nobody is left who holds the objective
                if sending == SENDINGS or not _has_workers(client):
                    raise ToolError(
                        f"[dask] the scheduler at {address}, or all its workers, went away. Start them, then run the "
                        "same command again"
                    ) from error


class _Lost(Exception):
    """No worker took the objective."""


def _call(client: Any, objective: Any, body: Callable[[Executor, Any], None]) -> None:
    from distributed import KilledWorker

    try:  # the time is for a worker to be there, not for the data to arrive
        sent = client.scatter(objective, broadcast=True, hash=False, timeout=PATIENCE)
    except (OSError, TimeoutError) as error:
        raise _Lost from error
    try:
        body(client.get_executor(pure=False), sent)
    except KilledWorker as error:
        raise ToolError(
            f"[dask] a worker must outlive its trial; {error.allowed_failures + 1} died of the same one. Look into "
            "their logs: often a worker needs more memory (dask worker --memory-limit) or fewer trials"
        ) from error


def _has_workers(client: Any) -> bool:
    try:
        return client.status == "running" and bool(client.scheduler_info()["workers"])
    except OSError:  # nor is the scheduler there
        return False


def _one_thread() -> Any:
    """One engine thread a trial, as with jobs; on workers that join later too."""
    from distributed import WorkerPlugin

    class OneThread(WorkerPlugin):
        def setup(self, worker: Any) -> None:
            set_threads(1)

    return OneThread()
