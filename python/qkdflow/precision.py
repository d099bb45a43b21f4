"""The same network in another precision: without its quantisers, with them, and with ranges found on data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow import layers, quantizers
from qkdflow._core import Key
from qkdflow.errors import ConfigError
from qkdflow.layers import Layer
from qkdflow.layers.folded import Batchnorm
from qkdflow.models import Model, Sequential
from qkdflow.models.arrays import inputs
from qkdflow.models.normalization import folded
from qkdflow.models.teaching import copy_shared
from qkdflow.models.topology import Topology
from qkdflow.quantizers import (
    Quantizer,
    learned_bits,
    quantized_bits,
    quantized_relu,
    quantized_sigmoid,
    quantized_tanh,
)
from qkdflow.quantizers.learned import FINEST

BIAS_BITS = 16  # a bias costs one adder input: more bits than a weight's let it be of any size
_TRACED = 1 << 26  # numbers that a calibration holds at once, half a gigabyte
_CANDIDATES = 6  # ranges that are tried for one tensor, each half the one before

PLAIN: dict[type[Layer], type[Layer]] = {
    layers.QDense: layers.Dense,
    layers.QConv1D: layers.Conv1D,
    layers.QConv2D: layers.Conv2D,
    layers.QDepthwiseConv2D: layers.DepthwiseConv2D,
    layers.QSeparableConv2D: layers.SeparableConv2D,
    layers.QBatchNormalization: layers.BatchNormalization,
}
QUANTIZED: dict[type[Layer], Any] = {plain: quantized for quantized, plain in PLAIN.items()}
KERNELS = ("kernel_quantizer", "depthwise_quantizer", "pointwise_quantizer")


def floated(model: Model, key: Key | int = 0) -> Model:
    """An untrained float32 network of the same layers, names and sizes. ConfigError for a quantiser that is no
    rounded function, such as binary."""
    return rebuilt(model, tuple(_float_layer(layer) for layer in model.layers), key)


def quantized(model: Model, bits: int, x: ArrayLike) -> Model:
    """A float network with kernels and ReLUs of `bits` bits, ranges found on raw inputs x (samples, *input_shape).

    Each kernel and each ReLU gets the power of two with the least mean squared error; biases have 16 bits.
    """
    return calibrated(with_quantizers(model, bits), model, x)


def with_quantizers(model: Model, bits: int, key: Key | int = 0) -> Model:
    """An untrained network of a float network's topology, in kernels of quantized_bits(bits, 1), ReLUs of
    quantized_relu(bits, 2) and biases of 16 bits."""
    return rebuilt(model, tuple(_quantized_layer(layer, bits) for layer in model.layers), key)


def is_quantized(model: Model) -> bool:
    """Whether any kernel has a quantiser."""
    return any(map(_has_quantizer, model.layers))


def _has_quantizer(layer: Layer) -> bool:
    return any(getattr(layer, kernel, None) is not None for kernel in KERNELS)


def calibrated(student: Model, trained: Model, x: ArrayLike) -> Model:
    """`student`, a quantised network, with the weights and masks of `trained`, the same network in float32.

    Post-training quantisation: widths stay, and each fixed-point quantiser's integer bits become those with the least
    mean squared error, of kernels and biases over their weights, of activations over what they are on raw inputs x
    (samples, *input_shape), of which as many are used as memory allows.
    """
    weights = dict(zip(trained.graph.param_names, trained.get_weights().values, strict=True))
    for layer in trained.layers:
        if isinstance(layer, Batchnorm):  # its quantisers see folded numbers
            kernel, weights[f"{layer.name}/bias"] = folded(trained, layer, is_quantized=False)
            depthwise = isinstance(layer, layers.DepthwiseConv2D)
            weights[f"{layer.name}/{'depthwise_kernel' if depthwise else 'kernel'}"] = kernel
    results = _results(trained, x)
    made = []
    for layer in student.layers:
        changes: dict[str, Any] = {}
        for key, tensor in _tensors(layer):
            changes[key] = _fitted(getattr(layer, key), weights[tensor])
        if isinstance(getattr(layer, "activation", None), Quantizer):
            changes["activation"] = _fitted(layer.activation, results[layer.name])  # type: ignore[attr-defined]
        made.append(replace(layer, **changes))
    model = rebuilt(student, tuple(made))
    copy_weights(trained, model)
    return model


def copy_weights(source: Model, target: Model) -> None:
    """Parameters and masks by name. ConfigError where the two do not hold the same tensors, learned bits aside."""
    given, own = _shapes(source), _shapes(target)
    if differ := {name for name in {*given, *own} if given.get(name) != own.get(name)}:
        raise ConfigError(
            f"[{target.name}] must have the tensors of {source.name}; they differ in {', '.join(sorted(differ))}"
        )
    copy_shared(source, target)


def _shapes(model: Model) -> dict[str, tuple[int, ...]]:
    tensors = zip(model.graph.param_names, model.get_weights().values, strict=True)
    return {name: value.shape for name, value in tensors if not name.endswith("_fraction")}


def rebuilt(model: Model, made: tuple[Layer, ...], key: Key | int = 0) -> Model:
    """A new model of these layers in place of a model's own, connected as those are."""
    if isinstance(model, Sequential):
        return Sequential(made, model.name, key)
    return Model.of(Topology(made, model.inbound), model.name, key)


def widths(model: Model) -> dict[str, int]:
    """The bits of each quantised tensor whose quantiser has a width."""
    quantised = [(getattr(layer, key), tensor) for layer in model.layers for key, tensor in _tensors(layer)]
    return {tensor: quantizer.bits for quantizer, tensor in quantised if hasattr(quantizer, "bits")}


def with_bits(model: Model, bits: Sequence[int] | Mapping[str, int], key: Key | int = 0) -> Model:
    """An untrained network of the same topology whose layers have other widths: one for each layer with a kernel, in
    order, or by the names of such layers and of QActivations. ConfigError for a name or quantiser without a width."""
    kernels = [layer.name for layer in model.layers if _has_quantizer(layer)]
    if not isinstance(bits, Mapping):
        if len(bits) != len(kernels):
            raise ConfigError(f"[with_bits] one number a layer is required, for {', '.join(kernels)}; got {list(bits)}")
        bits = dict(zip(kernels, bits, strict=True))
    widened = [*kernels, *(layer.name for layer in model.layers if isinstance(layer, layers.QActivation))]
    if strange := [name for name in bits if name not in widened]:
        raise ConfigError(f"[with_bits] layers must be among {', '.join(widened)}; got {', '.join(strange)}")
    made = []
    for layer in model.layers:
        changes: dict[str, Any] = {}
        for key_ in (*KERNELS, "activation"):
            quantizer = getattr(layer, key_, None)
            own = key_ != "activation" or isinstance(layer, layers.QActivation)
            if layer.name in bits and own and quantizer is not None:
                if not hasattr(quantizer, "bits"):
                    raise ConfigError(f"[{layer.name}] {quantizer} has no width to change")
                changes[key_] = replace(quantizer, bits=bits[layer.name])
        made.append(replace(layer, **changes))
    return rebuilt(model, tuple(made), key)


def with_learned_bits(model: Model, key: Key | int = 0) -> Model:
    """An untrained network of the same topology whose kernels learn their bits, weight by weight, beginning with the
    grid of the quantiser that each had. ConfigError where no kernel has a fixed grid."""
    made = []
    for layer in model.layers:
        changes: dict[str, Any] = {}
        for kernel in KERNELS:
            quantizer = getattr(layer, kernel, None)
            if isinstance(quantizer, quantized_bits) and quantizer.alpha in (None, 1):
                begin = float(min(quantizer.bits - quantizer.keep_negative - quantizer.integer, FINEST))
                least, most = min(begin, learned_bits.least), max(begin, learned_bits.most)
                changes[kernel] = learned_bits(begin, least=least, most=most)
        made.append(replace(layer, **changes))
    if made == list(model.layers):
        raise ConfigError(
            f"[{model.name}] learned bits begin with the grid of a quantized_bits with alpha=1; no kernel has one"
        )
    return rebuilt(model, tuple(made), key)


def _float_layer(layer: Layer) -> Layer:
    activation = getattr(layer, "activation", None)
    if isinstance(layer, layers.QActivation):
        return _float_activation(layer.quantizer, layer.name)
    kind = PLAIN.get(type(layer), type(layer))
    kept = {f.name: getattr(layer, f.name) for f in fields(kind)}
    if isinstance(layer, Batchnorm):  # the same tensors, without quantisers
        kept |= dict.fromkeys((*KERNELS[:2], "bias_quantizer"), None)
        kept = {k: v for k, v in kept.items() if hasattr(layer, k)}
    if isinstance(activation, Quantizer):
        plain = _float_activation(activation, layer.name)
        if not isinstance(plain, layers.Activation):
            raise ConfigError(f"[{layer.name}] its activation {activation} must stand in a QActivation of its own")
        kept["activation"] = plain.activation
    return kind(**kept)


def _float_activation(quantizer: Quantizer, name: str) -> Layer:
    if isinstance(quantizer, quantized_relu):
        if quantizer.negative_slope or quantizer.cap is not None:
            return layers.ReLU(quantizer.cap, quantizer.negative_slope, name=name)
        return layers.Activation("relu", name=name)
    if isinstance(quantizer, quantized_bits):
        return layers.Activation("linear", name=name)
    if isinstance(quantizer, quantized_tanh) and quantizer.use_real_tanh:
        return layers.Activation("tanh", name=name)
    if isinstance(quantizer, quantized_sigmoid):
        return layers.Activation("sigmoid" if quantizer.use_real_sigmoid else "hard_sigmoid", name=name)
    raise ConfigError(f"[{name}] {quantizer} has no float32 counterpart")


def _quantized_layer(layer: Layer, bits: int) -> Layer:
    kernel = quantized_bits(bits, 1, alpha=1, rounding="RND")
    bias = quantized_bits(BIAS_BITS, 5, alpha=1, rounding="RND")
    relu = quantized_relu(bits, 2, rounding="RND")
    if isinstance(layer, layers.Activation) and layer.activation in ("relu", "relu6"):
        return layers.QActivation(relu, name=layer.name)
    if isinstance(layer, layers.ReLU) and not layer.negative_slope:
        return layers.QActivation(relu, name=layer.name)
    kind = type(layer) if isinstance(layer, Batchnorm) else QUANTIZED.get(type(layer))
    if kind is None or isinstance(layer, layers.BatchNormalization):
        return layer
    kept = {f.name: getattr(layer, f.name) for f in fields(type(layer))}
    if kept["activation"] in ("relu", "relu6"):
        kept["activation"] = relu
    own = {f.name for f in fields(kind)}
    made: Layer = kind(**{**kept, **{k: kernel for k in KERNELS if k in own}, "bias_quantizer": bias})
    return made


def _tensors(layer: Layer) -> Iterator[tuple[str, str]]:
    """A layer's quantiser fields, and the tensors that they quantise."""
    separable = isinstance(layer, layers.QSeparableConv2D)
    names = {
        "kernel_quantizer": f"{layer.name}/kernel",
        "pointwise_quantizer": f"{layer.name}/kernel",
        "depthwise_quantizer": f"{layer.name}{'_depthwise' if separable else ''}/depthwise_kernel",
        "bias_quantizer": f"{layer.name}/bias",
    }
    for key, tensor in names.items():
        biased = getattr(layer, "use_bias", False) or isinstance(layer, Batchnorm)
        if getattr(layer, key, None) is not None and (key != "bias_quantizer" or biased):
            yield key, tensor


def _fitted(given: Any, values: NDArray[Any]) -> Quantizer:
    """The same quantiser with the integer bits that bring it closest to the values; as it is where it fits itself."""
    quantizer = quantizers.get(given)
    scaled = isinstance(quantizer, quantized_bits) and quantizer.alpha not in (None, 1)
    if scaled or not isinstance(quantizer, (quantized_bits, quantized_relu)):
        return quantizer
    most = float(np.max(np.abs(values), initial=0.0))
    reach = math.ceil(math.log2(most)) + 1 if most > 0 else 0
    tried: list[Quantizer] = [replace(quantizer, integer=reach - i) for i in range(_CANDIDATES)]
    return min(tried, key=lambda q: _error(q, values))


def _error(quantizer: Quantizer, values: NDArray[Any]) -> float:
    return float(np.mean((quantizer.effective(values).astype(np.float64) - values) ** 2))


def _results(model: Model, x: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Every layer's results on the first samples of x."""
    numbers = sum(math.prod(stage.shape) for stage in model.stages)
    samples = max(min(1000, _TRACED // numbers), 16)
    raw = inputs(x, "x", model.input_shape)[:samples].astype(np.float64)
    traced = model.graph.trace(raw)
    found: dict[str, NDArray[np.float64]] = {}
    for layer, stage in zip(model.layers, model.stages, strict=True):
        sources = model.inbound[layer.name]
        before = found[sources[0]] if sources else raw
        found[layer.name] = traced[stage.nodes[-1]] if len(stage.nodes) else before
    return found
