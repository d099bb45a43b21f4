"""A run directory: the line made visible, stage by stage, and the rule by which a run resumes.

A stage's folder is complete when its stage.json is there; the file is written last, and holds the stage's key: a hash
of the settings that the stage depends on and of the keys before it. A complete stage with the same key is loaded, any
other is computed again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from qkdflow.errors import ConfigError, DataError, ToolError
from qkdflow.files import read_json, write_json

FORMAT = "qkdflow.run/1"
T = TypeVar("T")


@dataclass
class Run:
    """An open run directory. `timings` holds seconds a stage, from when it was computed."""

    path: Path
    config: dict[str, Any]
    timings: dict[str, float] = field(default_factory=dict)
    _key: str = ""

    def stage(
        self,
        name: str,
        depends: dict[str, Any],
        compute: Callable[[Path], T],
        load: Callable[[Path], T],
        *,
        partial: bool = False,
    ) -> T:
        """What `load` reads of a complete stage, or what `compute` makes in its folder.

        `depends` are the settings that this stage adds to those before it. With `partial`, the folder of a stage
        that was stopped is kept for `compute` to go on with.
        """
        chain = json.dumps([FORMAT, version("qkdflow"), self._key, name, depends], sort_keys=True)
        self._key = hashlib.sha256(chain.encode()).hexdigest()
        folder = self.path / name
        mark, begun = folder / "stage.json", folder / "begun.json"
        label = name.partition("_")[2]
        done = _record(mark, "key", "seconds")
        if done.get("key") == self._key:
            self.timings[label] = done["seconds"]
            return load(folder)
        going_on = partial and _record(begun, "key").get("key") == self._key
        if folder.exists() and not going_on:
            shutil.rmtree(folder)
        write_json(begun, {"key": self._key})
        start = time.perf_counter()
        made = compute(folder)
        seconds = time.perf_counter() - start
        self.timings[label] = seconds
        write_json(mark, {"key": self._key, "seconds": seconds})
        begun.unlink(missing_ok=True)
        return made

    def branch(self) -> Run:
        """A chain that leaves this one here: no later stage of this one depends on what the branch computes."""
        return replace(self)


@contextlib.contextmanager
def open_run(path: Path, config: dict[str, Any]) -> Iterator[Run]:
    """A new run in an empty or absent directory, or the one there with the same configuration.

    ConfigError where the directory is of a run with other settings (and which), holds something else, or is in use
    by another process.
    """
    about = path / "run.json"
    if path.exists() and not path.is_dir():
        raise ConfigError(f"[--out {path}] must be a directory; it is a file. Choose another name")
    if path.exists() and not about.exists() and any(not _is_ours(p.name) for p in path.iterdir()):
        raise ConfigError(f"[--out {path}] holds files that are no run of qkdflow. Choose an empty or new directory")
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / ".lock").open("w")
    except OSError as error:
        raise ToolError(f"[--out {path}] must be writable: {error.strerror}. Choose another directory") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(f"[--out {path}] another process is running there. Wait for it to end") from error
        if about.exists():
            _check_same(path, _record(about, "config")["config"], json.loads(json.dumps(config)))
        write_json(about, {"format": FORMAT, "config": config})
        yield Run(path, config)


def hls_settings(path: Path) -> dict[str, Any] | None:
    """What a run's directory says of its hls4ml project; None where it holds no run. DataError where it is damaged."""
    about = path / "run.json"
    if not about.exists():
        return None
    config = _record(about, "config")["config"]
    if not isinstance(config, dict) or not isinstance(config.get("hls"), dict):
        raise DataError(f"[{about}] is damaged; it must hold the run's settings")
    return dict(config["hls"])


def _is_ours(name: str) -> bool:
    """The lock, and what a write that was cut short leaves: all that a run stopped at its very start can hold."""
    return name == ".lock" or (name.startswith(".run.json.") and name.endswith(".tmp"))


def _record(path: Path, *keys: str) -> dict[str, Any]:
    """A JSON object with these keys; empty where there is no file. DataError where it is damaged."""
    if not path.exists():
        return {}
    record = read_json(path)
    if not isinstance(record, dict) or any(key not in record for key in keys):
        raise DataError(f"[{path}] is damaged. Delete its folder, and it is computed again")
    return record


def _check_same(path: Path, there: dict[str, Any], here: dict[str, Any]) -> None:
    # Other hls settings only make the last stages anew; a wrong reuse factor must not cost a search.
    differing = [k for k in sorted({*there, *here} - {"hls"}) if there.get(k) != here.get(k)]
    if differing:
        what = "; ".join(f"{k} is {there.get(k)!r} there and {here.get(k)!r} here" for k in differing)
        raise ConfigError(f"[--out {path}] holds a run with other settings: {what}. Choose another directory")
