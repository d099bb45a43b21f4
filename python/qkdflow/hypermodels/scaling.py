"""The scaling of raw counts, from the training part: the first layer of every network here."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qkdflow.datasets import Dataset
from qkdflow.layers import Rescaling


def standardization(dataset: Dataset) -> Rescaling:
    """(x - mean) / deviation, from the training part, per feature, or of images and series per channel: for float
    networks."""
    x = _features(dataset)
    deviation = np.maximum(x.std(axis=0), 1e-3 * max(float(x.std()), 1e-12))
    scale = (1.0 / deviation).astype(np.float32)
    return Rescaling(scale, -x.mean(axis=0) * scale, name="rescaling")


def power_of_two_scaling(dataset: Dataset, pool: int = 1) -> Rescaling:
    """(x - round(mean)) * 2^-k, one k for all features, from the training part: exact in fixed point.

    Means are of a feature, or of images and series of a channel. k takes the spread of all features together to
    between 1/2 and 1. pool: the features are means of so many neighbours in a vector, the rest at its end left out.
    """
    x = _features(dataset)
    if pool > 1:
        x = x[:, : x.shape[1] // pool * pool].reshape(len(x), -1, pool).mean(axis=2)
    step = dataset.input_type.step
    mean = np.round(x.mean(axis=0) / step) * step
    spread = max(float(np.sqrt(np.mean((x - mean) ** 2))), step)
    scale = 2.0 ** -math.ceil(math.log2(spread))
    return Rescaling(scale, -mean * scale, name="rescaling")


def _features(dataset: Dataset) -> NDArray[np.float64]:
    """(samples, features), or (samples * pixels, channels): what moves about in an image has no mean of its own."""
    return dataset.train.x.reshape(-1, dataset.shape[-1]).astype(np.float64)
