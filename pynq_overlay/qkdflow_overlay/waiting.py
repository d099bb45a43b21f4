"""Waits that end."""

from __future__ import annotations

import time
from typing import Callable

BUSY_S = 0.001  # polled without a pause for so long: a network takes microseconds, a sleep fifty of them


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Poll until `condition` holds, True, or `timeout_s` is over, False. It is asked once after the deadline."""
    start = time.monotonic()
    while not condition():
        waited = time.monotonic() - start
        if waited >= timeout_s:
            return condition()
        if waited > BUSY_S:
            time.sleep(0.0001)
    return True
