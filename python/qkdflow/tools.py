"""Other programs: run to their end, to the end of our patience, or until we are stopped ourselves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from qkdflow.errors import ToolError

LONGEST = 4 * 3600  # seconds; the slowest design that was tried took minutes
GRACE = 2  # seconds in which a stopped compiler may delete its temporary files
SMALLER = "Take a smaller design, or a larger reuse factor"
# Of SIGKILL we hear nothing. But it closes the pipe to this program, which then ends a group of others.
GUARD = "import os, sys; os.read(0, 1) or os.killpg(int(sys.argv[1]), 9)"


class Done(NamedTuple):
    """Exit code, and what was printed, errors among it."""

    code: int
    said: str


def call(
    tool: str,
    command: Sequence[str],
    folder: Path | None = None,
    more: Mapping[str, str] | None = None,
    *,
    seconds: float | None = None,
    cure: str = SMALLER,
) -> Done:
    """Run a command, with `more` in its environment, for `seconds` (LONGEST) at most.

    ToolError where it cannot start, or does not end: what then helps is `cure`. What it started ends with it, with
    an exception that stops us (Ctrl-C; the command line makes one of SIGTERM too), and with us by SIGKILL.
    """
    limit = LONGEST if seconds is None else seconds
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # a compiler's own children hold its output open
        )
    except OSError as error:
        raise ToolError(
            f"[{tool}] {error.filename or command[0]} must be there and run; got: {error.strerror}. Install {tool}, or "
            "put it on PATH"
        ) from error
    with process:
        try:
            with _guarded(process.pid):
                said, _ = process.communicate(timeout=limit)
        except BaseException as error:
            _stop(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise ToolError(f"[{tool}] must end within {limit:,} s; it was stopped. {cure}") from None
    return Done(process.returncode, said)


@contextlib.contextmanager
def _guarded(group: int) -> Iterator[None]:
    """Ends a group of processes where we are killed meanwhile."""
    command = [sys.executable, "-I", "-S", "-c", GUARD, str(group)]
    # A session of its own: Ctrl-C is not for it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as guard:
        try:
            yield
        finally:
            guard.communicate(b"+")


def _stop(process: subprocess.Popen[str]) -> None:
    """Asks its whole group to end, then ends it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=GRACE)  # until the last of them has closed our pipe
        os.killpg(process.pid, signal.SIGKILL)
