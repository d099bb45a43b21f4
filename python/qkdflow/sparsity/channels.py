"""Neurons and filters that may be removed: what computes them, what must be zero for it, and who reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qkdflow import layers
from qkdflow.layers import Layer
from qkdflow.layers.folded import Batchnorm
from qkdflow.quantizers import Quantizer

Inbound = Mapping[str, Sequence[str]]
KEEP_ZERO = ("linear", "relu", "relu6", "leaky_relu", "tanh")
POOLS = (
    *(layers.MaxPooling1D, layers.MaxPooling2D, layers.AveragePooling1D, layers.AveragePooling2D),
    *(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D),
    *(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D),
)
PLAIN = (*POOLS, layers.Dropout, layers.Flatten, layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ReLU)
READERS = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.SeparableConv2D)


@dataclass
class Channels:
    """The channels of one layer's result. A channel whose kernel and followers are zero is zero wherever it is read."""

    layer: str
    kernel: str  # (..., channels)
    followers: list[str] = field(default_factory=list)  # (channels,): bias; gamma and beta behind; depthwise bias
    moving: list[str] = field(default_factory=list)  # (channels,): statistics that go with them
    depthwise: list[str] = field(default_factory=list)  # depthwise convolutions behind, one kernel a channel
    readers: list[str] = field(default_factory=list)  # layers whose kernels read them


def removable(made: Sequence[Layer], inbound: Inbound) -> list[Channels]:
    """The layers whose channels may be removed one by one: a sum, a concatenation, the output or a function that makes
    something of zero in the way forbids it."""
    by_name = {layer.name: layer for layer in made}
    read_by: dict[str, list[str]] = {layer.name: [] for layer in made}
    for name, sources in inbound.items():
        for source in sources:
            read_by[source].append(name)
    found = []
    for layer in made:
        if isinstance(layer, READERS) and _keeps_zero(layer):
            channels = Channels(layer.name, f"{layer.name}/kernel")
            if layer.use_bias:
                channels.followers.append(f"{layer.name}/bias")
            if isinstance(layer, Batchnorm) and not _normalize(layer, channels):
                continue
            if all(_follow(by_name, read_by, r, channels) for r in read_by[layer.name]) and channels.readers:
                found.append(channels)
    return found


def _follow(by_name: Mapping[str, Layer], read_by: Mapping[str, list[str]], name: str, channels: Channels) -> bool:
    """Walks on from a reader; whether the channels may be removed as far as it can see."""
    layer = by_name[name]
    if isinstance(layer, layers.DepthwiseConv2D):
        if layer.depth_multiplier != 1 or not _keeps_zero(layer):
            return False
        channels.depthwise.append(name)
        channels.followers += [f"{name}/bias"] if layer.use_bias else []
        if isinstance(layer, Batchnorm) and not _normalize(layer, channels):
            return False
    elif isinstance(layer, READERS):
        if isinstance(layer, layers.SeparableConv2D) and layer.depth_multiplier != 1:
            return False
        channels.readers.append(name)
        return True
    elif isinstance(layer, layers.BatchNormalization):
        if not _normalize(layer, channels):
            return False
    elif not _keeps_zero(layer):
        return False
    return bool(read_by[name]) and all(_follow(by_name, read_by, r, channels) for r in read_by[name])


def _normalize(layer: layers.BatchNormalization | Batchnorm, channels: Channels) -> bool:
    """Adds what a normalisation has for each channel; False where nothing could be zero that takes the mean away."""
    if not layer.scale:
        return False
    channels.followers += [f"{layer.name}/gamma", *([f"{layer.name}/beta"] if layer.center else [])]
    channels.moving += [f"{layer.name}/moving_mean", f"{layer.name}/moving_variance"]
    return True


def _keeps_zero(layer: Layer) -> bool:
    if isinstance(layer, layers.QActivation):
        return not layer.quantizer.effective(np.zeros(1, np.float32)).any()
    if isinstance(layer, PLAIN):
        return True
    activation = getattr(layer, "activation", None)
    if isinstance(layer, (*READERS, layers.DepthwiseConv2D)) and activation is None:
        return True
    if isinstance(activation, Quantizer):
        return not activation.effective(np.zeros(1, np.float32)).any()
    return activation in KEEP_ZERO
