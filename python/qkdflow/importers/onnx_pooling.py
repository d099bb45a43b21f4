"""MaxPool, AveragePool, and the means over a whole image."""

from __future__ import annotations

from collections.abc import Sequence

from qkdflow.importers.onnx_graph import Op, Rule, positive
from qkdflow.importers.onnx_shaping import pads, same_or_padded, same_pads
from qkdflow.importers.onnx_values import Ref


def max_pool(op: Op) -> None:
    source, size, strides = _window(op)
    wanted = pads(op, source, size, strides)
    is_padded = any(n for pair in wanted for n in pair)
    if is_padded and wanted != same_pads(source, size, strides) and not source.is_positive:
        raise op.refuse("pads must be none or as auto_pad SAME_UPPER, unless a Relu comes before", op.get("pads"))
    padded, padding = same_or_padded(op, source, size, strides, wanted)  # behind a Relu, zero is as good as -infinity
    made = op.add(f"MaxPooling{len(size)}D", padded, {"pool_size": size, "strides": strides, "padding": padding})
    op.give(positive(made, source.is_positive))


def average_pool(op: Op) -> None:
    source, size, strides = _window(op)
    wanted = pads(op, source, size, strides)
    counts_pads, is_padded = op.get("count_include_pad", 0), any(n for pair in wanted for n in pair)
    if is_padded and counts_pads:
        source = op.add(f"ZeroPadding{len(size)}D", source, {"padding": tuple(wanted)})
    elif is_padded and wanted != same_pads(source, size, strides):
        raise op.refuse("pads must be none, as auto_pad SAME_UPPER, or counted (count_include_pad=1)", op.get("pads"))
    padding = "same" if is_padded and not counts_pads else "valid"
    op.give(op.add(f"AveragePooling{len(size)}D", source, {"pool_size": size, "strides": strides, "padding": padding}))


def _window(op: Op) -> tuple[Ref, tuple[int, ...], tuple[int, ...]]:
    source, size = op.ref(), tuple(op.get("kernel_shape"))
    if not source.is_image or len(size) not in (1, 2) or len(size) != len(source.shape) - 1:
        raise op.refuse("an image (N, C, H, W) or a series (N, C, L) is required", str(source.onnx_shape))
    if any(d != 1 for d in op.get("dilations", [])):
        raise op.refuse("dilations must be 1", op.get("dilations"))
    strides = tuple(op.get("strides", [1] * len(size)))
    if op.get("ceil_mode", 0) and not _divides(op, source, size, strides):
        raise op.refuse("ceil_mode must be 0 where the window does not fit a whole number of times", 1)
    return source, size, strides


def _divides(op: Op, source: Ref, size: Sequence[int], strides: Sequence[int]) -> bool:
    wanted = pads(op, source, size, strides)
    spans = zip(source.shape, wanted, size, strides, strict=False)
    return all((n + low + high - k) % s == 0 for n, (low, high), k, s in spans)


def whole(how: str) -> Rule:
    """GlobalAveragePool, GlobalMaxPool."""

    def rule(op: Op) -> None:
        _whole(op, how, True, op.ref().is_image)

    return rule


def reduced(how: str) -> Rule:
    """ReduceMean, ReduceMax: over an image, whose channels may be first or last."""

    def rule(op: Op) -> None:
        source, axes = op.ref(), op.numbers(1, "axes")
        if axes is None or {a % len(source.order) for a in axes} != set(source.order[1:-1]):
            what = "mean" if how == "Average" else "maximum"
            raise op.refuse(f"the {what} must be over all rows and columns of an image", axes)
        _whole(op, how, bool(op.get("keepdims", 1)), source.is_image or source.is_plain)

    return rule


def _whole(op: Op, how: str, keepdims: bool, is_image: bool) -> None:
    source = op.ref()
    if not is_image or len(source.shape) not in (2, 3):
        raise op.refuse("an image (N, C, H, W) or a series (N, C, L) is required", str(source.onnx_shape))
    made = op.add(f"Global{how}Pooling{len(source.shape) - 1}D", source, {"keepdims": keepdims})
    op.give(positive(made, source.is_positive))
