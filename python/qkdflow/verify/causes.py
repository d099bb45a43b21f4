"""Why a layer gave other values than it should have: hypotheses, each tried on the layer's own inputs.

The layer is computed again under every way it may have been computed wrongly; the first way that gives exactly the
values found is the likely cause.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import FixedPoint
from qkdflow.fixed import (
    FixedActivation,
    FixedDense,
    FixedLayer,
    FixedPooling,
    FixedScale,
    FixedSoftmax,
    FixedTable,
    FixedWeighted,
)
from qkdflow.reference import Value, cast, result

ROUNDING = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOW = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")
MOST_BITS = 16  # that a type may be wrong by

Real = NDArray[np.float64]


def likely(layer: FixedLayer, sources: list[Value], got: Real) -> str:
    """A sentence. sources: the layer's inputs, codes (n, *shape), as they should be; got: (n, *shape)."""
    text = explained(layer, sources, got)
    if text is not None:
        return text
    if isinstance(layer, FixedSoftmax):
        return "table softmax: its tables, or what addresses them, are others"
    if isinstance(layer, FixedTable):
        return f"table {layer.function}: its entries, or what addresses them, are others"
    if isinstance(layer, FixedWeighted):
        return "precision: weights, bias or accumulator are others"
    return "precision: no other rounding, overflow or width of this layer's result alone explains it"


def explained(layer: FixedLayer, sources: list[Value], got: Real) -> str | None:
    """The first wrong way to compute the layer that gives exactly what was got."""
    return next((text for text, values in _hypotheses(layer, sources) if np.array_equal(values, got)), None)


def _hypotheses(layer: FixedLayer, sources: list[Value]) -> Iterator[tuple[str, Real]]:
    kind = layer.result_type
    if not _casts(layer):
        yield from _exact(layer, sources)
        return
    for rounding in ROUNDING:
        if rounding != kind.rounding:
            yield from _as(layer, sources, _like(kind, rounding=rounding), f"rounding: {rounding}, not {kind.rounding}")
    for overflow in OVERFLOW:
        if overflow != kind.overflow:
            text = f"saturation: {overflow}, not {kind.overflow}"
            yield from _as(layer, sources, _like(kind, overflow=overflow), text)
    for rounding in ROUNDING:
        for overflow in OVERFLOW:
            if rounding != kind.rounding and overflow != kind.overflow:
                text = f"rounding and saturation: {rounding} and {overflow}, not {kind.rounding} and {kind.overflow}"
                yield from _as(layer, sources, _like(kind, rounding=rounding, overflow=overflow), text)
    for n in range(1, MOST_BITS):
        for bits, integer, text in (
            (kind.bits - n, kind.integer, f"precision: {n} fraction bits too few"),
            (kind.bits - n, kind.integer - n, f"precision: {n} integer bits too few"),
            (kind.bits + n, kind.integer, f"precision: {n} fraction bits too many"),
            (kind.bits + n, kind.integer + n, f"precision: {n} integer bits too many"),
        ):
            if 1 < bits < 60:
                yield from _as(layer, sources, _like(kind, bits=bits, integer=integer), text)


def _as(layer: FixedLayer, sources: list[Value], kind: FixedPoint, text: str) -> Iterator[tuple[str, Real]]:
    changed = replace(layer, result_type=kind)  # type: ignore[type-var]  # every FixedLayer is a dataclass
    yield text, kind.decode(result(changed, sources))


def _casts(layer: FixedLayer) -> bool:
    """Whether a layer's result type rounds and saturates; of others it holds every value."""
    means = isinstance(layer, FixedPooling) and layer.accum_type is not None
    return means or isinstance(layer, (FixedActivation, FixedTable, FixedSoftmax))


def _exact(layer: FixedLayer, sources: list[Value]) -> Iterator[tuple[str, Real]]:
    """Values are exact in their type; a narrower one, or accumulator, cuts their low bits or wraps their high ones."""
    exact, kind = result(layer, sources), layer.result_type
    plain = FixedPoint(kind.bits, kind.integer)
    for n in range(1, min(MOST_BITS, kind.bits - 1)):
        low, high = FixedPoint(kind.bits - n, kind.integer), FixedPoint(kind.bits - n, kind.integer - n)
        yield f"precision: its result has {n} fraction bits too few", low.decode(cast(exact, kind.fraction, low))
        yield f"precision: its result wraps, {n} integer bits too few", high.decode(cast(exact, kind.fraction, high))
        if isinstance(layer, FixedDense):
            each = _cut_products(layer, sources[0], n)
            yield f"order of accumulation: products are cut by {n} bits before they are summed", plain.decode(each)
    if isinstance(layer, FixedWeighted):
        yield "order of accumulation: summed in 32-bit floats", _in_float32(layer, sources)


def _cut_products(layer: FixedDense, value: Value, n: int) -> NDArray[np.int64]:
    """Sums whose products lose n bits each."""
    grid = layer.result_type.fraction
    up = grid - value.fraction - layer.weight_type.fraction
    products = (value.codes[:, :, None] * layer.weights[None]) << up
    bias = layer.bias << grid - layer.bias_type.fraction
    sums: NDArray[np.int64] = (products >> n << n).sum(axis=1) + (bias >> n << n)
    return sums


def _in_float32(layer: FixedWeighted, sources: list[Value]) -> Real:
    """What 32-bit floats give, terms in their order; of dense layers and scales (others: the exact sum, cast)."""
    value = sources[0]
    x = np.ldexp(value.codes.astype(np.float64), -value.fraction).astype(np.float32)
    weights = layer.weight_type.decode(layer.weights).astype(np.float32)
    bias = layer.bias_type.decode(layer.bias).astype(np.float32)
    if isinstance(layer, FixedScale):
        return (x * weights + bias).astype(np.float64)
    if isinstance(layer, FixedDense):
        total = np.zeros((len(x), weights.shape[1]), dtype=np.float32)
        for i in range(weights.shape[0]):
            total += x[:, i : i + 1] * weights[i]
        return (total + bias).astype(np.float64)
    return layer.result_type.decode(result(layer, sources)).astype(np.float32).astype(np.float64)


def _like(kind: FixedPoint, **changes: int | str) -> FixedPoint:
    return FixedPoint.from_dict({**kind.to_dict(), **changes})
