"""The peers' side of `qkdflow bench bo`: searches come in as JSON lines, suggestions go out, results come back."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

Parameter = dict[str, Any]


_next: list[dict[str, Any]] = []  # a search that came in place of a result


def searches() -> Iterator[dict[str, Any]]:
    while True:
        if not _next:
            line = sys.stdin.readline()
            if not line:
                return
            _next.append(json.loads(line))
        yield _next.pop()


def result(values: dict[str, Any] | None, cpu: float) -> list[float] | None:
    """Sends a suggestion and waits for what it is worth; None where the search is over."""
    assert sys.__stdout__ is not None
    sys.__stdout__.write(json.dumps({"values": values, "cpu": cpu}) + "\n")
    sys.__stdout__.flush()
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    message = json.loads(line)
    if "space" in message:
        _next.append(message)
        return None
    return message["value"]


def timed(f: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.process_time()
    value = f()
    return value, time.process_time() - begun


def is_active(parameter: Parameter, values: dict[str, Any]) -> bool:
    return all(c["parent"] in values and values[c["parent"]] in c["values"] for c in parameter["conditions"])
