"""A tool run to its end, or to the end of our patience."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from qkdflow.errors import ToolError

LONGEST = 4 * 3600  # seconds; the slowest design that was tried took minutes


class Done(NamedTuple):
    """Exit code, and what was printed, errors among it."""

    code: int
    said: str


def call(tool: str, command: list[str], folder: Path | None = None, more: Mapping[str, str] | None = None) -> Done:
    """Run a command, with `more` in its environment.

    ToolError where it does not end; what it started ends with it, and with Ctrl-C.
    """
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **(more or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # a compiler's own children hold its output open
    ) as process:
        try:
            said, _ = process.communicate(timeout=LONGEST)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise ToolError(
                f"[rtl] {tool} must end within {LONGEST:,} s; it was stopped. Take a smaller design, or a larger "
                "reuse factor"
            ) from None
    return Done(process.returncode, said)
