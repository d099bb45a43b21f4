"""Layers from their JSON configuration."""

from __future__ import annotations

from typing import Any

from qkdflow import quantizers
from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.layers import (
    activations,
    convolutional,
    core,
    folded,
    merging,
    normalization,
    pooling,
    recurrent,
    regularization,
    reshaping,
)
from qkdflow.layers.base import Layer
from qkdflow.regularizers import L1L2

_MODULES = (
    *(activations, convolutional, core, folded, merging),
    *(normalization, pooling, recurrent, regularization, reshaping),
)
_ABSTRACT = (Layer, folded.Batchnorm)
KNOWN: dict[str, type[Layer]] = {
    name: kind
    for module in _MODULES
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Layer) and not name.startswith("_") and kind not in _ABSTRACT
}


def from_config(config: dict[str, Any]) -> Layer:
    """The layer that `config()` described. ConfigError for a class or a field that is not known."""
    fields = dict(config)
    name = fields.pop("class_name", None)
    if name not in KNOWN:
        raise ConfigError(f"[layer] must be one of {', '.join(sorted(KNOWN))}; got {name!r}")
    for key, value in fields.items():
        if key.endswith("_quantizer") or (key == "activation" and isinstance(value, dict)):
            fields[key] = quantizers.from_dict(value)
        elif key == "type" and isinstance(value, dict):
            fields[key] = FixedPoint.from_dict(value)
        elif key == "kernel_regularizer" and isinstance(value, dict):
            fields[key] = L1L2(**value)
    return KNOWN[name](**fields)
