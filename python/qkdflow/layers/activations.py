"""Activations, quantised or not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

from qkdflow import _core, quantizers
from qkdflow.errors import ConfigError
from qkdflow.layers.base import Layer, Shape
from qkdflow.quantizers import Quantizer

FUNCTIONS = ("linear", "relu", "relu6", "leaky_relu", "tanh", "sigmoid", "hard_sigmoid", "softmax")


def after(layer: Layer, activation: Quantizer | str | None) -> list[_core.Layer]:
    """The engine's layers of an activation that a layer brings with it."""
    if activation in (None, "linear"):
        return []
    if isinstance(activation, Layer):
        got = type(activation).__name__
        raise ConfigError(
            f"[{layer.name}] activation must be a name or a quantiser; got the layer {got}. List it after this layer"
        )
    made = _made(activation, f"{layer.name}_{_word(activation)}")
    return made.core(())


def is_softmax(layer: Layer) -> bool:
    """Whether a layer ends in softmax: the network computes logits, softmax is applied outside."""
    return getattr(layer, "activation", None) == "softmax" or isinstance(layer, Softmax)


@dataclass(frozen=True)
class Activation(Layer):
    """A function by its Keras name. softmax only as the last layer: the network computes logits."""

    activation: str
    base_name: ClassVar[str] = "activation"

    def __post_init__(self) -> None:
        if self.activation not in FUNCTIONS:
            raise ConfigError(f"[Activation] must be one of {', '.join(FUNCTIONS)}; got {self.activation!r}")

    def core(self, src: Shape) -> list[_core.Layer]:
        return [] if self.activation == "softmax" else [_core.Activation(self.name, self.activation)]


@dataclass(frozen=True)
class Softmax(Layer):
    """Only as the last layer: the network computes logits, `predict` applies the softmax."""

    base_name: ClassVar[str] = "softmax"

    def core(self, src: Shape) -> list[_core.Layer]:
        return []


@dataclass(frozen=True)
class ReLU(Layer):
    """max(x, 0), not above max_value; below zero negative_slope * x."""

    max_value: float | None = None
    negative_slope: float = 0.0
    base_name: ClassVar[str] = "re_lu"

    def __post_init__(self) -> None:
        _need_finite(self, "negative_slope", self.negative_slope)
        if self.max_value is not None:
            _need_finite(self, "max_value", self.max_value, 0.0)

    def core(self, src: Shape) -> list[_core.Layer]:
        if self.negative_slope:
            return [_core.Activation(self.name, "leaky_relu", slope=self.negative_slope, high=self.max_value)]
        return [_core.Activation(self.name, "relu", high=self.max_value)]


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """x, or alpha * x below zero (Keras 3 calls alpha negative_slope)."""

    alpha: float = 0.3
    base_name: ClassVar[str] = "leaky_re_lu"

    def __post_init__(self) -> None:
        _need_finite(self, "alpha", self.alpha)

    def core(self, src: Shape) -> list[_core.Layer]:
        return [_core.Activation(self.name, "leaky_relu", slope=self.alpha)]


@dataclass(frozen=True)
class QActivation(Layer):
    """A quantiser as a layer: quantized_relu(...), quantized_bits(...), ... (QKeras's QActivation)."""

    activation: Quantizer | str
    base_name: ClassVar[str] = "q_activation"

    def __post_init__(self) -> None:
        object.__setattr__(self, "activation", quantizers.get(self.activation))
        self.quantizer.activation("")

    @property
    def quantizer(self) -> Quantizer:
        """The quantiser that the activation stands for."""
        return quantizers.get(self.activation)

    def core(self, src: Shape) -> list[_core.Layer]:
        return [self.quantizer.activation(self.name)]


def _need_finite(layer: Layer, name: str, value: float, least: float = -math.inf) -> None:
    if not (isinstance(value, Real) and math.isfinite(value) and value >= least):
        limit = "" if math.isinf(least) else f" from {least:g} on"
        raise ConfigError(f"[{type(layer).__name__}] {name} must be a finite number{limit}; got {value!r}")


def _word(activation: Any) -> str:
    return activation if isinstance(activation, str) and activation.isidentifier() else "activation"


def _made(activation: Any, name: str) -> Layer:
    plain = isinstance(activation, str) and activation in FUNCTIONS
    return Activation(activation, name=name) if plain else QActivation(activation, name=name)
