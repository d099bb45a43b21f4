"""What a study has in common with other threads and processes: its lock, the events of its journal, who runs what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qkdflow.errors import DataError
from qkdflow.refusal import BROKEN
from qkdflow.tune.claims import Claims
from qkdflow.tune.events import check_event, open_journal
from qkdflow.tune.journal import Event, Journal

Apply = Callable[[Event], None]


class Shared:
    """`search` says which one this is; `apply` takes in an event that was written before, or by others.

    It is handed over call by call: kept here, the study and this would hold each other, and trials that are claimed
    would wait for the garbage collector. Without a path there are no others. ConfigError where the file holds another
    search, DataError where an event of it cannot be applied.
    """

    def __init__(self, path: Path | None, search: Mapping[str, Any], apply: Apply) -> None:
        self.lock = threading.RLock()
        self.claims = Claims(path)
        self._applied = 0  # events of the journal
        self._journal = None if path is None else self._open(path, search, apply)

    @contextmanager
    def alone(self, apply: Apply) -> Iterator[None]:
        """One thread of one process at a time, with all that others wrote taken in."""
        with self.lock:
            if self._journal is None:
                yield
                return
            with self._journal.lock():
                self._catch_up(self._journal, apply)
                yield

    def write(self, event: Event, lasting: bool = True) -> None:
        """Inside `alone` only; the event is not applied: who writes knows it."""
        if self._journal is not None:
            self._journal.append(event, lasting=lasting)

    def _open(self, path: Path, search: Mapping[str, Any], apply: Apply) -> Journal:
        journal = open_journal(path, search)
        with journal.lock():
            self._catch_up(journal, apply)
            self.claims.sweep([event["tell"] for event in journal.events if "tell" in event])
        return journal

    def _catch_up(self, journal: Journal, apply: Apply) -> None:
        for event in journal.events[self._applied :]:
            try:
                check_event(event)
                apply(event)
            except BROKEN as error:
                line = journal.line_of(self._applied)
                raise DataError(
                    f"[journal] {journal.path}, line {line} does not belong to this search: {error}"
                ) from error
            self._applied += 1
