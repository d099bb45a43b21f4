"""A layer's kernel and bias as integers: as they were trained, or with a batch normalisation folded in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qkdflow import layers
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.fixed import Codes
from qkdflow.freeze.numbers import narrowest
from qkdflow.layers.base import quantizers_of
from qkdflow.layers.folded import Batchnorm
from qkdflow.models import Model
from qkdflow.models.normalization import Reals, folded
from qkdflow.quantizers import Quantizer

SCALE_BITS = 18  # of a BatchNormalization's slopes, sign included: what a DSP's narrower port takes
NO_BIAS = FixedPoint(1, 1, False)


@dataclass(frozen=True)
class Weights:
    """Codes of a kernel, its last axes channels, and of a bias (channels,), with their types."""

    kernel: Codes
    bias: Codes
    kernel_type: FixedPoint
    bias_type: FixedPoint

    def normalised(self, slope: Reals, offset: Reals, fraction: int) -> Weights:
        """With y * slope + offset folded in, for sources of `fraction` fraction bits: 18 bits a weight."""
        shape = self.kernel.shape
        real = self.kernel_type.decode(self.kernel).reshape(-1, len(slope)) * slope
        kernel_type = covering(real, SCALE_BITS)
        bias = self.bias_type.decode(self.bias) * slope + offset
        bias_type = on_grid(bias, fraction + kernel_type.fraction)
        return Weights(kernel_type.encode(real).reshape(shape), bias_type.encode(bias), kernel_type, bias_type)


def trained(model: Model, layer: layers.Layer) -> Weights:
    """The integers of a layer with a kernel. ConfigError where it has no quantisers."""
    kernel_quantizer, bias_quantizer = quantizers_of(layer)
    biased = isinstance(layer, Batchnorm) or bool(getattr(layer, "use_bias", False))
    if kernel_quantizer is None or (biased and bias_quantizer is None):
        kind = type(layer).__name__.removeprefix("Q")
        raise ConfigError(f"[{layer.name}] needs kernel_quantizer and bias_quantizer to be frozen; use Q{kind}")
    depthwise = isinstance(layer, layers.DepthwiseConv2D)
    name = f"{layer.name}/{'depthwise_kernel' if depthwise else 'kernel'}"
    if isinstance(layer, Batchnorm):
        kernel, bias = folded(model, layer)
    else:
        kernel = model.effective(name)
        bias = model.effective(f"{layer.name}/bias") if biased else np.zeros(0, np.float32)
    codes, kernel_type = quantized_codes(kernel, kernel_quantizer, name)
    if bias_quantizer is None or not biased:
        channels = math.prod(kernel.shape[-2:]) if depthwise else kernel.shape[-1]
        return Weights(codes, np.zeros(channels, dtype=np.int64), kernel_type, NO_BIAS)
    bias_codes, bias_type = quantized_codes(bias, bias_quantizer, f"{layer.name}/bias")
    return Weights(codes, bias_codes, kernel_type, bias_type)


def covering(values: Reals, bits: int) -> FixedPoint:
    """The finest signed type of so many bits that holds real values, rounded half up."""
    largest = float(np.abs(values).max())
    integer = math.frexp(largest)[1] + 1 if largest else 1
    return FixedPoint(bits, integer, True, "RND", "SAT")


def on_grid(values: Reals, fraction: int) -> FixedPoint:
    """The smallest signed type with these fraction bits (as far as codes have room) that holds real values."""
    reach = max(int(np.ceil(np.log2(np.abs(values).max() + 1))), -fraction) + 1
    return FixedPoint(min(max(reach + fraction, 1), 62), reach, True, "RND", "SAT")


def quantized_codes(values: NDArray[np.float32], quantizer: Quantizer, name: str) -> tuple[Codes, FixedPoint]:
    """A tensor's integers and their type."""
    if quantizer.scaled() is not None or quantizer.learned() is not None:
        return narrowest(values, name)
    kind = quantizer.type()
    return kind.encode(values), kind
