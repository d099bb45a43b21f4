"""Which layers' integers are not meant to be the trained network's values bit for bit."""

from __future__ import annotations

from qkdflow import layers
from qkdflow.fixed import FixedGRU, FixedModel, FixedTable
from qkdflow.models import Model


def inexact_layers(model: Model, fixed: FixedModel) -> tuple[str, ...]:
    """Names of the layers by which `fixed`, frozen from `model`, differs from Model.exact_logits by design.

    BatchNormalization, whose slopes freezing rounds to 18 bits, and activations and GRUs, which are read
    from tables. Empty where
    every bit must agree.
    """
    norms = (layer.name for layer in model.layers if isinstance(layer, layers.BatchNormalization))
    return (*norms, *(layer.name for layer in fixed.layers if isinstance(layer, (FixedTable, FixedGRU))))
