"""The frozen network: integers with a FixedPoint type each, in a directed graph of layers.

Notation: a tensor of real values v is held as codes c = v * 2^F, F its type's fraction bits.
"""

from __future__ import annotations

from qkdflow.fixed.layer import Codes, FixedLayer
from qkdflow.fixed.model import FixedModel, Link
from qkdflow.fixed.pointwise import ACTIVATIONS, TABLES, FixedActivation, FixedSoftmax, FixedTable
from qkdflow.fixed.recurrent import FixedEmbedding, FixedGRU
from qkdflow.fixed.shaped import FixedAdd, FixedConcatenate, FixedPooling, FixedReshape, FixedZeroPadding
from qkdflow.fixed.weighted import FixedConv, FixedDense, FixedDepthwiseConv, FixedScale, FixedWeighted

__all__ = [
    "ACTIVATIONS",
    "TABLES",
    "Codes",
    "FixedActivation",
    "FixedAdd",
    "FixedConcatenate",
    "FixedConv",
    "FixedDense",
    "FixedDepthwiseConv",
    "FixedEmbedding",
    "FixedGRU",
    "FixedLayer",
    "FixedModel",
    "FixedPooling",
    "FixedReshape",
    "FixedScale",
    "FixedSoftmax",
    "FixedTable",
    "FixedWeighted",
    "FixedZeroPadding",
    "Link",
]
