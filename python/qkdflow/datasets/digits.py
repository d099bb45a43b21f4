"""Simulated handwriting: digits 0 to 9 as 28 x 28 counts of 8 bits, in the form of MNIST, for where that is not.

A digit is one or two strokes, polylines in a frame of about 1.2 x 2 (x to the right, y down). Each image has a pen, a
slant, a turn, a size and a place of its own, and every corner of a stroke is moved a little; the ink of a pixel follows
from its distance to the nearest stroke. docs/datasets/digits.md has the scores of reference classifiers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.draws import F64, Range, between
from qkdflow.datasets.input_type import adc_type
from qkdflow.errors import ConfigError

SIDE = 28  # pixels
PIECE = 64  # images drawn at once
F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Parameters:
    """What the handwriting is like. A range is drawn from uniformly, one value an image."""

    half: Range = (7.0, 9.5)  # pixels, half the height of a digit
    width: Range = (0.8, 1.15)  # of a digit, over its usual one
    turn: Range = (-0.3, 0.3)  # rad
    slant: Range = (-0.25, 0.45)  # horizontal shift over height
    place: Range = (-2.5, 2.5)  # pixels from the middle, either way
    corner: float = 0.09  # r.m.s. of a corner's move, over half the height
    pen: Range = (0.7, 1.9)  # pixels, half the width of a stroke
    ink: Range = (170.0, 255.0)  # counts


PARAMETERS = Parameters()  # the published ones: the scores in the documentation are theirs


def simulate(key: Key, samples: int, parameters: Parameters = PARAMETERS) -> Dataset:
    """`samples` images (samples, 28, 28, 1), as many of each digit, cut 70/15/15 by the same key.

    The first images of a digit are the same whatever their number. ConfigError unless `samples` is a multiple of 10,
    at least 30.
    """
    n, rest = divmod(samples, 10)
    if rest or n < 3:
        raise ConfigError(f"[digits] samples must be a multiple of 10 and at least 30; got {samples}")
    x = np.concatenate([images(key, digit, n, parameters) for digit in range(10)])
    names = tuple(map(str, range(10)))
    return Dataset.make("digits", x, np.repeat(np.arange(10), n), names, adc_type(8), key.fold("split"))


def images(key: Key, digit: int, n: int, p: Parameters = PARAMETERS) -> F32:
    """n images of one digit, integer counts as float32 (n, 28, 28, 1)."""
    if digit not in range(10):
        raise ConfigError(f"[digits] the digit must be 0 to 9; got {digit!r}")
    k = key.fold("digits").fold(digit)
    out = np.empty((n, SIDE, SIDE, 1), np.float32)
    for piece, begin in enumerate(range(0, n, PIECE)):
        # Whole pieces are drawn, so that the last one begins with the same images whatever its length.
        out[begin : begin + PIECE, :, :, 0] = _piece(k.fold(piece), STROKES[digit], p)[: n - begin]
    return out


def _piece(k: Key, strokes: list[F64], p: Parameters) -> F64:
    """(PIECE, SIDE, SIDE) counts."""
    half = _wide(between(k, "half", PIECE, p.half))
    turn, slant = (_wide(between(k, name, PIECE, getattr(p, name))) for name in ("turn", "slant"))
    middle = [(SIDE - 1) / 2 + _wide(between(k, f"place {a}", PIECE, p.place)) for a in "xy"]
    width = _wide(between(k, "width", PIECE, p.width))
    distance = np.full((PIECE, SIDE * SIDE), np.inf)
    for i, stroke in enumerate(strokes):
        moved = np.asarray(k.fold(f"corners {i}").normal(PIECE * stroke.size)).reshape(PIECE, *stroke.shape)
        u, v = np.moveaxis(stroke + p.corner * moved, -1, 0)
        u = width * u - slant * v
        x = middle[0] + half * (np.cos(turn) * u - np.sin(turn) * v)
        y = middle[1] + half * (np.sin(turn) * u + np.cos(turn) * v)
        for j in range(len(stroke) - 1):
            np.minimum(distance, _distance(x[:, j : j + 2], y[:, j : j + 2]), out=distance)
    pen, ink = _wide(between(k, "pen", PIECE, p.pen)), _wide(between(k, "ink", PIECE, p.ink))
    return np.asarray(np.rint(ink * np.clip(pen + 0.5 - distance, 0.0, 1.0))).reshape(PIECE, SIDE, SIDE)


def _distance(x: F64, y: F64) -> F64:
    """Pixels (PIECE, SIDE * SIDE) from each pixel to the lines with these ends, (PIECE, 2) each."""
    column, row = (a.reshape(1, -1).astype(np.float64) for a in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
    dx, dy = x[:, 1:] - x[:, :1], y[:, 1:] - y[:, :1]
    along = ((column - x[:, :1]) * dx + (row - y[:, :1]) * dy) / np.maximum(dx * dx + dy * dy, 1e-12)
    along = np.clip(along, 0.0, 1.0)
    return np.hypot(column - x[:, :1] - along * dx, row - y[:, :1] - along * dy)


def _wide(values: F64) -> F64:
    """One value an image, for corners or pixels: (n,) as (n, 1)."""
    return values[:, None]


def _arc(x: float, y: float, across: float, down: float, begin: float, end: float) -> list[tuple[float, float]]:
    """Nine corners of an ellipse about (x, y) between two angles in units of pi; from 0, to the right, clockwise."""
    angles = np.pi * np.linspace(begin, end, 9)
    return [(x + across * float(np.cos(a)), y + down * float(np.sin(a))) for a in angles]


STROKES = {
    digit: [np.array(stroke) for stroke in strokes]
    for digit, strokes in {
        0: [_arc(0, 0, 0.55, 0.95, 0, 2)],
        1: [[(-0.3, -0.6), (0.05, -0.95), (0.05, 0.95)]],
        2: [[*_arc(0, -0.45, 0.5, 0.5, -1.05, 0.2), (-0.55, 0.95), (0.6, 0.95)]],
        3: [[*_arc(0, -0.47, 0.45, 0.47, -0.85, 0.5), *_arc(0, 0.47, 0.52, 0.48, -0.5, 0.85)]],
        4: [[(0.2, -0.95), (-0.55, 0.3), (0.6, 0.3)], [(0.25, -0.3), (0.25, 0.95)]],
        5: [[(0.5, -0.95), (-0.4, -0.95), (-0.45, -0.1), *_arc(0, 0.35, 0.52, 0.58, -0.75, 0.8)]],
        6: [[(0.4, -0.95), (-0.1, -0.6), (-0.42, -0.05), *_arc(0, 0.45, 0.5, 0.5, 1, 3)]],
        7: [[(-0.55, -0.9), (0.55, -0.9), (-0.1, 0.95)]],
        8: [_arc(0, -0.48, 0.42, 0.46, 0.5, 2.5), _arc(0, 0.47, 0.52, 0.48, -0.5, 1.5)],
        9: [[*_arc(0, -0.45, 0.5, 0.5, 0, 2), (0.42, 0.2), (0.1, 0.95)]],
    }.items()
}
