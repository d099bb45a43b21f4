"""How an importer says no: the file, the layer, the option, and what is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from qkdflow.errors import ConfigError, DataError

# What broken structures raise in Python code that trusts them.
BROKEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError)


def refusal(where: str, required: str, got: object = None) -> DataError:
    shown = "" if got is None else f"; got {_short(got)}"
    return DataError(f"[{where}] {required}{shown}")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else text[:200] + "..."


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Turns what a damaged structure raises into a DataError that names the place."""
    try:
        yield
    except DataError:
        raise
    except ConfigError as error:
        raise DataError(f"[{where}] {error}") from error
    except BROKEN as error:
        raise refusal(
            where, "a whole, undamaged description is required", f"{type(error).__name__}: {error}"
        ) from error
