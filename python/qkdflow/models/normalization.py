"""Batch normalisations as lines, and the kernels that they are folded into, as the engine computes them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qkdflow.layers import BatchNormalization, DepthwiseConv2D
from qkdflow.layers.base import quantizers_of
from qkdflow.layers.folded import Batchnorm
from qkdflow.models.weights import FloatArray
from qkdflow.quantizers import Quantizer

if TYPE_CHECKING:
    from qkdflow.models.model import Model

Reals = NDArray[np.float64]


def line(model: Model, layer: BatchNormalization | Batchnorm) -> tuple[Reals, Reals]:
    """Slope and offset (channels,) of a normalisation by its moving statistics, in float64."""

    def of(name: str) -> Reals:
        return model.effective(f"{layer.name}/{name}").astype(np.float64)

    gamma = of("gamma") if layer.scale else 1.0
    slope = gamma / np.sqrt(of("moving_variance") + float(np.float32(layer.epsilon)))
    bias = of("bias") if getattr(layer, "use_bias", False) else 0.0
    offset = slope * (bias - of("moving_mean"))
    return slope, offset + of("beta") if layer.center else offset


def folded(model: Model, layer: Batchnorm, is_quantized: bool = True) -> tuple[FloatArray, FloatArray]:
    """Kernel and bias (channels,) of a layer with its normalisation folded in; quantised, zeros kept, or before."""
    depthwise = isinstance(layer, DepthwiseConv2D)
    kernel = model.effective(f"{layer.name}/{'depthwise_kernel' if depthwise else 'kernel'}")
    channels = math.prod(kernel.shape[-2:]) if depthwise else kernel.shape[-1]
    slope, offset = line(model, layer)
    numbers = (kernel.reshape(-1, channels) * slope).reshape(kernel.shape), offset
    of_kernel, of_bias = quantizers_of(layer) if is_quantized else (None, None)
    return _values(numbers[0], of_kernel) * (kernel != 0), _values(numbers[1], of_bias)


def _values(numbers: Reals, quantizer: Quantizer | None) -> FloatArray:
    values = np.ascontiguousarray(numbers, dtype=np.float32)
    if quantizer is None:
        return values
    scaled = quantizer.scaled()
    return quantizer.type().quantize(values).astype(np.float32) if scaled is None else scaled(values)
