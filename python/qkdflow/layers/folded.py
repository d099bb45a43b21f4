"""Convolutions with their batch normalisation folded in before the kernel is quantised (QKeras)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from qkdflow import _core
from qkdflow.errors import ConfigError
from qkdflow.layers.base import Layer, Shape, param, quantizers_of
from qkdflow.layers.convolutional import QConv2D, QDepthwiseConv2D

FOLDINGS = ("ema_stats_folding", "batch_stats_folding")


@dataclass(frozen=True)
class Batchnorm(Layer):
    """What a layer gets by a BatchNormalization folded into it: gamma, beta, moving statistics, a count of steps.

    In training, until `ema_freeze_delay` steps were made (None: always), mean and variance are the batch's. Then
    `batch_stats_folding` folds with them; `ema_stats_folding` folds the kernel with the moving variance, so that its
    codes do not jitter, and corrects the products. Afterwards, and in inference, the moving ones serve.
    """

    momentum: float = field(default=0.99, kw_only=True)
    epsilon: float = field(default=1e-3, kw_only=True)
    center: bool = field(default=True, kw_only=True)
    scale: bool = field(default=True, kw_only=True)
    ema_freeze_delay: int | None = field(default=None, kw_only=True)
    folding_mode: str = field(default="ema_stats_folding", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[misc]  # of the convolution beside it
        if self.folding_mode not in FOLDINGS:
            raise ConfigError(
                f"[{type(self).__name__}] folding_mode must be {' or '.join(FOLDINGS)}; got {self.folding_mode!r}"
            )

    def core(self, src: Shape) -> list[_core.Layer]:
        if any(q is not None and q.learned() is not None for q in quantizers_of(self)):
            raise ConfigError(
                f"[{self.name}] learned_bits cannot follow a folded kernel; put a BatchNormalization after"
            )
        inner, *activation = super().core(src)
        bias = param("zeros", quantizers_of(self)[1])
        options = self.momentum, self.epsilon, self.center, self.scale, self.folding_mode, self.ema_freeze_delay
        return [_core.FoldedBatchNormalization(inner, *options, bias), *activation]


@dataclass(frozen=True)
class QConv2DBatchnorm(Batchnorm, QConv2D):
    """QConv2D whose kernel and bias are quantised after a BatchNormalization is folded into them."""

    base_name: ClassVar[str] = "q_conv2d_batchnorm"


@dataclass(frozen=True)
class QDepthwiseConv2DBatchnorm(Batchnorm, QDepthwiseConv2D):
    """QDepthwiseConv2D whose kernel and bias are quantised after a BatchNormalization is folded into them."""

    base_name: ClassVar[str] = "q_depthwise_conv2d_batchnorm"
