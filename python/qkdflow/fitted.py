"""Values of a configuration held against the type hints of the fields that they are for."""

from __future__ import annotations

import operator
import types
import typing
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from qkdflow.errors import ConfigError

_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    dict: "a table",
    Mapping: "a table",
}


def fitted(value: Any, hint: Any, place: str) -> Any:
    """`value` as the hint wants it: lists become tuples, whole numbers floats. ConfigError where it does not fit."""
    choices = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for choice in choices:
        kind = typing.get_origin(choice) or choice
        if kind is tuple and isinstance(value, (list, tuple)):
            return _items(value, choice, place)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            with suppress(OverflowError):  # of more than 308 digits
                return float(value)
        if kind in (dict, Mapping):
            if isinstance(value, Mapping):
                return dict(value)
        elif isinstance(kind, type) and isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
            return value
    words = " or ".join(_word(c) for c in choices if c is not type(None))
    raise ConfigError(f"[{place}] must be {words}; got {value!r}")


def _items(values: list[Any] | tuple[Any, ...], hint: Any, place: str) -> tuple[Any, ...]:
    each = typing.get_args(hint)
    if each[-1] is not Ellipsis and len(values) != len(each):
        raise ConfigError(f"[{place}] must be {_word(hint)}; got {values!r}")
    return tuple(fitted(v, each[0], place) for v in values)


def _word(hint: Any) -> str:
    if typing.get_origin(hint) is not tuple:
        return _WORDS.get(typing.get_origin(hint) or hint, str(hint))
    each = typing.get_args(hint)
    count = "" if each[-1] is Ellipsis else f"{len(each)} "
    return f"a list of {count}{_word(each[0]).removeprefix('a ')}s"


def whole(value: Any, where: str, name: str, least: int) -> int:
    """A whole number from `least` to 2^31 - 1, as the engine counts. ConfigError for anything else."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if not least <= number < 2**31:
        raise ConfigError(f"[{where}] {name} must be a whole number from {least} to 2^31 - 1; got {value!r}")
    return number
