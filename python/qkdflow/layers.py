"""Layers in Keras's and QKeras's words. They describe; the engine's graph, made from them, computes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from qkdflow import _core, quantizers
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.quantizers import Quantizer, quantized_bits, quantized_relu

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """What all layers share: a name (given by the model where it is empty) and a JSON configuration."""

    name: str = field(default="", kw_only=True)
    base_name: ClassVar[str] = "layer"

    def core(self, src: Shape) -> list[_core.Layer]:
        """The engine's layers for a source of shape `src` (without the batch axis)."""
        raise TypeError(f"[{type(self).__name__}] describes no computation")

    def config(self) -> dict[str, Any]:
        """Class name and fields, for JSON."""
        return {"class_name": type(self).__name__, **{k: _plain(v) for k, v in vars(self).items()}}


@dataclass(frozen=True)
class Input(Layer):
    """The shape of one sample. With `type`, raw values are first brought to that FixedPoint, as the board's are."""

    shape: Shape
    type: FixedPoint | None = None
    base_name: ClassVar[str] = "input"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    def core(self, src: Shape) -> list[_core.Layer]:
        return [] if self.type is None else [_core.Activation(self.name, False, self.type)]


@dataclass(frozen=True)
class Rescaling(Layer):
    """x * scale + offset, each a float32 or one a feature. A power-of-two scale is exact in fixed point."""

    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...] = 0.0
    base_name: ClassVar[str] = "rescaling"

    def __post_init__(self) -> None:
        for key in ("scale", "offset"):
            value = getattr(self, key)
            many = isinstance(value, Sequence) or hasattr(value, "tolist")
            rounded = tuple(float(np.float32(v)) for v in value) if many else float(np.float32(value))
            object.__setattr__(self, key, rounded)

    def core(self, src: Shape) -> list[_core.Layer]:
        n = math.prod(src)
        for key, value in (("scale", self.scale), ("offset", self.offset)):
            if isinstance(value, tuple) and len(value) != n:
                raise ConfigError(f"[{self.name}] {key} must have {n} elements for {src}; got {len(value)}")
        return [_core.Rescaling(self.name, _spread(self.scale, n), _spread(self.offset, n))]


@dataclass(frozen=True)
class Dense(Layer):
    """activation(x @ kernel + bias); kernel (n, units), bias (units,)."""

    units: int
    activation: str | None = None
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    base_name: ClassVar[str] = "dense"

    def _types(self) -> tuple[FixedPoint | None, FixedPoint | None]:
        return None, None

    def core(self, src: Shape) -> list[_core.Layer]:
        kernel, bias = self._types()
        dense = _core.Dense(self.name, self.units, self.use_bias, self.kernel_initializer, kernel, bias)
        if self.activation in (None, "linear"):
            return [dense]
        return [dense, *Activation(str(self.activation), name=f"{self.name}_{self.activation}").core(src)]


@dataclass(frozen=True)
class QDense(Dense):
    """Dense with quantised kernel and bias (QKeras's QDense)."""

    kernel_quantizer: Quantizer | str | None = None
    bias_quantizer: Quantizer | str | None = None
    base_name: ClassVar[str] = "q_dense"

    def __post_init__(self) -> None:
        for key in ("kernel_quantizer", "bias_quantizer"):
            value = getattr(self, key)
            object.__setattr__(self, key, None if value is None else quantizers.get(value))
        kernel = self.kernel_quantizer
        if isinstance(kernel, quantized_bits) and kernel.alpha is None:
            raise ConfigError(
                f"[{self.name or 'QDense'}] a kernel's quantized_bits without alpha means auto_po2 in QKeras, "
                "one scale per channel, which is not supported. Write alpha=1"
            )

    def _types(self) -> tuple[FixedPoint | None, FixedPoint | None]:
        kernel, bias = self.kernel_quantizer, self.bias_quantizer
        return _type(kernel), _type(bias)


@dataclass(frozen=True)
class Activation(Layer):
    """relu, linear, or softmax (only as the last layer: the network computes logits, softmax is applied outside)."""

    activation: str
    base_name: ClassVar[str] = "activation"

    def __post_init__(self) -> None:
        if self.activation not in ("relu", "linear", "softmax"):
            raise ConfigError(f"[Activation] must be relu, linear or softmax; got {self.activation!r}")

    def core(self, src: Shape) -> list[_core.Layer]:
        if self.activation == "softmax":
            return []
        return [_core.Activation(self.name, self.activation == "relu", None)]


@dataclass(frozen=True)
class QActivation(Layer):
    """A quantiser as a layer: quantized_relu(...) or quantized_bits(...) (QKeras's QActivation)."""

    activation: Quantizer | str
    base_name: ClassVar[str] = "q_activation"

    def __post_init__(self) -> None:
        object.__setattr__(self, "activation", quantizers.get(self.activation))

    @property
    def quantizer(self) -> Quantizer:
        return quantizers.get(self.activation)

    def core(self, src: Shape) -> list[_core.Layer]:
        return [_core.Activation(self.name, isinstance(self.quantizer, quantized_relu), self.quantizer.type())]


_KNOWN = {c.__name__: c for c in (Input, Rescaling, Dense, QDense, Activation, QActivation)}


def from_config(config: dict[str, Any]) -> Layer:
    """The layer that `config()` described."""
    fields = dict(config)
    name = fields.pop("class_name", None)
    if name not in _KNOWN:
        raise ConfigError(f"[layer] must be one of {', '.join(_KNOWN)}; got {name!r}")
    for key in ("kernel_quantizer", "bias_quantizer"):
        if key in fields:
            fields[key] = quantizers.from_dict(fields[key])
    if isinstance(fields.get("activation"), dict):
        fields["activation"] = quantizers.from_dict(fields["activation"])
    if isinstance(fields.get("type"), dict):
        fields["type"] = FixedPoint(**fields["type"])
    return _KNOWN[name](**fields)


def _type(quantizer: Any) -> FixedPoint | None:
    return None if quantizer is None else quantizer.type()


def _spread(value: float | tuple[float, ...], n: int) -> list[float]:
    return list(value) if isinstance(value, tuple) else [float(value)] * n


def _plain(value: Any) -> Any:
    if isinstance(value, FixedPoint):
        return value.to_dict()
    return quantizers.to_dict(value) if isinstance(value, quantized_bits | quantized_relu) else value
