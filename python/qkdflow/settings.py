"""RunConfig from an application's name, a TOML file, --set and flags; and the file that `qkdflow init` writes.

What comes later in that list wins. The keys are RunConfig's fields and its tables' (hls, effort, ...), and no others.
"""

from __future__ import annotations

import os
import sys
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

from qkdflow.applications import application
from qkdflow.config import BUDGETS, TABLES, Budget, RunConfig
from qkdflow.errors import ConfigError, did_you_mean
from qkdflow.fitted import fitted

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Settings = dict[str, Any]


def preset(name: str) -> Settings:
    """What an application changes of the defaults."""
    return {"application": name, **_copied(application(name).settings)}


def configure(name: str, **changes: Any) -> RunConfig:
    """The configuration of an application with other settings: configure("psd", bits=6, effort={"samples": 6000}).

    Tables are changed key by key, and relative paths begin here, as in a file. ConfigError.
    """
    return make_config(merged(preset(name), resolved(changes, ".")))


def read_toml(path: str | Path) -> Settings:
    """The settings in a file, its paths from the file's folder on made whole.

    ConfigError names file and line where it is no TOML, else file and key.
    """
    path = Path(path)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"[{path}] a readable TOML file is required; got: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # tomllib's error and Unicode's are ValueErrors
        raise ConfigError(f"[{path}] TOML is required; got: {error}") from error
    return resolved(_checked(RunConfig, found, str(path)), path.parent)


def parse_set(texts: Iterable[str]) -> Settings:
    """--set key=value, --set table.key=value: TOML's values, and text without its quotes; paths from here on.

    ConfigError where there is no key or no `=`.
    """
    settings: Settings = {}
    for text in texts:
        key, equals, value = text.partition("=")
        path = [word.strip() for word in key.split(".")]
        if not equals or not all(path):
            raise ConfigError(f"[--set] must be KEY=VALUE or TABLE.KEY=VALUE; got {text!r}")
        made: Any = _value(value.strip())
        for word in reversed(path[1:]):
            made = {word: made}
        settings = merged(settings, {path[0]: made})
    return resolved(_checked(RunConfig, settings, "--set"), ".")


def resolved(settings: Mapping[str, Any], folder: str | Path) -> Settings:
    """The same with absolute paths: a run is resumed from anywhere. Relative ones begin in `folder`."""
    found = dict(settings)
    for name in ("data", "teacher"):
        path = found.get(name)
        # A bare word of data is a simulator's name, or is refused with the nearest.
        if path and (name == "teacher" or ("." in path or "/" in path)):
            found[name] = os.path.abspath(os.path.join(folder, path))
    return found


def merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> Settings:
    """Both, tables key by key; `high` wins. A part and a board, or two kinds of network, do not mix."""
    both = dict(low)
    for name, value in high.items():
        below = both.get(name)
        if not (isinstance(value, Mapping) and isinstance(below, Mapping)):
            both[name] = value
            continue
        if name.endswith("_network") and value.get("kind", below.get("kind")) != below.get("kind"):
            below = {}
        if name == "hls" and {"part", "board"} & value.keys():
            below = {k: v for k, v in below.items() if k not in ("part", "board")}
        both[name] = {**below, **value}
    return both


def make_config(settings: Mapping[str, Any]) -> RunConfig:
    """The configuration, every key, type and value checked. ConfigError."""
    return RunConfig(**_checked(RunConfig, settings, "settings"))


def to_toml(name: str) -> str:
    """The commented file of an application; read again it gives the same configuration as the name."""
    settings = preset(name)
    about = application(name)
    words = _abouts(RunConfig)
    lines = [f"# {name}: {about.about}.", "# Run it: qkdflow run run.toml --out DIR. Every key is optional.", ""]
    tables = []
    for f in fields(RunConfig):
        default = _default(f)
        if f.name == "data" and about.data:
            lines += [f"# {about.data} (or --data)", '# data = "PATH"']
        elif isinstance(default, dict) or is_dataclass(default):
            tables += ["", f"# {words[f.name]}", *_table(f.name, settings.get(f.name, {}), name)]
        else:
            value = settings.get(f.name, default)
            lines += [
                f"# {words[f.name]}",
                f"{f.name} = {_text(value)}" if value is not None else f"# {f.name} =",
            ]
    return "\n".join([*lines, *tables]) + "\n"


def _table(name: str, settings: Mapping[str, Any], app: str) -> list[str]:
    lines = [f"[{name}]", *(f"{key} = {_text(value)}" for key, value in settings.items())]
    if name in TABLES:
        lines += [
            f"# {f.name} = {_text(_default(f))}"
            for f in fields(TABLES[name])
            if f.name not in settings and _default(f) is not None
        ]
    if name == "effort":
        words = _abouts(Budget)
        for f in fields(Budget):
            quick, paper = (
                application(app).effort.get(budget, {}).get(f.name, getattr(BUDGETS[budget], f.name))
                for budget in ("quick", "paper")
            )
            lines.append(f"# {f.name} = {quick}  # {words[f.name]}; paper: {paper}")
    return lines


def _checked(cls: type, settings: Mapping[str, Any], where: str) -> Settings:
    """`settings` with every key a field of the dataclass and every value of the field's type."""
    hints = typing.get_type_hints(cls)
    known = [f.name for f in fields(cls)]
    values: Settings = {}
    for name, value in settings.items():
        if name not in known:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise ConfigError(f"[{where}] has a key that is not known: {name}{hint}")
        place = f"{where}: {name}"
        if is_dataclass(hints[name]):
            if not isinstance(value, Mapping):
                raise ConfigError(f"[{place}] must be a table; got {value!r}")
            values[name] = _checked(hints[name], value, place)
        else:
            values[name] = fitted(value, hints[name], place)
    return values


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _text(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if isinstance(value, str) else str(value)


def _abouts(cls: type) -> dict[str, str]:
    """The sentence beside each field of a configuration."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {f.name: hints[f.name].__metadata__[0] for f in fields(cls)}


def _default(f: Field[Any]) -> Any:
    return f.default_factory() if f.default_factory is not MISSING else f.default


def _copied(settings: Mapping[str, Any]) -> Settings:
    return {k: dict(v) if isinstance(v, Mapping) else v for k, v in settings.items()}
