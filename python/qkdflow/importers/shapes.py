"""The shape that a layer gives, and the shapes that its tensors must have. Shapes leave the batch axis out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qkdflow.refusal import reading, refusal

Shape = tuple[int, ...]
Tensors = dict[str, Shape]
Inferred = tuple[Shape, Tensors]
_LARGEST = 2**31 - 1  # elements of one sample


def infer(where: str, kind: str, arguments: Mapping[str, Any], sources: Sequence[Shape]) -> Inferred:
    """(shape of the result, shape of each tensor by name). DataError where the layer does not fit its source."""
    if kind not in _RULES:
        raise refusal(where, "no rule for this layer is known")
    with reading(where):
        shape, tensors = _RULES[kind](arguments, *sources) if kind not in _MERGES else _RULES[kind](arguments, sources)
    if any(n < 1 for n in shape) or math.prod(shape) > _LARGEST:
        raise refusal(where, "every axis must be at least 1 and a sample below 2^31 numbers", f"{shape} from {sources}")
    return shape, tensors


def window(n: int, size: int, stride: int, padding: str) -> int:
    """Places of a window of `size` along an axis of `n`."""
    if stride < 1:
        raise ValueError(f"a stride of at least 1 is required; got {stride}")
    if padding == "same":
        return -(-n // stride)
    return (n - size) // stride + 1 if n >= size else 0


def _places(src: Shape, a: Mapping[str, Any], sizes: Sequence[int]) -> Shape:
    axes = src[:-1]
    if len(axes) != len(sizes):
        raise ValueError(f"a source of {len(sizes) + 1} axes is required; got {src}")
    pairs = zip(axes, sizes, a["strides"], strict=True)
    return tuple(window(n, size, stride, a["padding"]) for n, size, stride in pairs)


def _biased(a: Mapping[str, Any], channels: int, tensors: Tensors) -> Tensors:
    return {**tensors, "bias": (channels,)} if a.get("use_bias", True) else tensors


def _input(a: Mapping[str, Any]) -> Inferred:
    if any(n is None for n in a["shape"]):
        raise ValueError(f"every axis must be known; got {a['shape']}. Give load_model an input_shape")
    return tuple(a["shape"]), {}


def _dense(a: Mapping[str, Any], src: Shape) -> Inferred:
    units = a["units"]
    return (*src[:-1], units), _biased(a, units, {"kernel": (src[-1], units)})


def _conv(a: Mapping[str, Any], src: Shape) -> Inferred:
    filters, size = a["filters"], tuple(a["kernel_size"])
    return (*_places(src, a, size), filters), _biased(a, filters, {"kernel": (*size, src[-1], filters)})


def _depthwise(a: Mapping[str, Any], src: Shape) -> Inferred:
    size, many = tuple(a["kernel_size"]), a["depth_multiplier"]
    tensors = {"depthwise_kernel": (*size, src[-1], many)}
    return (*_places(src, a, size), src[-1] * many), _biased(a, src[-1] * many, tensors)


def _separable(a: Mapping[str, Any], src: Shape) -> Inferred:
    size, many, filters = tuple(a["kernel_size"]), a["depth_multiplier"], a["filters"]
    tensors = {"depthwise_kernel": (*size, src[-1], many), "pointwise_kernel": (1, 1, src[-1] * many, filters)}
    return (*_places(src, a, size), filters), _biased(a, filters, tensors)


def _norm(a: Mapping[str, Any], src: Shape) -> Inferred:
    c = (src[-1],)
    tensors = {"moving_mean": c, "moving_variance": c}
    return src, {**tensors, **({"gamma": c} if a["scale"] else {}), **({"beta": c} if a["center"] else {})}


def _conv_norm(a: Mapping[str, Any], src: Shape) -> Inferred:
    shape, tensors = _depthwise(a, src) if "depth_multiplier" in a else _conv(a, src)
    return shape, {**tensors, **_norm(a, shape)[1], "steps": (1,)}


def _pool(a: Mapping[str, Any], src: Shape) -> Inferred:
    return (*_places(src, a, a["pool_size"]), src[-1]), {}


def _global(a: Mapping[str, Any], src: Shape) -> Inferred:
    return ((1,) * (len(src) - 1) if a["keepdims"] else ()) + (src[-1],), {}


def _same(a: Mapping[str, Any], src: Shape) -> Inferred:
    return src, {}


def _flatten(a: Mapping[str, Any], src: Shape) -> Inferred:
    return (math.prod(src),), {}


def _reshape(a: Mapping[str, Any], src: Shape) -> Inferred:
    target, n = tuple(a["target_shape"]), math.prod(src)
    known = math.prod(t for t in target if t != -1)
    shape = tuple(n // known if t == -1 else t for t in target)
    if target.count(-1) > 1 or math.prod(shape) != n:
        raise ValueError(f"{src} has {n} numbers; {target} does not")
    return shape, {}


def _pad(a: Mapping[str, Any], src: Shape) -> Inferred:
    pairs = a["padding"]
    if len(pairs) != len(src) - 1:
        raise ValueError(f"padding must be of {len(src) - 1} axes; got {pairs}")
    return (*(n + low + high for n, (low, high) in zip(src[:-1], pairs, strict=True)), src[-1]), {}


def _embedding(a: Mapping[str, Any], src: Shape) -> Inferred:
    return (*src, a["output_dim"]), {"embeddings": (a["input_dim"], a["output_dim"])}


def _gru(a: Mapping[str, Any], src: Shape) -> Inferred:
    steps, n = src
    u = a["units"]
    tensors: Tensors = {"kernel": (n, 3 * u), "recurrent_kernel": (u, 3 * u)}
    if a["use_bias"]:
        tensors["bias"] = (2, 3 * u) if a["reset_after"] else (3 * u,)
    return ((steps, u) if a["return_sequences"] else (u,)), tensors


def _add(a: Mapping[str, Any], sources: Sequence[Shape]) -> Inferred:
    if len(set(sources)) != 1:
        raise ValueError(f"shapes must be equal; got {sources}")
    return sources[0], {}


def _concatenate(a: Mapping[str, Any], sources: Sequence[Shape]) -> Inferred:
    if len({s[:-1] for s in sources}) != 1:
        raise ValueError(f"shapes must agree but for the last axis; got {sources}")
    return (*sources[0][:-1], sum(s[-1] for s in sources)), {}


_MERGES = ("Add", "Concatenate")
_RULES: dict[str, Callable[..., Inferred]] = {
    "Input": _input,
    **{f"{q}Dense": _dense for q in ("", "Q")},
    **{f"{q}Conv{d}D": _conv for q in ("", "Q") for d in (1, 2)},
    **{f"{q}DepthwiseConv2D": _depthwise for q in ("", "Q")},
    **{f"{q}SeparableConv2D": _separable for q in ("", "Q")},
    **{f"{q}BatchNormalization": _norm for q in ("", "Q")},
    **{f"Q{d}Conv2DBatchnorm": _conv_norm for d in ("", "Depthwise")},
    **{f"{how}Pooling{d}D": _pool for how in ("Max", "Average") for d in (1, 2)},
    **{f"Global{how}Pooling{d}D": _global for how in ("Max", "Average") for d in (1, 2)},
    **{f"ZeroPadding{d}D": _pad for d in (1, 2)},
    **dict.fromkeys(("Activation", "QActivation", "ReLU", "LeakyReLU", "Softmax", "Dropout", "Rescaling"), _same),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Embedding": _embedding,
    **dict.fromkeys(("GRU", "QGRU"), _gru),
    "Add": _add,
    "Concatenate": _concatenate,
}
