"""Gemm, MatMul, Conv and BatchNormalization."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow.importers.onnx_graph import Op
from qkdflow.importers.onnx_shaping import pads, same_or_padded
from qkdflow.importers.onnx_values import Const, Ref


def gemm(op: Op) -> None:
    """alpha * A @ B + beta * C."""
    op.must("transA", 0)
    weights, alpha, beta = op.const(1), op.get("alpha", 1.0), op.get("beta", 1.0)
    kernel = weights.array.T if op.get("transB", 0) else weights.array
    bias = op.const(2) if op.has(2) else None
    if bias is not None and (bias.array.size not in (1, kernel.shape[-1]) or bias.array.size != bias.array.shape[-1]):
        raise op.refuse("C must be one number an output", str(bias.array.shape))
    weights = _scaled(op, Const(kernel, weights.quantizer), alpha)
    bias = None if bias is None else _scaled(op, bias, beta)
    op.give(_dense(op, weights, bias))


def matmul(op: Op) -> None:
    weights = op.const(1)
    if weights.array.ndim != 2:
        raise op.refuse("B must have two axes", str(weights.array.shape))
    op.give(_dense(op, weights, None))


def _scaled(op: Op, weights: Const, factor: float) -> Const:
    if factor == 1:
        return weights
    if weights.quantizer is not None:
        raise op.refuse("alpha and beta must be 1 beside quantised numbers", factor)
    return Const(weights.array * np.float32(factor))


def _dense(op: Op, weights: Const, bias: Const | None) -> Ref:
    source, kernel = op.ref(), weights.array
    if source.is_image:
        raise op.refuse("a source with its features last is required; flatten the image first")
    if source.flat is not None:
        kernel = kernel[source.flat]
        source = replace(source, flat=None)
    units = int(kernel.shape[-1])
    whole = None if bias is None else np.broadcast_to(bias.array.reshape(-1), (units,))
    arguments: dict[str, Any] = {"units": units, "use_bias": bias is not None, **quantizers(weights, bias)}
    return op.add(kind("Dense", arguments), source, arguments, kernel=kernel, bias=whole)


def quantizers(weights: Const, bias: Const | None, key: str = "kernel") -> dict[str, Any]:
    found = {f"{key}_quantizer": weights.quantizer, "bias_quantizer": None if bias is None else bias.quantizer}
    return {k: q for k, q in found.items() if q is not None}


def kind(name: str, arguments: dict[str, Any]) -> str:
    return f"Q{name}" if any(k.endswith("_quantizer") for k in arguments) else name


def conv(op: Op) -> None:
    source, weights = op.ref(), op.const(1)
    bias = op.const(2) if op.has(2) else None
    array, axes = weights.array, weights.array.ndim - 2
    if axes not in (1, 2) or not source.is_image:
        raise op.refuse("an image (N, C, H, W) or a series (N, C, L) is required", str(source.onnx_shape))
    if any(d != 1 for d in op.get("dilations", [])):
        raise op.refuse("dilations must be 1", op.get("dilations"))
    size, channels, groups = tuple(array.shape[2:]), source.shape[-1], op.get("group", 1)
    strides = tuple(op.get("strides", [1] * axes))
    source, padding = same_or_padded(op, source, size, strides, pads(op, source, size, strides))
    shared = {"kernel_size": size, "strides": strides, "padding": padding, "use_bias": bias is not None}
    offsets = None if bias is None else bias.array
    if groups == 1:
        arguments = {"filters": int(array.shape[0]), **shared, **quantizers(weights, bias)}
        kernel = array.transpose((*range(2, axes + 2), 1, 0))
        op.give(op.add(kind(f"Conv{axes}D", arguments), source, arguments, kernel=kernel, bias=offsets))
        return
    if groups != channels or axes != 2 or array.shape[1] != 1:
        raise op.refuse(f"group must be 1 or, of images, the number of channels, {channels}", groups)
    many = array.shape[0] // channels
    arguments = {"depth_multiplier": many, **shared, **quantizers(weights, bias, "depthwise")}
    own = array.reshape(channels, many, *size).transpose(2, 3, 0, 1)
    op.give(op.add(kind("DepthwiseConv2D", arguments), source, arguments, depthwise_kernel=own, bias=offsets))


def batch_norm(op: Op) -> None:
    op.must("training_mode", 0)
    source = op.ref()
    if len(source.shape) > 1 and not source.is_image:
        raise op.refuse("the channels must be ONNX's second axis", str(source.onnx_shape))
    tensors = [_in_order(op.const(i).array, source) for i in range(1, 5)]
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    arguments = {"momentum": op.get("momentum", 0.9), "epsilon": op.get("epsilon", 1e-5), "center": True, "scale": True}
    op.give(op.add("BatchNormalization", source, arguments, **dict(zip(names, tensors, strict=True))))


def _in_order(array: NDArray[Any], source: Ref) -> NDArray[Any]:
    return array if source.flat is None else array[source.flat]
