"""Layers in Keras's and QKeras's words. They describe; the engine's graph, made from them, computes.

Called on a symbolic tensor, a layer gives the tensor that it will compute: `x = Conv2D(8, 3)(Input((28, 28, 1)))`.
"""

from __future__ import annotations

from qkdflow.layers.activations import Activation, LeakyReLU, QActivation, ReLU, Softmax
from qkdflow.layers.base import Layer, Shape, Tensor
from qkdflow.layers.config import from_config
from qkdflow.layers.convolutional import (
    Conv1D,
    Conv2D,
    DepthwiseConv2D,
    QConv1D,
    QConv2D,
    QDepthwiseConv2D,
    QSeparableConv2D,
    SeparableConv2D,
)
from qkdflow.layers.core import Dense, Input, QDense, Rescaling
from qkdflow.layers.folded import QConv2DBatchnorm, QDepthwiseConv2DBatchnorm
from qkdflow.layers.merging import Add, Concatenate
from qkdflow.layers.normalization import BatchNormalization, QBatchNormalization
from qkdflow.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from qkdflow.layers.recurrent import GRU, QGRU, Embedding
from qkdflow.layers.regularization import Dropout
from qkdflow.layers.reshaping import Flatten, Reshape, ZeroPadding1D, ZeroPadding2D

__all__ = [
    "GRU",
    "QGRU",
    "Activation",
    "Add",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "Input",
    "Layer",
    "LeakyReLU",
    "MaxPooling1D",
    "MaxPooling2D",
    "QActivation",
    "QBatchNormalization",
    "QConv1D",
    "QConv2D",
    "QConv2DBatchnorm",
    "QDense",
    "QDepthwiseConv2D",
    "QDepthwiseConv2DBatchnorm",
    "QSeparableConv2D",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SeparableConv2D",
    "Shape",
    "Softmax",
    "Tensor",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "from_config",
]
