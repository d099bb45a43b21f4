"""What the zoo's networks are put together from."""

from __future__ import annotations

from collections.abc import Sequence

from qkdflow import layers
from qkdflow.layers import Layer, Tensor
from qkdflow.quantizers import quantized_bits, quantized_relu
from qkdflow.regularizers import L1L2

POOL = 2


def begun(shape: Sequence[int], first: Sequence[Layer]) -> tuple[layers.Input, Tensor]:
    """An input and what comes of it behind the layers in `first`, whose own Input, if there is one, is taken."""
    given = [layer for layer in first if isinstance(layer, layers.Input)]
    source = given[0] if given else layers.Input(tuple(shape))
    x = source.tensor
    for layer in first:
        x = x if layer is source else layer(x)
    return source, x


def mlp(widths: Sequence[int], regularizer: L1L2 | None = None) -> list[Layer]:
    """Dense layers with ReLU between."""
    last = len(widths) - 1
    made: list[Layer] = []
    for i, width in enumerate(widths):
        made.append(layers.Dense(width, kernel_regularizer=None if i == last else regularizer))
        made += [layers.Activation("relu")] if i < last else []
    return made


def q_mlp(widths: Sequence[int], bits: int, kernel: quantized_bits | None = None) -> list[Layer]:
    """Quantised Dense layers with quantised ReLU between."""
    last = len(widths) - 1
    made: list[Layer] = []
    for i, width in enumerate(widths):
        made.append(layers.QDense(width, kernel_quantizer=kernel or weights(bits), bias_quantizer=bias(bits)))
        made += [layers.QActivation(quantized_relu(bits, 2))] if i < last else []
    return made


def q_conv(filters: int, bits: int, size: int = 3, padding: str = "same") -> list[Layer]:
    """A quantised convolution and a quantised ReLU."""
    made = layers.QConv2D(filters, size, padding=padding, kernel_quantizer=weights(bits), bias_quantizer=bias(bits))
    return [made, layers.QActivation(quantized_relu(bits, 2))]


def q_conv_norm(filters: int, bits: int) -> list[Layer]:
    """The letter's block: a convolution quantised with its normalisation folded in, and a quantised ReLU."""
    made = layers.QConv2DBatchnorm(
        filters, 3, padding="same", kernel_quantizer=weights(bits), bias_quantizer=bias(bits)
    )
    return [made, layers.QActivation(quantized_relu(bits, 2))]


def weights(bits: int) -> quantized_bits:
    return quantized_bits(bits, 1, alpha=1)


def bias(bits: int) -> quantized_bits:
    return quantized_bits(bits, 2, alpha=1)
