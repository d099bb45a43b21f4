"""Windows, padding, and the operators that only move numbers: Flatten, Reshape, Transpose, Pad, Concat, Squeeze."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qkdflow.importers.onnx_graph import Op
from qkdflow.importers.onnx_values import Const, Ref, channels_last, flattened, plain
from qkdflow.importers.shapes import window

Pads = list[tuple[int, int]]


def pads(op: Op, source: Ref, size: Sequence[int], strides: Sequence[int]) -> Pads:
    """(before, after) for each axis of the window."""
    auto, axes = op.get("auto_pad", "NOTSET"), len(size)
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        upper = same_pads(source, size, strides)
        return upper if auto == "SAME_UPPER" else [(high, low) for low, high in upper]
    if auto not in ("NOTSET", "VALID"):
        raise op.refuse("auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER", auto)
    flat = [0] * (2 * axes) if auto == "VALID" else op.get("pads", [0] * (2 * axes))
    if len(flat) != 2 * axes or min(flat) < 0:
        raise op.refuse(f"pads must be {2 * axes} numbers of at least 0", flat)
    return list(zip(flat[:axes], flat[axes:], strict=True))


def same_pads(source: Ref, size: Sequence[int], strides: Sequence[int]) -> Pads:
    """Keras's and TensorFlow's "same": the odd one goes after."""
    out = []
    for n, k, s in zip(source.shape[:-1], size, strides, strict=True):
        total = max((window(n, k, s, "same") - 1) * s + k - n, 0)
        out.append((total // 2, total - total // 2))
    return out


def same_or_padded(op: Op, source: Ref, size: Sequence[int], strides: Sequence[int], wanted: Pads) -> tuple[Ref, str]:
    """The source, with a ZeroPadding behind it where neither "valid" nor "same" is what is wanted; and the padding."""
    if not any(n for pair in wanted for n in pair):
        return source, "valid"
    if wanted == same_pads(source, size, strides):
        return source, "same"
    padded = op.add(f"ZeroPadding{len(size)}D", source, {"padding": tuple(wanted)})
    return replace(padded, is_positive=source.is_positive), "valid"


def pad(op: Op) -> None:
    op.must("mode", "constant")
    source, flat = op.ref(), op.numbers(1)
    if flat is None or (op.has(2) and float(op.const(2).array.reshape(-1)[0]) != 0):
        raise op.refuse("padding must be of zeros, with constant pads")
    rank = len(source.order)
    pairs = list(zip(flat[:rank], flat[rank:], strict=True)) if len(flat) == 2 * rank else []
    own = [pairs[axis] for axis in source.order] if pairs else []  # our axes: the batch, rows and columns, channels
    is_image = rank in (3, 4) and source.flat is None and (source.is_image or source.is_plain)
    if op.has(3) or not own or not is_image or own[0] != (0, 0) or own[-1] != (0, 0) or min(flat) < 0:
        raise op.refuse("only an image's rows and columns may be padded, by at least 0", flat)
    made = op.add(f"ZeroPadding{rank - 2}D", source, {"padding": tuple(own[1:-1])})
    op.give(replace(made, is_positive=source.is_positive))


def flatten(op: Op) -> None:
    op.must("axis", 1, 1 - len(op.ref().order))
    op.give(_flat(op, op.ref()))


def _flat(op: Op, source: Ref) -> Ref:
    index = flattened(source)
    made = source if len(source.shape) == 1 else op.add("Flatten", source, {})
    return Ref(made.name, (math.prod(source.shape),), plain(1), index, source.is_positive)


def reshape(op: Op) -> None:
    value = op.inputs[0]
    target = op.numbers(1) or []
    if isinstance(value, Const):
        own = [value.array.shape[i] if n == 0 else n for i, n in enumerate(target)]
        op.give(replace(value, array=value.array.reshape(own)))
        return
    n = math.prod(value.shape)
    rest = [value.onnx_shape[i] if t == 0 else t for i, t in enumerate(target[1:])]
    known = math.prod(t for t in rest if t != -1)
    rest = [n // known if t == -1 else t for t in rest]
    if not target or target[0] not in (0, -1, 1) or math.prod(rest) != n:
        raise op.refuse("the batch axis must stay, and the numbers of a sample", target)
    _reshaped(op, value, tuple(rest))


def _reshaped(op: Op, source: Ref, target: tuple[int, ...]) -> None:
    """To a shape in ONNX's order."""
    if target == source.onnx_shape:
        op.give(source)
    elif len(target) == 1:
        op.give(_flat(op, source))
    elif source.is_plain:
        op.give(op.add("Reshape", source, {"target_shape": target}))
    elif math.prod(target) == max(target) == source.shape[-1] and flattened(source) is None:
        made = op.add("Reshape", source, {"target_shape": (*(1 for _ in target[1:]), target[0])})
        op.give(replace(made, order=channels_last(len(target))))
    else:
        raise op.refuse("an image can be flattened, not reshaped", f"{source.onnx_shape} to {target}")


def squeeze(op: Op) -> None:
    axes = op.numbers(1, "axes")
    value = op.inputs[0]
    if isinstance(value, Const):
        op.give(replace(value, array=np.squeeze(value.array, None if axes is None else tuple(axes))))
        return
    rank = len(value.order)
    gone = {a % rank for a in axes} if axes else {i + 1 for i, n in enumerate(value.onnx_shape) if n == 1}
    if 0 in gone or any(value.onnx_shape[a - 1] != 1 for a in gone):
        raise op.refuse("axes of one number must go, and not the batch", axes)
    _reshaped(op, value, tuple(n for i, n in enumerate(value.onnx_shape) if i + 1 not in gone))


def unsqueeze(op: Op) -> None:
    axes = op.numbers(1, "axes") or []
    value = op.inputs[0]
    if isinstance(value, Const):
        op.give(replace(value, array=np.expand_dims(value.array, tuple(axes))))
        return
    rank = len(value.order) + len(axes)
    new = {a % rank for a in axes}
    old = iter(value.onnx_shape)
    if 0 in new:
        raise op.refuse("the batch axis must stay first", axes)
    _reshaped(op, value, tuple(1 if i in new else next(old) for i in range(1, rank)))


def transpose(op: Op) -> None:
    value, perm = op.inputs[0], op.get("perm")
    if isinstance(value, Const):
        op.give(replace(value, array=value.array.transpose(perm)))
        return
    perm = perm or list(reversed(plain(len(value.shape))))
    if perm[0] != 0 or value.flat is not None:
        raise op.refuse("the batch axis must stay first, and the source be no flattened image", perm)
    op.give(replace(value, order=tuple(perm.index(axis) for axis in value.order)))


def concat(op: Op) -> None:
    values = op.inputs
    if all(isinstance(v, Const) for v in values):
        op.give(Const(np.concatenate([v.array for v in values if isinstance(v, Const)], axis=op.get("axis"))))
        return
    refs = tuple(v for v in values if isinstance(v, Ref))
    order, axis = refs[0].order, op.get("axis") % len(refs[0].order)
    if len(refs) != len(values) or any(r.order != order for r in refs) or order[-1] != axis:
        raise op.refuse("computed sources must be joined along their channels", f"axis {op.get('axis')}")
    flats = [r.flat for r in refs]
    made = op.add("Concatenate", refs, {"axis": -1})
    if any(f is not None for f in flats):
        starts = np.cumsum([0, *(r.shape[0] for r in refs[:-1])])
        parts = [s + (np.arange(r.shape[0]) if r.flat is None else r.flat) for s, r in zip(starts, refs, strict=True)]
        made = replace(made, flat=np.concatenate(parts))
    op.give(replace(made, is_positive=all(r.is_positive for r in refs)))
