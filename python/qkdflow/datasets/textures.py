"""Textures, a task to learn first: what a network for images learns before the few images that it is for.

Published networks begin with weights of ImageNet, which cannot be made here. These images, of 32 x 32 x 3 counts of 8
bits, teach edges, spots, their directions and colours: each is one of four patterns along one of four directions, in
two random colours, of random period and phase, under noise. Sixteen classes, and nothing of any application in them.
"""

from __future__ import annotations

import numpy as np

from qkdflow._core import Key
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.draws import F64, between, uniform
from qkdflow.datasets.input_type import adc_type
from qkdflow.errors import ConfigError

SIDE = 32  # pixels
PATTERNS = ("stripes", "checks", "dots", "waves")
DIRECTIONS = (0, 45, 90, 135)  # degrees
CLASS_NAMES = tuple(f"{pattern} {direction}" for pattern in PATTERNS for direction in DIRECTIONS)
PERIOD = (5.0, 10.0)  # pixels
LEAN = 0.2  # radians, either way
NOISE = (4.0, 24.0)  # counts r.m.s. a pixel


def simulate(key: Key, samples: int) -> Dataset:
    """`samples` images (samples, 32, 32, 3), as many of each class, cut 70/15/15 by the same key.

    ConfigError unless `samples` is a multiple of 16, at least 112: every part has every class.
    """
    classes = len(CLASS_NAMES)
    if samples % classes or samples < 7 * classes:
        raise ConfigError(
            f"[textures] samples must be a multiple of {classes} and at least {7 * classes}; got {samples}"
        )
    n = samples // classes
    x = np.concatenate([_images(key.fold("textures").fold(name), i, n) for i, name in enumerate(CLASS_NAMES)])
    y = np.repeat(np.arange(classes), n)
    return Dataset.make("textures", x.astype(np.float32), y, CLASS_NAMES, adc_type(8), key.fold("split"))


def _images(k: Key, number: int, n: int) -> F64:
    pattern, direction = PATTERNS[number // len(DIRECTIONS)], DIRECTIONS[number % len(DIRECTIONS)]
    line = np.arange(SIDE, dtype=np.float64)
    angle = np.deg2rad(direction) + between(k, "lean", n, (-LEAN, LEAN))[:, None, None]
    across = np.cos(angle) * line + np.sin(angle) * line[:, None]
    along = np.cos(angle) * line[:, None] - np.sin(angle) * line
    turns = 2 * np.pi / between(k, "period", n, PERIOD)[:, None, None]
    first = turns * across + 2 * np.pi * uniform(k, "phase", n)[:, None, None]
    second = turns * along / 2 + 2 * np.pi * uniform(k, "other phase", n)[:, None, None]
    height = _height(pattern, first, second)
    dark, light = (
        np.stack([between(k, f"{name} {c}", n, bounds) for c in "rgb"], axis=-1)[:, None, None, :]
        for name, bounds in (("dark", (20.0, 130.0)), ("light", (120.0, 235.0)))
    )
    share = (0.5 + 0.5 * height)[..., None]
    picture = dark + share * (light - dark)
    noise = np.asarray(k.fold("noise").normal(picture.size)).reshape(picture.shape)
    picture += between(k, "noise level", n, NOISE)[:, None, None, None] * noise
    return np.asarray(np.clip(np.rint(picture), 0, 255))


def _height(pattern: str, first: F64, second: F64) -> F64:
    """Within -1 and 1. Periods are twice as long along as across, so that checks and dots have a direction too."""
    if pattern == "checks":
        return np.asarray(np.sign(np.sin(first) * np.sin(second)))
    if pattern == "dots":
        return np.where(np.sin(first) + np.sin(second) > 1.0, 1.0, -1.0)
    return np.sin(first + 2.0 * np.sin(second)) if pattern == "waves" else np.sin(first)
