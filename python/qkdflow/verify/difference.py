"""Where two rungs part: the first layer, the first sample, both values and types, and the likely cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow import reference
from qkdflow.fixed import FixedModel
from qkdflow.fixed.model import INPUT
from qkdflow.reference import Value
from qkdflow.verify import causes

MOST_SAMPLES = 64  # that are traced
UNSEEN = "unknown; this rung shows logits alone, and not the layers before them"

Traced = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Difference:
    """sample: its place among those compared; element: its place in the layer's result."""

    layer: str
    sample: int
    element: tuple[int, ...]
    want: float
    got: float
    want_type: str
    got_type: str
    cause: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        types = self.want_type if self.got_type == self.want_type else f"{self.want_type}, got as {self.got_type}"
        return (
            f"first at layer {self.layer}, sample {self.sample}, element {list(self.element)}: "
            f"{self.got:.10g}, not {self.want:.10g} ({types}); likely cause: {self.cause}"
        )


def samples(wrong: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The places of the first samples with a wrong output; wrong: (n, outputs)."""
    return np.flatnonzero(wrong.any(axis=1))[:MOST_SAMPLES]


def locate(
    fixed: FixedModel,
    x: NDArray[np.float64],
    places: NDArray[np.int64],
    got: Traced,
    types: Mapping[str, str],
    logits_alone: bool = False,
) -> Difference | None:
    """The first layer of `got` that differs from the reference; None where none of them does.

    x: raw inputs (n, *input_shape) whose place among all is `places`; got: results by layer, (n, *shape); types: what
    the other side calls its layers' types, where it knows.
    """
    codes = fixed.input_type.encode(x)
    right = reference.trace(fixed, codes)
    values = {INPUT: Value(codes, fixed.input_type.fraction, fixed.input_type.bits)}
    for layer in fixed.layers:
        kind = layer.result_type
        values[layer.name] = Value(right[layer.name], kind.fraction, kind.bits)
        if layer.name not in got:
            continue
        want = kind.decode(right[layer.name])
        wrong = np.argwhere(want != got[layer.name])
        if len(wrong):
            sources = [values[source] for source in layer.inputs]
            find = causes.explained if logits_alone else causes.likely
            cause = find(layer, sources, got[layer.name]) or UNSEEN
            row, *element = place = tuple(int(i) for i in wrong[0])
            return Difference(
                layer.name,
                int(places[row]),
                tuple(element),
                float(want[place]),
                float(got[layer.name][place]),
                kind.ap_type,
                types.get(layer.name, kind.ap_type),
                cause,
            )
    return None
