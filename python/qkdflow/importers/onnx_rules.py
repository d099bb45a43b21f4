"""Every operator that is read, by its ONNX name."""

from __future__ import annotations

import numpy as np

from qkdflow.importers import onnx_elementwise as elementwise
from qkdflow.importers import onnx_linear as linear
from qkdflow.importers import onnx_pooling as pooling
from qkdflow.importers import onnx_quant as qonnx
from qkdflow.importers import onnx_shaping as shaping
from qkdflow.importers.onnx_graph import Op, Rule
from qkdflow.importers.onnx_values import Const


def shape(op: Op) -> None:
    """A computed shape: the batch, which is not known, is -1."""
    value = op.inputs[0]
    dims = value.array.shape if isinstance(value, Const) else (-1, *value.onnx_shape)
    op.give(Const(np.asarray(dims)))


def gather(op: Op) -> None:
    op.give(Const(np.take(op.const(0).array, op.const(1).array.astype(int), axis=op.get("axis", 0))))


RULES: dict[str, Rule] = {
    "Gemm": linear.gemm,
    "MatMul": linear.matmul,
    "Conv": linear.conv,
    "BatchNormalization": linear.batch_norm,
    "Relu": elementwise.activation("relu", True),
    "Sigmoid": elementwise.activation("sigmoid", True),
    "Tanh": elementwise.activation("tanh", False),
    "Clip": elementwise.clip,
    "LeakyRelu": elementwise.leaky_relu,
    "HardSigmoid": elementwise.hard_sigmoid,
    "Softmax": elementwise.softmax,
    "Add": elementwise.add,
    "Sum": elementwise.add,
    "Min": elementwise.minimum,
    "Sub": elementwise.subtract,
    "Mul": elementwise.multiply,
    "Div": elementwise.divide,
    "MaxPool": pooling.max_pool,
    "AveragePool": pooling.average_pool,
    "GlobalAveragePool": pooling.whole("Average"),
    "GlobalMaxPool": pooling.whole("Max"),
    "ReduceMean": pooling.reduced("Average"),
    "ReduceMax": pooling.reduced("Max"),
    "Concat": shaping.concat,
    "Flatten": shaping.flatten,
    "Reshape": shaping.reshape,
    "Squeeze": shaping.squeeze,
    "Unsqueeze": shaping.unsqueeze,
    "Transpose": shaping.transpose,
    "Pad": shaping.pad,
    "Identity": elementwise.identity,
    "Dropout": elementwise.dropout,
    "Cast": elementwise.cast,
    "Constant": elementwise.constant,
    "Shape": shape,
    "Gather": gather,
    "Quant": qonnx.quant,
    "IntQuant": qonnx.quant,
    "BipolarQuant": qonnx.bipolar,
}
