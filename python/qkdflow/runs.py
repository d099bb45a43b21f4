"""A run directory: the line made visible, stage by stage, and the rule by which a run resumes.

A stage's folder is complete when its stage.json is there; the file is written last, and holds the stage's key: a hash
of the settings that the stage depends on and of the keys before it. A complete stage with the same key is loaded, any
other is computed again. Settings, files and versions may change as long as no result of training is in their way.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from qkdflow.errors import ConfigError, DataError, ToolError
from qkdflow.files import read_json, remove_temporaries, temporary_of, write_json

FORMAT = "qkdflow.run/1"
T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """A stage before it is run. depends: the settings that it adds to those of the steps before it.

    aside: no later step depends on it. begun: whether a stopped stage's folder holds something to go on with; without
    it a stopped stage begins anew. remade_for: settings for whose sake its result is made anew without a question; None
    is any of them, and for a result that costs no training.
    """

    name: str
    depends: dict[str, Any]
    aside: bool = False
    begun: Callable[[Path], bool] | None = None
    remade_for: tuple[str, ...] | None = ()


@dataclass
class Run:
    """An open run directory. timings: seconds a stage, from when it was computed. made: what was computed just now."""

    path: Path
    config: dict[str, Any]
    _steps: dict[str, Step]
    _keys: dict[str, str]
    timings: dict[str, float] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    def stage(self, name: str, compute: Callable[[Path], T], load: Callable[[Path], T]) -> T:
        """What `load` reads of a complete stage, or what `compute` makes in its folder."""
        key, folder, partial = self._keys[name], self.path / name, self._steps[name].begun is not None
        mark, begun = folder / "stage.json", folder / "begun.json"
        label = name.partition("_")[2]
        done = _record(mark, "key", "seconds")
        if done.get("key") == key:
            begun.unlink(missing_ok=True)  # left where it was killed between the two
            self.timings[label] = done["seconds"]
            return load(folder)
        going_on = partial and _record(begun, "key").get("key") == key
        if folder.exists() and not going_on:
            if not self._steps[name].aside:  # a report must not outlive what it speaks of
                for report in ("report.json", "report.html"):
                    (self.path / report).unlink(missing_ok=True)
            shutil.rmtree(folder)
        write_json(begun, {"key": key})
        self.made.append(name)
        start = time.perf_counter()
        made = compute(folder)
        seconds = time.perf_counter() - start
        self.timings[label] = seconds
        write_json(mark, {"key": key, "seconds": seconds})
        begun.unlink(missing_ok=True)
        return made


@contextlib.contextmanager
def open_run(path: Path, config: dict[str, Any], steps: Sequence[Step]) -> Iterator[Run]:
    """A new run in an empty or absent directory, or the one there.

    ConfigError where the directory holds results of other settings (and which), something else, or is in use by
    another process; ToolError where it cannot be written or locked.
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
        except BlockingIOError as error:
            raise ConfigError(f"[--out {path}] another process is running there. Wait for it to end") from error
        except OSError as error:
            cure = "Choose a folder on a local disk"
            raise ToolError(f"[--out {path}] must allow locks: {error.strerror}. {cure}") from error
        run = Run(path, config, {step.name: step for step in steps}, _keys(steps))
        if about.exists():
            _check_kept(run, _record(about, "config"), json.loads(json.dumps(config)))
        remove_temporaries(path)
        write_json(about, {"format": FORMAT, "version": version("qkdflow"), "config": config})
        yield run


def _keys(steps: Sequence[Step]) -> dict[str, str]:
    """Each step's: a hash of what it and the steps before it depend on."""
    before, keys = "", {}
    for step in steps:
        chain = json.dumps([FORMAT, version("qkdflow"), before, step.name, step.depends], sort_keys=True)
        keys[step.name] = hashlib.sha256(chain.encode()).hexdigest()
        before = before if step.aside else keys[step.name]
    return keys


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
    return name == ".lock" or temporary_of(name) == "run.json"


def _record(path: Path, *keys: str) -> dict[str, Any]:
    """A JSON object with these keys; empty where there is no file. DataError where it is damaged."""
    if not path.exists():
        return {}
    record = read_json(path)
    if not isinstance(record, dict) or any(key not in record for key in keys):
        raise DataError(f"[{path}] is damaged. Delete its folder, and it is computed again")
    return record


def _check_kept(run: Run, there: dict[str, Any], config: dict[str, Any]) -> None:
    """ConfigError where something that has changed would cost a result."""
    before = there["config"]
    differing = [k for k in sorted({*before, *config}) if before.get(k) != config.get(k)]
    lost = [name for name in _results(run) if not _is_remade(run._steps.get(name), differing)]
    if not lost:
        return
    if differing:
        changed = "other settings: " + "; ".join(
            f"{k} is {before.get(k)!r} there and {config.get(k)!r} here" for k in differing
        )
    elif there.get("version") != version("qkdflow"):
        changed = f"another version of qkdflow, {there.get('version')}; this is {version('qkdflow')}"
    else:
        changed = "other data or another teacher: a file has changed since"
    raise ConfigError(
        f"[--out {run.path}] holds a run with {changed}. Its {lost[0]} would be lost. Choose another directory"
    )


def _results(run: Run) -> Iterator[str]:
    """The stages in the directory that hold something, and not what `run` would go on with."""
    for folder in sorted(p for p in run.path.iterdir() if p.is_dir()):
        step, done, begun = run._steps.get(folder.name), folder / "stage.json", folder / "begun.json"
        started = begun.exists() and step is not None and step.begun is not None and step.begun(folder)
        found = _record(done, "key") or (_record(begun, "key") if started else {})
        if found and found["key"] != run._keys.get(folder.name):
            yield folder.name


def _is_remade(step: Step | None, differing: list[str]) -> bool:
    """Whether a result may go. Where no setting differs, but a file, the version or a compiler that is there now: if it
    cost no training."""
    if step is None or step.remade_for == ():
        return False
    return step.remade_for is None or {*differing} <= {*step.remade_for}
