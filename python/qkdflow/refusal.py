"""How what comes from outside is refused: the file, the layer, the option or the argument, and what is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow.errors import ConfigError, DataError

# What broken structures raise in Python code that trusts them.
BROKEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RecursionError)


def refusal(where: str, required: str, got: object = None) -> DataError:
    shown = "" if got is None else f"; got {_short(got)}"
    return DataError(f"[{where}] {required}{shown}")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else text[:200] + "..."


def real_numbers(given: ArrayLike, name: str) -> NDArray[Any]:
    """An array of real numbers, whole or not. DataError where it is none, texts that spell numbers too."""
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise DataError(f"[{name}] an array of numbers is required: {error}") from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"[{name}] real numbers are required; got {array.dtype}. Use {name}.astype(...)")
    return array


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
