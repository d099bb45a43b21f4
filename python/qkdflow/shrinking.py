"""The smaller network that is left where whole neurons or filters are zero."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow.models import Model, Weights
from qkdflow.precision import rebuilt
from qkdflow.sparsity import Channels, removable

Places = NDArray[np.intp]


def shrink(model: Model) -> Model:
    """A new model without the channels that are zero for every input, the other weights and masks carried over.

    It computes the same logits, bit for bit where kernels have types (alpha=1); a scale that is fitted to a channel's
    weights ("auto") may round otherwise by its epsilon. Of a layer whose channels are all zero one stays.
    """
    names = model.graph.param_names
    kept: dict[str, Places] = {}  # by tensor: along its last axis
    inputs: dict[str, Places] = {}  # by tensor: along the axis of its inputs
    units: dict[str, int] = {}
    for channels in removable(model.layers, model.inbound):
        keep, count = _alive(model, channels), len(_column(model, channels))
        units[channels.layer] = len(keep)
        for name in (channels.kernel, *channels.followers, *channels.moving):
            kept[name] = keep
            if f"{name}_fraction" in names and model.parameter(f"{name}_fraction")[0].size > 1:
                kept[f"{name}_fraction"] = keep
        for name in channels.depthwise:
            inputs[f"{name}/depthwise_kernel"] = keep
        for name in channels.readers:
            separable = f"{name}_depthwise/depthwise_kernel"
            if separable in names:
                inputs[separable] = keep
            shape = model.parameter(f"{name}/kernel")[0].shape
            pixels = np.arange(shape[-2] // count)[:, np.newaxis]  # that a Flatten put side by side
            inputs[f"{name}/kernel"] = (pixels * count + keep).ravel()
    made = []
    for layer in model.layers:
        if layer.name in units:
            size = "units" if "units" in {f.name for f in fields(layer)} else "filters"
            changes: dict[str, Any] = {size: units[layer.name]}
            layer = replace(layer, **changes)
        made.append(layer)
    small = rebuilt(model, tuple(made))
    small.compile(model.optimizer)
    given = model.get_weights()

    def cut(name: str, array: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        if array is None:
            return None
        array = array if name not in kept else np.take(array, kept[name], axis=-1)
        rows = inputs.get(name.removesuffix("_fraction"))
        return np.ascontiguousarray(array if rows is None or array.ndim == 1 else np.take(array, rows, axis=-2))

    values = tuple(cut(n, v) for n, v in zip(names, given.values, strict=True))
    masks = tuple(cut(n, m) for n, m in zip(names, given.masks, strict=True))
    small.set_weights(Weights(values, masks))  # type: ignore[arg-type]
    return small


def _column(model: Model, channels: Channels) -> NDArray[np.bool_]:
    """Whether each channel has a weight that is not zero."""
    kernel = model.effective(channels.kernel)
    return np.asarray(kernel.reshape(-1, kernel.shape[-1]).any(axis=0))


def _alive(model: Model, channels: Channels) -> Places:
    used = _column(model, channels)
    for name in channels.followers:
        used = used | (model.effective(name) != 0)
    keep = np.flatnonzero(used)
    return keep if len(keep) else np.array([0])
