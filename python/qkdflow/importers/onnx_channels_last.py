"""qonnx's operators with the channels last: ONNX's own between two transpositions, which cost nothing."""

from __future__ import annotations

from dataclasses import replace

from qkdflow.importers import onnx_linear as linear
from qkdflow.importers import onnx_pooling as pooling
from qkdflow.importers.onnx_graph import Op, Rule
from qkdflow.importers.onnx_values import Const, Ref


def _turned(rule: Rule) -> Rule:
    """The rule of ONNX's operator for the one of the same name and attributes."""

    def whole(op: Op) -> None:
        rank = len(op.ref().order)
        there, back = (0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)
        if op.ref().flat is not None or op.ref().is_image:
            raise op.refuse("a source with its channels last is required", str(op.ref().onnx_shape))
        op.put(0, _transposed(op.ref(), there))
        if op.has(1) and op.const(1).array.ndim == rank:  # a kernel: (outputs, *size, channels)
            weights = op.const(1)
            op.put(1, replace(weights, array=weights.array.transpose(there)))
        rule(op)
        made = op.given
        op.give(made if isinstance(made, Const) else _transposed(made, back))

    return whole


def _transposed(ref: Ref, perm: tuple[int, ...]) -> Ref:
    return replace(ref, order=tuple(perm.index(axis) for axis in ref.order))


RULES: dict[str, Rule] = {
    "Conv": _turned(linear.conv),
    "BatchNormalization": _turned(linear.batch_norm),
    "MaxPool": _turned(pooling.max_pool),
}
