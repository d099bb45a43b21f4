"""The frozen network's forward pass in int64 NumPy, written from the definition of ap_fixed alone.

It shares no arithmetic with FixedPoint or the emulator, so that either can be held against it; where no C++
compiler is present it stands in for csim.

Notation (Vitis HLS UG1399, "Arbitrary precision fixed-point data types"; IEEE 1666, 7.10.9): a code q loses
its s lowest bits. `lsb` is the lowest bit kept, `mdb` the highest bit deleted, `rest` whether any deleted bit
below it is set, `sign` whether q is negative. Each rounding mode adds one bit to q >> s.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from qkdflow._core import FixedPoint
from qkdflow.errors import DataError
from qkdflow.fixed import (
    Codes,
    FixedActivation,
    FixedAdd,
    FixedConcatenate,
    FixedConv,
    FixedDense,
    FixedDepthwiseConv,
    FixedEmbedding,
    FixedGRU,
    FixedLayer,
    FixedModel,
    FixedPooling,
    FixedReshape,
    FixedScale,
    FixedSoftmax,
    FixedTable,
    FixedWeighted,
    FixedZeroPadding,
)

Bits = NDArray[np.bool_]


class Value(NamedTuple):
    """A tensor: codes (n, *shape) with `fraction` fraction bits; bits, of its type."""

    codes: Codes
    fraction: int
    bits: int


def run(fixed: FixedModel, codes: Codes) -> Codes:
    """Logit codes, int64 (n, outputs), of input codes, int64 (n, *input_shape). Raises DataError."""
    return trace(fixed, codes)[fixed.layers[-1].name]


def trace(fixed: FixedModel, codes: Codes) -> dict[str, Codes]:
    """Every layer's result codes, int64 (n, *shape), by layer name."""
    values = {"input": Value(_checked(fixed, codes), fixed.input_type.fraction, fixed.input_type.bits)}
    for layer in fixed.layers:
        codes = result(layer, [values[source] for source in layer.inputs])
        values[layer.name] = Value(codes, layer.result_type.fraction, layer.result_type.bits)
    return {layer.name: values[layer.name].codes for layer in fixed.layers}


def result(layer: FixedLayer, sources: list[Value]) -> Codes:
    """A layer's result codes, int64 (n, *shape), of its sources'."""
    value, kind = sources[0], layer.result_type
    match layer:
        case FixedWeighted():
            exact = kind.fraction
            product = exact - value.fraction - layer.weight_type.fraction
            return (_products(layer, value.codes) << product) + (layer.bias << exact - layer.bias_type.fraction)
        case FixedActivation():
            return _activation(layer, value)
        case FixedPooling():
            return _pooling(layer, value)
        case FixedAdd():
            return _aligned(sources[0], kind) + _aligned(sources[1], kind)
        case FixedConcatenate():
            return np.concatenate([_aligned(source, kind) for source in sources], axis=-1)
        case FixedReshape():
            return value.codes.reshape(len(value.codes), *layer.shape)
        case FixedZeroPadding():
            return np.pad(value.codes, ((0, 0), *layer.padding, (0, 0)))
        case FixedEmbedding():
            rows = np.pad(layer.embeddings, ((0, 1), (0, 0)))
            return rows[np.minimum(value.codes, len(rows) - 1)]
        case FixedGRU():
            return _gru(layer, value)
        case FixedTable():
            return _table(layer, value)
        case FixedSoftmax():
            return _softmax(layer, value)
    raise DataError(f"[reference] a layer of a known kind is required; got {layer.kind}")


def _products(layer: FixedWeighted, codes: Codes) -> Codes:
    weights = layer.weights
    match layer:
        case FixedDense():
            return codes @ weights
        case FixedScale():
            return codes * weights
        case FixedConv():
            windows = _windows(codes, weights.shape[:-2], layer.strides, layer.padding, 0)
            axes = tuple(range(weights.ndim - 1))
            return np.tensordot(windows, weights, ([a - len(axes) for a in axes], axes))
        case FixedDepthwiseConv():
            windows = _windows(codes, weights.shape[:-1], layer.strides, layer.padding, 0)
            axes = tuple(range(-weights.ndim, -1))
            total: Codes = (windows * weights).sum(axis=axes)
            return total
    raise DataError(f"[reference] a layer of a known kind is required; got {layer.kind}")


def _windows(
    codes: Codes, size: tuple[int, ...], strides: tuple[int, ...], padding: tuple[tuple[int, int], ...], fill: int
) -> Codes:
    """(n, *positions, *size, channels)"""
    padded = np.pad(codes, ((0, 0), *padding, (0, 0)), constant_values=fill)
    axes = tuple(range(1, 1 + len(size)))
    steps = (slice(None), *(slice(None, None, s) for s in strides))
    windows = sliding_window_view(padded, size, axis=axes)[steps]
    return np.moveaxis(windows, 1 + len(size), -1)


def _activation(layer: FixedActivation, value: Value) -> Codes:
    x, fraction, kind = value.codes, value.fraction, layer.result_type
    match layer.activation:
        case "linear":
            return cast(x, fraction, kind)
        case "relu":
            return cast(np.maximum(x, 0), fraction, kind)
        case "relu6":
            above = x > 6 << fraction if fraction >= 0 else x << -fraction > 6
            six = cast(np.array([6]), 0, kind)
            return np.where(above, six, cast(np.maximum(x, 0), fraction, kind))
    (slope, slope_fraction), (shift, shift_fraction) = layer.coefficients
    below, finer = slope * x, fraction + slope_fraction
    if layer.activation == "leaky_relu":
        return np.where(x > 0, cast(x, fraction, kind), cast(below, finer, kind))
    grid = max(finer, shift_fraction)
    y = np.clip((below << grid - finer) + (shift << grid - shift_fraction), 0, 1 << grid)
    return cast(y if layer.activation == "hard_sigmoid" else 2 * y - (1 << grid), grid, kind)


def _pooling(layer: FixedPooling, value: Value) -> Codes:
    axes = tuple(range(-1 - len(layer.size), -1))
    lowest = int(np.iinfo(np.int64).min)
    fill = lowest if layer.op == "max" else 0
    windows = _windows(value.codes, layer.size, layer.strides, layer.padding, fill)
    if layer.accum_type is None:
        pooled: Codes = windows.max(axis=axes)
    else:
        inside = _windows(np.ones_like(value.codes[:1]), layer.size, layer.strides, layer.padding, 0)
        sums = windows.sum(axis=axes) << layer.accum_type.fraction - value.fraction
        counts = inside.sum(axis=axes)
        towards_zero = np.sign(sums) * (np.abs(sums) // counts)
        pooled = cast(towards_zero, layer.accum_type.fraction, layer.result_type)
    return pooled.reshape(len(pooled), -1) if layer.is_global else pooled


def _table(layer: FixedTable, value: Value) -> Codes:
    codes = layer.table[_index(layer.function, value.codes, value.fraction, layer.table_size)]
    return cast(codes, layer.table_type.fraction, layer.result_type)


def _index(function: str, codes: Codes, fraction: int, size: int) -> Codes:
    span = {"sigmoid": 16, "tanh": 8}[function]
    product = codes * size
    if fraction >= 0:
        scaled = np.sign(product) * (np.abs(product) // (span << fraction))
    else:
        scaled = (np.sign(product) * (np.abs(product) // span)) << -fraction
    index: Codes = np.clip(scaled + size // 2, 0, size - 1)
    return index


def _gru(layer: FixedGRU, value: Value) -> Codes:
    u, state, accum = layer.units, layer.result_type, layer.accum_type
    f, size = accum.fraction, layer.table_size
    tables = {name: cast(layer.table(name), layer.table_type.fraction, accum) for name in ("sigmoid", "tanh")}

    def sums(codes: Codes, fraction: int, kernel: Codes, kind: FixedPoint, bias: Codes) -> Codes:
        total: Codes = (codes @ kernel << f - fraction - kind.fraction) + (bias << f - layer.bias_type.fraction)
        return total

    def gate(function: str, codes: Codes) -> Codes:
        found: Codes = tables[function][_index(function, codes, f, size)]
        return found

    h, seen = np.zeros((len(value.codes), u), dtype=np.int64), []
    for x in np.moveaxis(value.codes, 1, 0):
        a = sums(x, value.fraction, layer.kernel, layer.kernel_type, layer.bias[0])
        c = sums(h, state.fraction, layer.recurrent_kernel, layer.recurrent_type, layer.bias[1])
        z, r = gate("sigmoid", a[:, :u] + c[:, :u]), gate("sigmoid", a[:, u : 2 * u] + c[:, u : 2 * u])
        g = gate("tanh", a[:, 2 * u :] + cast(r * c[:, 2 * u :], 2 * f, accum))
        finer = max(f, state.fraction)
        mixed = (g * ((1 << f) - z) << finer - f) + (h * z << finer - state.fraction)
        h = cast(mixed, f + finer, state)
        seen.append(h)
    return np.stack(seen, axis=1) if layer.return_sequences else h


def _softmax(layer: FixedSoftmax, value: Value) -> Codes:
    x, kind = value.codes, layer.result_type
    if layer.implementation == "argmax":
        first = np.argmax(x, axis=-1)[:, None] == np.arange(x.shape[-1])
        return np.where(first, cast(np.array([1]), 0, kind), 0)
    address = x.max(axis=-1, keepdims=True) - x if layer.implementation == "stable" else x
    e = layer.exponential[_top(address, value.bits, layer.exponential.size)]
    e = e << layer.accum_type.fraction - layer.exponential_type.fraction
    total = cast(e.sum(axis=-1, keepdims=True), layer.accum_type.fraction, layer.sum_type)
    factor = layer.inverse[_top(total, layer.sum_type.bits, layer.inverse.size)]
    return cast(e * factor, layer.accum_type.fraction + layer.inverse_type.fraction, kind)


def _top(codes: Codes, bits: int, size: int) -> Codes:
    """The highest bits of codes of `bits` bits: as many as address `size` entries."""
    return (codes & (1 << bits) - 1) >> bits - (size.bit_length() - 1)


def _aligned(value: Value, kind: FixedPoint) -> Codes:
    return value.codes << kind.fraction - value.fraction


def cast(codes: Codes, fraction: int, kind: FixedPoint) -> Codes:
    """`kind` value = value with `fraction` fraction bits: rounding, then overflow, as ap_fixed assigns."""
    drop = fraction - kind.fraction
    if drop > 0:
        return _overflow(_rounded(codes, drop, kind.rounding), 0, kind)
    return _overflow(codes, -drop, kind)


def _checked(fixed: FixedModel, codes: Codes) -> Codes:
    codes = np.asarray(codes)
    kind, shape = fixed.input_type, fixed.input_shape
    if codes.dtype.kind not in "iu" or codes.shape[1:] != shape:
        raise DataError(
            f"[reference] integer codes of shape (n, {', '.join(map(str, shape))}) are required; "
            f"got {codes.dtype} {codes.shape}"
        )
    low, high = (-(1 << kind.bits - 1), (1 << kind.bits - 1) - 1) if kind.is_signed else (0, (1 << kind.bits) - 1)
    if codes.size and (int(codes.min()) < low or int(codes.max()) > high):
        raise DataError(
            f"[reference] codes of {kind.ap_type} ({low} to {high}) are required; got {codes.min()} to {codes.max()}"
        )
    return codes.astype(np.int64)


def _ends(kind: FixedPoint) -> tuple[int, int]:
    """The smallest and the largest number that the type's bits can spell."""
    w = kind.bits
    return (-(1 << w - 1), (1 << w - 1) - 1) if kind.is_signed else (0, (1 << w) - 1)


def _rounded(q: Codes, s: int, mode: str) -> Codes:
    """q * 2^-s to an integer, 1 <= s <= 63."""
    kept = q >> s
    lsb, mdb = kept & 1 == 1, q >> (s - 1) & 1 == 1
    rest, sign = q & ((1 << (s - 1)) - 1) != 0, q < 0
    carry: dict[str, Bits] = {
        "TRN": np.zeros_like(sign),  # towards minus infinity
        "TRN_ZERO": sign & (mdb | rest),
        "RND": mdb,  # ties towards plus infinity
        "RND_ZERO": mdb & (sign | rest),
        "RND_INF": mdb & (~sign | rest),
        "RND_MIN_INF": mdb & rest,
        "RND_CONV": mdb & (lsb | rest),  # ties to even
    }
    return kept + carry[mode]


def _overflow(q: Codes, s: int, kind: FixedPoint) -> Codes:
    """q * 2^s, 0 <= s <= 63, brought into the type's W bits."""
    w, (low, high) = kind.bits, _ends(kind)
    if kind.overflow == "WRAP":  # the lowest W bits, the highest of them being the sign where there is one
        return (q << s) << (64 - w) >> (64 - w) if kind.is_signed else (q << s) & high
    if kind.overflow == "SAT_SYM" and kind.is_signed:
        low += 1
    over, under = q > high >> s, q < -(-low >> s)  # compared before the shift, which may leave 64 bits
    at_high, at_low = (0, 0) if kind.overflow == "SAT_ZERO" else (high, low)
    return np.where(over, at_high, np.where(under, at_low, q << s))
