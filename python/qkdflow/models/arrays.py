"""Arrays that come from outside, checked once."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow import _core
from qkdflow.errors import DataError
from qkdflow.models.weights import FloatArray
from qkdflow.refusal import real_numbers
from qkdflow.sources import Reader, Source, wrapped

Samples = FloatArray | Reader
AnySamples = TypeVar("AnySamples", FloatArray, Reader, FloatArray | Reader)


def samples(x: ArrayLike | Source, name: str, shape: tuple[int, ...]) -> Samples:
    """Arrays as they are; a Reader of what stays on the disk."""
    source = wrapped(x)
    if source is None:
        return inputs(x, name, shape)  # type: ignore[arg-type]
    if tuple(source.sample_shape) != shape:
        got = (len(source), *source.sample_shape)
        raise DataError(f"[{name}] must be (samples, {', '.join(map(str, shape))}); got {got}")
    if len(source) == 0:
        raise DataError(f"[{name}] holds no sample")
    return Reader(source, name)


def evaluated(graph: _core.Graph, x: Samples, y: NDArray[np.int32]) -> tuple[float, float]:
    """(mean cross-entropy, accuracy)."""
    return _core.evaluate(graph, _in_order(x, graph), y)


def predicted(graph: _core.Graph, x: Samples) -> FloatArray:
    """Logits, float32 (samples, classes)."""
    return graph.predict_rows(_in_order(x, graph), len(x)) if isinstance(x, Reader) else graph.predict(x)


def _in_order(x: AnySamples, graph: _core.Graph) -> AnySamples:
    """Samples that will be asked for one after the other."""
    if isinstance(x, Reader):
        x.announce(np.arange(len(x), dtype=np.uint32), graph.inference_batch)
    return x


def inputs(x: ArrayLike, name: str, shape: tuple[int, ...]) -> FloatArray:
    with np.errstate(over="ignore"):  # beyond float32 is infinity, which is refused below
        array = np.ascontiguousarray(real_numbers(x, name), dtype=np.float32)
    if array.shape[1:] != shape or array.ndim == 0:
        raise DataError(f"[{name}] must be (samples, {', '.join(map(str, shape))}); got {array.shape}")
    if len(array) == 0:
        raise DataError(f"[{name}] holds no sample")
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.argwhere(~finite)[0][0])
        raise DataError(f"[{name}] must be finite numbers; got NaN or infinity in row {row}")
    return array


def finite(logits: ArrayLike, name: str) -> FloatArray:
    """A teacher's logits; one whose weights hold NaN teaches NaN."""
    array = np.ascontiguousarray(real_numbers(logits, name), dtype=np.float32)
    if not np.isfinite(array).all():
        raise DataError(f"[{name}] logits must be finite; got NaN or infinity. `qkdflow inspect` names a file's NaNs")
    return array


def labels(y: ArrayLike | None, name: str, x: Samples, classes: int) -> NDArray[np.int32]:
    """Labels 0 .. classes-1, int32 (samples,), of labels or one-hot rows; a source's own where y is None."""
    if y is None and isinstance(x, Reader):
        y = x.source.labels
    if y is None:
        raise DataError(f"[{name}] labels are required: x brings none")
    array, samples = real_numbers(y, name), len(x)
    if array.ndim == 2 and array.shape[1] == classes > 1:
        array = _hot(array, name)
    array = array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
    if array.shape != (samples,):
        raise DataError(
            f"[{name}] must hold {samples} labels, or rows of {classes}, one a row of x; got {np.asarray(y).shape}"
        )
    known = (array == np.rint(array)) & (array >= 0) & (array < classes)
    if not known.all():
        row = int((~known).argmax())
        limits = f"labels must be 0 to {classes - 1} for a network of {classes} outputs"
        cure = ". A network tells as many classes apart as it has outputs; for two, end it with Dense(2)"
        raise DataError(f"[{name}] {limits}; got {array[row]} in row {row}{cure if classes == 1 else ''}")
    return np.ascontiguousarray(array, dtype=np.int32)


def _hot(rows: NDArray[Any], name: str) -> NDArray[np.intp]:
    """The class of each one-hot row."""
    one_hot = ((rows == 0) | (rows == 1)).all(axis=1) & ((rows == 1).sum(axis=1) == 1)
    if not one_hot.all():
        row = int((~one_hot).argmax())
        raise DataError(
            f"[{name}] rows of {rows.shape[1]} must be one-hot, one 1 and else 0; got {_row(rows[row])} in row {row}. "
            "Give class numbers (samples,) or one-hot rows; soft targets are learnt with teacher_logits"
        )
    classes: NDArray[np.intp] = rows.argmax(axis=1)
    return classes


def _row(row: NDArray[Any]) -> str:
    """Its first numbers."""
    return f"[{', '.join(f'{v:g}' for v in row[:8])}{', ...' if len(row) > 8 else ''}]"
