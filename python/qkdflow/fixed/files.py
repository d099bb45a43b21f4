"""A frozen layer as JSON and arrays, and back: its fields, codes apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from qkdflow._core import FixedPoint
from qkdflow.errors import DataError
from qkdflow.fixed.layer import Codes, FixedLayer
from qkdflow.fixed.pointwise import FixedActivation, FixedSoftmax, FixedTable
from qkdflow.fixed.recurrent import FixedEmbedding, FixedGRU
from qkdflow.fixed.shaped import FixedAdd, FixedConcatenate, FixedPooling, FixedReshape, FixedZeroPadding
from qkdflow.fixed.weighted import FixedConv, FixedDense, FixedDepthwiseConv, FixedScale

KINDS: dict[str, type[FixedLayer]] = {
    kind.kind: kind
    for kind in (
        FixedDense,
        FixedConv,
        FixedDepthwiseConv,
        FixedScale,
        FixedPooling,
        FixedAdd,
        FixedConcatenate,
        FixedReshape,
        FixedZeroPadding,
        FixedActivation,
        FixedTable,
        FixedSoftmax,
        FixedEmbedding,
        FixedGRU,
    )
}


def description(layer: FixedLayer, before: str) -> dict[str, Any]:
    """The JSON part. A layer that takes the result of the one `before` it does not say so."""
    entry: dict[str, Any] = {"kind": layer.kind, "name": layer.name}
    for field in fields(layer):  # type: ignore[arg-type]  # every FixedLayer is a dataclass
        value = getattr(layer, field.name)
        if field.name in layer.arrays or (value is None and field.default is None):
            continue
        if field.name == "inputs" and value == (before,):
            continue
        entry[field.name] = value.to_dict() if isinstance(value, FixedPoint) else value
    return entry


def arrays(layer: FixedLayer) -> dict[str, Codes]:
    """The NPZ part: NAME.weights and the like."""
    found = ((name, getattr(layer, name)) for name in layer.arrays)
    return {f"{layer.name}.{name}": codes for name, codes in found if codes.size}


def layer(entry: Mapping[str, Any], codes: Mapping[str, Codes]) -> FixedLayer:
    """The layer that `description` and `arrays` describe. KeyError, TypeError or ValueError where they do not."""
    name, kind = entry["name"], KINDS.get(entry["kind"])
    if kind is None:
        raise DataError(f"[{name}] kind must be one of {', '.join(KINDS)}; got {entry['kind']!r}")
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in kind.arrays:
            key = f"{name}.{field.name}"
            if key in codes or field.default_factory is MISSING:
                values[field.name] = codes[key]
        elif field.name in entry or field.default is MISSING:
            values[field.name] = _value(entry[field.name])
    return kind(**values)


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return FixedPoint.from_dict(value)
    if isinstance(value, list):
        return tuple(_value(v) for v in value)
    return value
