"""What the students of every family are made of."""

from __future__ import annotations

from collections.abc import Iterable

from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError
from qkdflow.layers import BatchNormalization, QActivation, QConv2D, QDense
from qkdflow.quantizers import csd_bits, quantized_bits, quantized_relu
from qkdflow.tune import HyperParameters

LEARNING_RATES = (1e-2, 1e-3, 1e-4)
KERNEL = 3  # height and width of a convolution's
BIAS_BITS = 16  # biases cost one adder input each; more bits than the weights' let them be of any size


def kernel_quantizer(bits: int, digits: int | None = None) -> quantized_bits:
    """Rounded half up; with `digits`, codes of so many signed digits."""
    if digits is not None:
        return csd_bits(bits, 1, rounding="RND", digits=digits)
    return quantized_bits(bits, 1, alpha=1, rounding="RND")


def bias_quantizer() -> quantized_bits:
    return quantized_bits(BIAS_BITS, 5, alpha=1, rounding="RND")


def q_dense(units: int, bits: int, digits: int | None, name: str) -> QDense:
    return QDense(
        units,
        kernel_initializer="he_uniform",
        kernel_quantizer=kernel_quantizer(bits, digits),
        bias_quantizer=bias_quantizer(),
        name=name,
    )


def q_conv(
    filters: int, bits: int, digits: int | None, name: str, *, norm: bool, strides: int = 1
) -> list[QConv2D | BatchNormalization]:
    """A convolution of 3x3 that keeps the size but for its strides; with `norm` its normalisation stands for the bias
    (norm1 behind conv1)."""
    conv = QConv2D(
        filters,
        KERNEL,
        strides=strides,
        padding="same",
        use_bias=not norm,
        kernel_initializer="he_uniform",
        kernel_quantizer=kernel_quantizer(bits, digits),
        bias_quantizer=bias_quantizer(),
        name=name,
    )
    return [conv, *([BatchNormalization(name=name.replace("conv", "norm"))] if norm else [])]


def q_relu(bits: int, reach: int, name: str) -> QActivation:
    return QActivation(quantized_relu(bits, reach, rounding="RND"), name=name)


def relu_integer(hp: HyperParameters, bits: int) -> int:
    """Integer bits of a student's activations."""
    return int(hp.Int("relu_integer", 0, min(3, bits), default=min(2, bits)))


Bits = int | tuple[int, int]  # of every layer, or (least, most), searched layer by layer


def layer_bits(hp: HyperParameters, bits: Bits, name: str) -> int:
    """A layer's width: the one of all layers, or its own hyper-parameter bits_NAME."""
    return bits if isinstance(bits, int) else int(hp.Int(f"bits_{name}", *bits, default=bits[1]) or bits[1])


def least_bits(bits: Bits) -> int:
    return bits if isinstance(bits, int) else bits[0]


Range = tuple[int, int, int]  # least, most, step


def check_ranges(what: str, ranges: Iterable[Range]) -> None:
    """ConfigError, which begins with `what`, where a range of widths is empty or upside down."""
    for given in ranges:
        if len(given) != 3 or not 1 <= given[0] <= given[1] or given[2] < 1:
            raise ConfigError(f"{what} must be (least, most, step), 1 <= least <= most and step >= 1; got {given}")


def check_images(where: str, dataset: Dataset) -> None:
    if len(dataset.shape) != 3:
        raise ConfigError(f"{where} needs images (height, width, channels); got {dataset.shape}")


def check_rate(first: float) -> None:
    if first not in LEARNING_RATES:
        raise ConfigError(f"[learning_rate] must be one of {', '.join(map(str, LEARNING_RATES))}; got {first}")


def learning_rate(hp: HyperParameters, default: float) -> float:
    return float(hp.Choice("learning_rate", LEARNING_RATES, default=default))


def distillation(hp: HyperParameters) -> None:
    """temperature and alpha belong to the distillation that trains a student."""
    hp.Choice("temperature", [1.0, 2.0, 4.0, 8.0], default=2.0)
    hp.Float("alpha", 0.1, 0.9, step=0.1, default=0.5)
