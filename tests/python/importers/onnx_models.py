"""Small ONNX graphs for the tests, and what onnx.reference makes of them.

Opset 15: before 14, onnx.reference normalises with the batch's own statistics. And pads are written out, because it
takes auto_pad's from the wrong axes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402
from onnx.reference.op_run import OpRun  # noqa: E402

QONNX = "qonnx.custom_op.general"
Array = NDArray[Any]


class Quant(OpRun):  # type: ignore[misc]
    """QONNX's definition: https://github.com/fastmachinelearning/qonnx, docs/qonnx-custom-ops."""

    op_domain = QONNX

    def _run(
        self,
        x: Array,
        scale: Array,
        zero: Array,
        bits: Array,
        signed: int = 1,
        narrow: int = 0,
        rounding_mode: str = "ROUND",
    ) -> Any:
        low = -(2.0 ** (bits - 1)) + narrow if signed else 0.0
        high = 2.0 ** (bits - 1) - 1 if signed else 2.0**bits - 1 - narrow
        y = np.clip(x / scale + zero, low, high)
        y = np.floor(y) if rounding_mode == "FLOOR" else np.round(y)
        return (((y - zero) * scale).astype(np.float32),)


class BipolarQuant(OpRun):  # type: ignore[misc]
    op_domain = QONNX

    def _run(self, x: Array, scale: Array) -> Any:
        return (np.where(x >= 0, scale, -scale).astype(np.float32),)


class Builder:
    """Nodes one after the other: `b("Relu", "x")` gives the name of the result."""

    def __init__(self, shape: tuple[Any, ...], seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.tensors: dict[str, Array] = {}
        self.input = helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", *shape))
        self.shape = shape

    def w(self, *shape: int, scale: float = 0.5) -> str:
        return self.c((self.rng.normal(size=shape) * scale).astype(np.float32))

    def c(self, value: Any) -> str:
        name = f"c{len(self.tensors)}"
        self.tensors[name] = np.asarray(value, dtype=None if isinstance(value, np.ndarray) else np.float32)
        return name

    def ints(self, *values: int) -> str:
        return self.c(np.array(values, dtype=np.int64))

    def __call__(self, op: str, *inputs: str, **attributes: Any) -> str:
        out = f"{op.lower()}{len(self.nodes)}"
        domain = QONNX if op in ("Quant", "BipolarQuant") else ""
        self.nodes.append(helper.make_node(op, inputs, [out], f"/net/{out}", domain=domain, **attributes))
        return out

    def model(self, out: str, opset: int = 15) -> Any:
        result = helper.make_tensor_value_info(out, TensorProto.FLOAT, None)
        tensors = [numpy_helper.from_array(a, n) for n, a in self.tensors.items()]
        graph = helper.make_graph(self.nodes, "net", [self.input], [result], tensors)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid(QONNX, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def save(self, out: str, path: Path, opset: int = 15) -> tuple[Array, Array]:
        """Writes the model; (x in ONNX's order, its result)."""
        model = self.model(out, opset)
        onnx.save(model, path)
        x = self.rng.normal(size=(9, *self.shape)).astype(np.float32)
        y = ReferenceEvaluator(model, new_ops=[Quant, BipolarQuant]).run(None, {"x": x})[0]
        return x, np.asarray(y)


def batch_norm(b: Builder, x: str, channels: int) -> str:
    variance = b.c(b.rng.uniform(0.5, 2, channels).astype(np.float32))
    return b("BatchNormalization", x, b.w(channels), b.w(channels), b.w(channels), variance, epsilon=1e-3)


def torch_cnn(b: Builder) -> str:
    """As PyTorch exports a small CNN: pads of its own, a Relu before each pool, Flatten, Gemm with transB."""
    x = b("Conv", "x", b.w(6, 3, 3, 3), b.w(6), kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])
    x = b("Relu", batch_norm(b, x, 6))
    x = b("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = b("LeakyRelu", b("Conv", x, b.w(4, 6, 1, 1), kernel_shape=[1, 1]), alpha=0.125)
    x = b("Flatten", x)
    x = b("Tanh", b("Gemm", x, b.w(7, 36), b.w(7), transB=1, alpha=0.5, beta=2.0))
    return b("Softmax", b("Gemm", x, b.w(7, 3)))


def tensorflow_cnn(b: Builder) -> str:
    """As tf2onnx exports one: channels last outside, first inside; MatMul and Add; Shape, Gather and Concat."""
    x = b("Transpose", "x", perm=[0, 3, 1, 2])
    x = b("Sigmoid", b("Conv", x, b.w(5, 2, 3, 3), b.w(5), pads=[0, 0, 1, 1], strides=[2, 2]))
    x = b("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = b("Transpose", x, perm=[0, 2, 3, 1])
    first = b("Gather", b("Shape", x), b.c(np.array(0, np.int64)))
    target = b("Concat", b("Unsqueeze", first, b.ints(0)), b.ints(-1), axis=0)
    x = b("Reshape", x, target)
    return b("Add", b("MatMul", x, b.w(20, 4)), b.w(4))


def residual(b: Builder) -> str:
    """Branches, depthwise convolution, caps, arithmetic with constants, and two pooled halves joined."""
    x = b("Div", b("Sub", "x", b.w(1, 4, 1, 1)), b.c(np.array([[[[0.5]], [[2.0]], [[1.0]], [[4.0]]]], np.float32)))
    stem = b("Clip", b("Conv", x, b.w(4, 4, 3, 3), pads=[1, 1, 1, 1]), b.c(0.0), b.c(6.0))
    deep = b("Conv", stem, b.w(8, 1, 3, 3), b.w(8), group=4, pads=[0, 0, 2, 2])
    thin = b("Conv", deep, b.w(4, 8, 1, 1), b.w(4))
    x = b("Add", b("Mul", thin, b.c(0.25)), stem)
    x = b("Pad", x, b.ints(0, 0, 1, 0, 0, 0, 0, 1))
    x = b("AveragePool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1], count_include_pad=1)
    joined = b("Concat", b("GlobalAveragePool", x), b("GlobalMaxPool", x), axis=1)
    x = b("Identity", b("Dropout", b("Reshape", joined, b.ints(0, -1))))
    return b("HardSigmoid", b("Gemm", x, b.w(8, 5), b.w(5)))


def series(b: Builder) -> str:
    """A series (N, C, L): Conv1D, pools of one axis, and a mean over it."""
    x = b("Relu", batch_norm(b, b("Conv", "x", b.w(6, 3, 4), b.w(6), pads=[1, 2]), 6))
    x = b("MaxPool", x, kernel_shape=[2], strides=[2])
    x = b("ReduceMean", x, axes=[2], keepdims=0)
    return b("Add", b.w(2), b("MatMul", x, b.w(6, 2)))


def mlp_after_image(b: Builder) -> str:
    """A flattened image through BatchNormalization and a constant before the first product."""
    x = b("Flatten", b("Relu", b("Conv", "x", b.w(3, 2, 2, 2))))
    x = b("Mul", batch_norm(b, x, 48), b.w(48))
    return b("MatMul", b("Concat", x, x, axis=1), b.w(96, 3))


def quantized(b: Builder) -> str:
    """QONNX: scales of a power of two, of another number, one a channel; signed, unsigned, narrow, bipolar."""
    one = b.c(0.0)
    q = lambda x, scale, bits, **a: b("Quant", x, b.c(scale), one, b.c(float(bits)), **a)  # noqa: E731
    x = q("x", 0.125, 8)
    kernel = q(b.w(4, 2, 3, 3), 0.25, 4, narrow=1)
    x = b("Conv", x, kernel, q(b.w(4), 0.0625, 8))
    x = q(b("Relu", x), 0.5, 3, signed=0)
    fine = b(
        "Quant",
        b.w(5, 4, 1, 1),
        b.c(np.array([0.1, 0.2, 0.3, 0.4, 0.5], np.float32).reshape(5, 1, 1, 1)),
        one,
        b.c(3.0),
    )
    x = q(b("Conv", x, fine), 0.3, 6, rounding_mode="FLOOR")
    x = b("Flatten", b("GlobalAveragePool", x))
    x = b("Add", b("MatMul", x, q(b.w(5, 6), 0.5, 3)), q(b.w(6), 0.25, 6))
    x = b("BipolarQuant", x, b.c(0.5))
    return b("MatMul", x, b("BipolarQuant", b.w(6, 3), b.c(0.7)))


CASES: dict[str, tuple[Any, tuple[int, ...], bool]] = {  # builder, ONNX's input shape, whether its channels are first
    "torch_cnn": (torch_cnn, (3, 12, 12), True),
    "tensorflow_cnn": (tensorflow_cnn, (8, 8, 2), False),
    "residual": (residual, (4, 6, 7), True),
    "series": (series, (3, 11), True),
    "mlp_after_image": (mlp_after_image, (2, 5, 5), True),
    "quantized": (quantized, (2, 6, 6), True),
}


def channels_last(x: Array) -> Array:
    return np.moveaxis(x, 1, -1)
