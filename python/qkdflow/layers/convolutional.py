"""Convolutions over images (height, width, channels) and series (length, channels)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from qkdflow import _core
from qkdflow.layers.activations import after
from qkdflow.layers.base import Layer, Pair, Shape, need_rank, pair, param, quantizers_of, set_quantizers, single
from qkdflow.quantizers import Quantizer
from qkdflow.regularizers import L1L2


@dataclass(frozen=True)
class Conv2D(Layer):
    """activation(conv(x, kernel) + bias); kernel (height, width, in, filters), bias (filters,)."""

    filters: int
    kernel_size: int | Sequence[int]
    strides: int | Sequence[int] = (1, 1)
    padding: str = "valid"
    activation: str | Quantizer | None = None
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    kernel_regularizer: L1L2 | None = None
    base_name: ClassVar[str] = "conv2d"

    def __post_init__(self) -> None:
        _windows(self)

    def core(self, src: Shape) -> list[_core.Layer]:
        need_rank(self, src, 3)
        return _convolution(self, self.filters, pair(self.kernel_size, "kernel_size"), pair(self.strides, "strides"))


@dataclass(frozen=True)
class QConv2D(Conv2D):
    """Conv2D with quantised kernel and bias."""

    kernel_quantizer: Quantizer | str | None = None
    bias_quantizer: Quantizer | str | None = None
    base_name: ClassVar[str] = "q_conv2d"

    def __post_init__(self) -> None:
        _windows(self)
        set_quantizers(self, ["kernel_quantizer"])


@dataclass(frozen=True)
class Conv1D(Layer):
    """activation(conv(x, kernel) + bias); kernel (width, in, filters), bias (filters,)."""

    filters: int
    kernel_size: int | Sequence[int]
    strides: int | Sequence[int] = 1
    padding: str = "valid"
    activation: str | Quantizer | None = None
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    kernel_regularizer: L1L2 | None = None
    base_name: ClassVar[str] = "conv1d"

    def __post_init__(self) -> None:
        for key in ("kernel_size", "strides"):
            object.__setattr__(self, key, single(getattr(self, key), key))

    def core(self, src: Shape) -> list[_core.Layer]:
        need_rank(self, src, 2)
        kernel, stride = single(self.kernel_size, "kernel_size"), single(self.strides, "strides")
        return _convolution(self, self.filters, (1, kernel), (1, stride))


@dataclass(frozen=True)
class QConv1D(Conv1D):
    """Conv1D with quantised kernel and bias."""

    kernel_quantizer: Quantizer | str | None = None
    bias_quantizer: Quantizer | str | None = None
    base_name: ClassVar[str] = "q_conv1d"

    def __post_init__(self) -> None:
        super().__post_init__()
        set_quantizers(self, ["kernel_quantizer"])


@dataclass(frozen=True)
class DepthwiseConv2D(Layer):
    """One kernel a channel; depthwise_kernel (height, width, in, depth_multiplier), bias (in * depth_multiplier,)."""

    kernel_size: int | Sequence[int]
    strides: int | Sequence[int] = (1, 1)
    padding: str = "valid"
    depth_multiplier: int = 1
    activation: str | Quantizer | None = None
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    kernel_regularizer: L1L2 | None = None
    base_name: ClassVar[str] = "depthwise_conv2d"

    def __post_init__(self) -> None:
        _windows(self)

    def core(self, src: Shape) -> list[_core.Layer]:
        need_rank(self, src, 3)
        kernel, strides = pair(self.kernel_size, "kernel_size"), pair(self.strides, "strides")
        return _convolution(self, self.depth_multiplier, kernel, strides, depthwise=True)


@dataclass(frozen=True)
class QDepthwiseConv2D(DepthwiseConv2D):
    """DepthwiseConv2D with quantised kernel and bias."""

    depthwise_quantizer: Quantizer | str | None = None
    bias_quantizer: Quantizer | str | None = None
    base_name: ClassVar[str] = "q_depthwise_conv2d"

    def __post_init__(self) -> None:
        _windows(self)
        set_quantizers(self, ["depthwise_quantizer"])


@dataclass(frozen=True)
class SeparableConv2D(Layer):
    """A depthwise convolution without bias, then one by one over all channels: NAME_depthwise and NAME."""

    filters: int
    kernel_size: int | Sequence[int]
    strides: int | Sequence[int] = (1, 1)
    padding: str = "valid"
    depth_multiplier: int = 1
    activation: str | Quantizer | None = None
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    kernel_regularizer: L1L2 | None = None
    base_name: ClassVar[str] = "separable_conv2d"

    def __post_init__(self) -> None:
        _windows(self)

    def _parts(self) -> tuple[Layer, Layer]:
        depthwise = DepthwiseConv2D(
            self.kernel_size,
            self.strides,
            self.padding,
            self.depth_multiplier,
            use_bias=False,
            kernel_initializer=self.kernel_initializer,
            kernel_regularizer=self.kernel_regularizer,
            name=f"{self.name}_depthwise",
        )
        pointwise = Conv2D(
            self.filters,
            1,
            activation=self.activation,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer,
            kernel_regularizer=self.kernel_regularizer,
            name=self.name,
        )
        return depthwise, pointwise

    def core(self, src: Shape) -> list[_core.Layer]:
        depthwise, pointwise = self._parts()
        return [*depthwise.core(src), *pointwise.core(src)]


@dataclass(frozen=True)
class QSeparableConv2D(SeparableConv2D):
    """SeparableConv2D with quantised kernels and bias."""

    depthwise_quantizer: Quantizer | str | None = None
    pointwise_quantizer: Quantizer | str | None = None
    bias_quantizer: Quantizer | str | None = None
    base_name: ClassVar[str] = "q_separable_conv2d"

    def __post_init__(self) -> None:
        _windows(self)
        set_quantizers(self, ["depthwise_quantizer", "pointwise_quantizer"])

    def _parts(self) -> tuple[Layer, Layer]:
        depthwise, pointwise = super()._parts()
        return (
            QDepthwiseConv2D(**vars(depthwise), depthwise_quantizer=self.depthwise_quantizer),
            QConv2D(**vars(pointwise), kernel_quantizer=self.pointwise_quantizer, bias_quantizer=self.bias_quantizer),
        )


def _windows(layer: Any) -> None:
    for key in ("kernel_size", "strides"):
        object.__setattr__(layer, key, pair(getattr(layer, key), key))


def _convolution(layer: Any, filters: int, kernel: Pair, strides: Pair, depthwise: bool = False) -> list[_core.Layer]:
    kernel_quantizer, bias_quantizer = quantizers_of(layer)
    made = _core.Convolution(
        layer.name,
        filters,
        kernel,
        strides,
        layer.padding,
        layer.use_bias,
        depthwise,
        param(layer.kernel_initializer, kernel_quantizer, layer.kernel_regularizer),
        param("zeros", bias_quantizer),
    )
    return [made, *after(layer, layer.activation)]
