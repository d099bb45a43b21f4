"""Which trials somebody is at work on: a lock for each, which the system lets go of when its process dies.

So no clock decides who is dead, and the journal holds nothing about workers. Locks are `flock`s on files beside the
journal; they hold over NFS too, where the mount allows locks.
"""

from __future__ import annotations

import fcntl
import glob
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from qkdflow.errors import ToolError


class Claims:
    """This study's claims; without a path those of one process alone."""

    def __init__(self, journal: Path | None) -> None:
        self._journal = journal
        self._held: dict[int, int] = {}  # number -> file descriptor

    def __contains__(self, number: int) -> bool:
        return number in self._held

    def take(self, number: int) -> bool:
        """Whether the trial is now ours: False where it was, or is somebody's who lives."""
        if number in self._held:
            return False
        if self._journal is None:
            self._held[number] = -1
            return True
        descriptor = os.open(self._path(number), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError as error:
            os.close(descriptor)
            where = f"[journal {self._journal}]"
            raise ToolError(f"{where} must allow locks: {error.strerror}. Choose a folder on a local disk") from error
        self._held[number] = descriptor
        return True

    def give_up(self, number: int) -> None:
        """Anybody may take the trial."""
        descriptor = self._held.pop(number, -1)
        if descriptor >= 0:
            os.close(descriptor)

    def finish(self, number: int) -> None:
        """Nobody needs to take the trial any more."""
        if self._journal is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._path(number))
        self.give_up(number)

    def sweep(self, ended: Collection[int]) -> None:
        """Removes what a process left that died between telling a trial and finishing it."""
        if self._journal is None:
            return
        for path in self._journal.parent.glob(f"{glob.escape(self._journal.name)}.*.running"):
            number = path.name.split(".")[-2]
            if number.isdecimal() and int(number) in ended:
                with suppress(OSError):  # a study that may only be read
                    path.unlink()

    def __del__(self) -> None:
        for number in list(self._held):
            self.give_up(number)

    def _path(self, number: int) -> str:
        return f"{self._journal}.{number}.running"
