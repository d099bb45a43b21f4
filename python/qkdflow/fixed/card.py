"""How a frozen network shows itself in a notebook: its counts, and each layer's shape, zeros and types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qkdflow._core import FixedPoint
from qkdflow.cards import card, grid
from qkdflow.fixed.recurrent import FixedGRU
from qkdflow.fixed.weighted import FixedWeighted
from qkdflow.html import Child, fixed_type, join

if TYPE_CHECKING:
    from qkdflow.fixed.model import FixedModel, Link


def fixed_card(fixed: FixedModel) -> str:
    """A small self-contained HTML fragment."""
    about = (
        f"{fixed.input_shape} to {fixed.outputs} logits, {fixed.parameters:,} parameters, {fixed.nonzero:,} not zero, "
        f"kernels of {fixed.bits} bits, {100 * fixed.sparsity:.1f} % of their numbers zero"
    )
    head = ("layer", "kind", "shape", "parameters", "not zero", "weights", "biases", "results")
    first = ("input", None, str(fixed.input_shape), None, None, None, None, fixed_type(fixed.input_type.ap_type))
    return card(f"Fixed-point model {fixed.name}", about, grid(head, [first, *map(_row, fixed.links)], numeric=(3, 4)))


def _row(link: Link) -> list[Child]:
    layer = link.layer
    weights, bias = list[FixedPoint](), None
    if isinstance(layer, FixedWeighted):
        weights, bias = [layer.weight_type], layer.bias_type
    elif isinstance(layer, FixedGRU):  # one after the other, where they are two
        weights, bias = list(dict.fromkeys((layer.kernel_type, layer.recurrent_type))), layer.bias_type
    return [
        layer.name,
        layer.kind,
        str(link.shape),
        f"{layer.parameters:,}" if layer.parameters else None,
        f"{layer.nonzero:,}" if layer.parameters else None,
        join(*(part for kind in weights for part in (fixed_type(kind.ap_type), " "))) if weights else None,
        fixed_type(bias.ap_type) if bias else None,
        fixed_type(layer.result_type.ap_type),
    ]
