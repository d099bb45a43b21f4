"""Batch normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from qkdflow import _core
from qkdflow.layers.base import Layer, Shape


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, per channel (Ioffe & Szegedy 2015).

    Mean and variance are the batch's in training, where the moving ones follow them; else the moving ones.
    """

    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    base_name: ClassVar[str] = "batch_normalization"

    def core(self, src: Shape) -> list[_core.Layer]:
        return [_core.BatchNormalization(self.name, self.momentum, self.epsilon, self.center, self.scale)]


@dataclass(frozen=True)
class QBatchNormalization(BatchNormalization):
    """BatchNormalization by QKeras's name; its slope and offset are quantised when it is frozen."""

    base_name: ClassVar[str] = "q_batch_normalization"
