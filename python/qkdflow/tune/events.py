"""What a study writes into its journal, held against what a study writes when it is read: files come from others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qkdflow.errors import ConfigError
from qkdflow.fitted import fitted, whole
from qkdflow.refusal import reading
from qkdflow.tune.journal import Event, Journal
from qkdflow.tune.space import difference
from qkdflow.tune.trial import ENDS

FORMAT = 1


def open_journal(path: Path, search: Mapping[str, Any]) -> Journal:
    """The journal of the search that is described. ConfigError where it holds another one."""
    header = {"qkdflow_study": FORMAT, **search}
    journal = Journal(path, header)
    for word in header | journal.header:
        ours, theirs = header.get(word), journal.header.get(word)
        if theirs != ours:
            how = f"{word} was {theirs!r}, now {ours!r}"
            if word == "space":
                with reading(f"journal {path}, line 1"):
                    how = difference(theirs or [], ours or [])
            raise ConfigError(f"[journal] {path} holds another search: {how}. Use another file, or undo the change")
    return journal


def check_event(event: Event) -> None:
    """ConfigError, or KeyError, where no study wrote this."""
    if "ask" in event:
        whole(event["ask"], "event", "ask", 0)
        fitted(event["values"], dict, "values")
    elif "report" in event:
        fitted(event["step"], int, "step")
        _finite(event["value"])
    else:
        _finite(event["value"])
        fitted(event["info"], dict, "info")
        if event["state"] not in ENDS:
            raise ConfigError(f"[event] state must be one of {', '.join(ENDS)}; got {event['state']!r}")


def _finite(value: Any) -> None:
    """An objective, or several, or none."""
    fitted(value, float | tuple[float, ...] | None, "value")
    if not all(math.isfinite(v) for v in (value if isinstance(value, list) else [value or 0.0])):
        raise ConfigError(f"[value] must be finite; got {value}")
