"""An append-only file of JSON lines: a header, then one event a line, on the disk before `append` returns.

Several processes may share one: each writes under the file's lock, and `refresh` reads what the others wrote. A
process that dies while it writes leaves a torn last line: the next line written takes its place.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qkdflow.errors import DataError, ToolError

Event = dict[str, Any]


def _opened(path: Path) -> int:
    """A descriptor to lock: a study that may only be read is locked too."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        if not path.exists():
            raise
        return os.open(path, os.O_RDONLY)


def has_results(path: Path) -> bool:
    """Whether a trial has ended in the study of this journal, which need not be there."""
    return path.is_file() and any(line.startswith(b'{"tell":') for line in path.read_bytes().splitlines())


class Journal:
    """`header` and `events` are what the file holds; a new file gets the header given."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self.events: list[Event] = []
        self.header: Event = {}
        self._size = 0
        self._lines = 0
        self._numbers: list[int] = []  # the line of each event
        self._held = 0  # how deep this process is inside its own lock
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _opened(path)
        except OSError as error:
            raise ToolError(f"[journal] cannot open {path}: {error.strerror}") from error
        with self.lock():
            if not self.header:
                self.append(header)
                self.header = dict(header)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Alone among the processes (not the threads: their study has a lock), and up to date."""
        if self._held == 0:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        self._held += 1
        try:
            if self._held == 1:
                self._refresh()
            yield
        finally:
            self._held -= 1
            if self._held == 0:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _refresh(self) -> None:
        """Takes in the whole lines that this process has not seen."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._size)
                content = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise ToolError(f"[journal] cannot open {self.path}: {error.strerror}") from error
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.split(b"\n")[:-1]:
            self._lines += 1
            event = self._parse(self._lines, line)
            if self._lines == 1:
                self.header = event
            else:
                self.events.append(event)
                self._numbers.append(self._lines)
        self._size += len(whole)

    def _parse(self, number: int, line: bytes) -> Event:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            raise DataError(f"[journal] {self.path}, line {number} is not a JSON object; restore the file or remove it")
        return event

    def line_of(self, event: int) -> int:
        """The line, from 1, of events[event]."""
        return self._numbers[event]

    def append(self, event: Mapping[str, Any], lasting: bool = True) -> None:
        """Writes one line and waits until it is on the disk (`lasting`); a line that fails halfway is taken back.

        Inside `lock` only. The event is not added to `events`: who writes knows it.
        """
        line = json.dumps(event, allow_nan=False).encode() + b"\n"
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.ftruncate(descriptor, self._size)
                os.lseek(descriptor, self._size, os.SEEK_SET)
                written = os.write(descriptor, line)
                if written < len(line):
                    os.ftruncate(descriptor, self._size)
                    raise ToolError(f"[journal] cannot write {self.path}: the disk is full. Free space and go on")
                if lasting:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ToolError(
                f"[journal] cannot write {self.path}: {error.strerror}. What it holds is intact; "
                "go on with the same command once that is cured"
            ) from error
        self._size += len(line)
        self._lines += 1
