"""What every frozen layer has: a name, the names of its sources, the type of its result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError

Codes = NDArray[np.int64]
Pair = tuple[int, int]


def need(ok: bool, where: str, message: str) -> None:
    if not ok:
        raise ConfigError(f"[{where}] {message}")


def integers(values: Any, ndims: tuple[int, ...], kind: FixedPoint, where: str, what: str) -> Codes:
    """A read-only int64 copy of `values`, all of them codes of type `kind`."""
    array = np.asarray(values)
    need(array.dtype.kind in "iu", where, f"{what} must be integer codes; got dtype {array.dtype}")
    axes = " or ".join(map(str, ndims))
    need(array.ndim in ndims and array.size > 0, where, f"{what} must have {axes} axes; got {array.shape}")
    low, high = int(array.min()), int(array.max())
    need(
        kind.low_code <= low and high <= kind.high_code,
        where,
        f"{what} must be codes of {kind.ap_type} ({kind.low_code} to {kind.high_code}); got {low} to {high}",
    )
    copy = np.array(array, dtype=np.int64, order="C")
    copy.setflags(write=False)
    return copy


def pairs(values: Any, count: int, where: str, what: str) -> tuple[Pair, ...]:
    """`count` pairs (before, after) of integers from 0 on."""
    try:
        found = tuple((int(before), int(after)) for before, after in values)
    except (TypeError, ValueError):
        found = ()
    ok = len(found) == count and all(n >= 0 for pair in found for n in pair)
    need(ok, where, f"{what} must be {count} pairs (before, after) from 0 on; got {values!r}")
    return found


def sizes(values: Any, count: int, where: str, what: str) -> tuple[int, ...]:
    """`count` integers from 1 on."""
    try:
        found = tuple(int(n) for n in values)
    except (TypeError, ValueError):
        found = ()
    ok = len(found) == count and all(n >= 1 for n in found)
    need(ok, where, f"{what} must be {count} whole numbers from 1 on; got {values!r}")
    return found


def plane(values: tuple[Any, ...], missing: Any) -> tuple[Any, Any]:
    """(height, width) of what a sequence has for its width alone."""
    return (missing, values[0]) if len(values) == 1 else (values[0], values[1])


class FixedLayer(ABC):
    """A layer of integers. `inputs` names its sources; empty, it takes the layer before it.

    Once in a FixedModel, `inputs` is never empty; the model's own input is called `input` there.
    """

    kind: ClassVar[str]
    arrays: ClassVar[tuple[str, ...]] = ()  # the fields that hold codes
    sources: ClassVar[int] = 1

    name: str
    result_type: FixedPoint
    inputs: tuple[str, ...]

    @property
    def where(self) -> str:
        """Kind and name, for errors."""
        return f"{type(self).__name__} {self.name}"

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return 0

    @property
    def nonzero(self) -> int:
        """Weights and biases whose integers are not zero."""
        return 0

    @property
    def size_bits(self) -> int:
        """Storage of weights and biases at their types' widths, zeros included."""
        return 0

    @property
    def kernel_codes(self) -> tuple[tuple[Codes, FixedPoint], ...]:
        """The integers that its source, or its state, is multiplied with, each array with its type; biases, a table's
        rows and a BatchNormalization's scales are none."""
        return ()

    @abstractmethod
    def core(self) -> _core.FixedLayer:
        """The engine's layer."""

    def check(self, shapes: tuple[tuple[int, ...], ...]) -> None:  # noqa: B027 - most layers take any shape
        """Raises ConfigError for source shapes that mean something else than this layer."""
