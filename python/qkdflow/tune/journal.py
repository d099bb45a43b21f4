"""An append-only file of JSON lines: a header, then one event a line, on the disk before `append` returns.

A process that dies while it writes leaves a torn last line: the next line written takes its place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qkdflow.errors import DataError, ToolError

Event = dict[str, Any]


class Journal:
    """`header` and `events` are what the file holds; a new file gets the header given."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self.events: list[Event] = []
        self.header: Event = dict(header)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise ToolError(f"[journal] cannot open {path}: {error.strerror}") from error
        whole = content[: content.rfind(b"\n") + 1]
        self._size = len(whole)
        lines = whole.split(b"\n")[:-1]
        if not lines:
            self.append(self.header)
            return
        parsed = [self._parse(number, line) for number, line in enumerate(lines, start=1)]
        self.header, self.events = parsed[0], parsed[1:]

    def _parse(self, number: int, line: bytes) -> Event:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            raise DataError(f"[journal] {self.path}, line {number} is not a JSON object; restore the file or remove it")
        return event

    def append(self, event: Mapping[str, Any]) -> None:
        """Writes one line and waits until it is on the disk; a line that fails halfway is taken back."""
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
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ToolError(
                f"[journal] cannot write {self.path}: {error.strerror}. What it holds is intact; "
                "go on with the same command once that is cured"
            ) from error
        self._size += len(line)
