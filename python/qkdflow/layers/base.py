"""What all layers share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from qkdflow import _core, quantizers
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.quantizers import Quantizer
from qkdflow.regularizers import L1L2

Shape = tuple[int, ...]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """What all layers share: a name (given by the model where it is empty) and a JSON configuration."""

    name: str = field(default="", kw_only=True)
    base_name: ClassVar[str] = "layer"

    def core(self, src: Shape) -> list[_core.Layer]:
        """The engine's layers, one after the other, for a source of shape `src` (without the batch axis).

        ConfigError where the layer cannot take it.
        """
        raise TypeError(f"[{type(self).__name__}] describes no computation")

    def config(self) -> dict[str, Any]:
        """Class name and fields, for JSON."""
        return {"class_name": type(self).__name__, **{k: _plain(v) for k, v in vars(self).items()}}

    def __call__(self, sources: Tensor | Layer | Sequence[Tensor | Layer]) -> Tensor:
        """The tensor that this layer computes from one tensor, or from a list of them."""
        many = sources if isinstance(sources, Sequence) else [sources]
        return Tensor(self, tuple(tensor(s) for s in many))


@dataclass(frozen=True, eq=False)
class Tensor:
    """What a layer will compute, and from what. Two tensors are the same only if they are one object."""

    layer: Layer
    sources: tuple[Tensor, ...] = ()


def tensor(source: Tensor | Layer) -> Tensor:
    """A tensor; of an Input, whose own result it is, always the same one."""
    if isinstance(source, Tensor):
        return source
    symbol = getattr(source, "tensor", None)
    if not isinstance(symbol, Tensor):
        raise ConfigError(f"[{type(source).__name__}] a layer must be called on tensors; call it on its source first")
    return symbol


def pair(value: int | Sequence[int], what: str) -> Pair:
    """(rows, columns) of one number or of two."""
    two = (value, value) if isinstance(value, int) else tuple(int(v) for v in value)
    if len(two) != 2:
        raise ConfigError(f"[{what}] must be one number or two; got {value!r}")
    return two[0], two[1]


def single(value: int | Sequence[int], what: str) -> int:
    """The number of a series' window, given as itself or in a list of one."""
    one = [value] if isinstance(value, int) else [int(v) for v in value]
    if len(one) != 1:
        raise ConfigError(f"[{what}] must be one number; got {value!r}")
    return one[0]


def need_rank(layer: Layer, src: Shape, rank: int) -> None:
    """ConfigError unless a source has this many axes: three of an image, two of a series."""
    if len(src) != rank:
        what = "an image (height, width, channels)" if rank == 3 else "a series (length, channels)"
        raise ConfigError(f"[{layer.name}] {type(layer).__name__} takes {what} per sample; got {src}")


def param(
    initializer: str, quantizer: Quantizer | str | None = None, regularizer: L1L2 | None = None
) -> _core.ParamSpec:
    """How the engine makes and quantises a parameter tensor. ConfigError for a regulariser that is none."""
    if not isinstance(regularizer, L1L2 | None):
        raise ConfigError(
            f"[kernel_regularizer] must be of qkdflow.regularizers, such as l2(0.01); got {regularizer!r}"
        )
    pull = (0.0, 0.0) if regularizer is None else (regularizer.l1, regularizer.l2)
    if quantizer is None:
        return _core.ParamSpec(initializer, regularizer=pull)
    learned = quantizers.get(quantizer).learned()
    if learned is not None:
        return _core.ParamSpec(initializer, learned=learned, regularizer=pull)
    scaled = quantizers.get(quantizer).scaled()
    if scaled is not None:
        return _core.ParamSpec(initializer, scaled=scaled, regularizer=pull)
    return _core.ParamSpec(initializer, quantizers.get(quantizer).type(), regularizer=pull)


def quantizers_of(layer: Layer) -> tuple[Quantizer | None, Quantizer | None]:
    """The quantisers of a layer's kernel and bias; None where it has none."""
    kernel = getattr(layer, "kernel_quantizer", getattr(layer, "depthwise_quantizer", None))
    return kernel, getattr(layer, "bias_quantizer", None)


def set_quantizers(layer: Layer, kernels: Sequence[str], others: Sequence[str] = ("bias_quantizer",)) -> None:
    """Texts become quantisers; a kernel's without alpha becomes what QKeras makes of it, auto_po2."""
    for key in (*kernels, *others):
        value = getattr(layer, key)
        made = None if value is None else quantizers.get(value)
        object.__setattr__(layer, key, made.for_weights() if made is not None and key in kernels else made)


def _plain(value: Any) -> Any:
    if isinstance(value, FixedPoint):
        return value.to_dict()
    if isinstance(value, L1L2):
        return {"l1": value.l1, "l2": value.l2}
    return quantizers.to_dict(value) if isinstance(value, Quantizer) else value
