"""Simulated photographs of a sticky trap, 80 x 80 x 3 counts of 8 bits: a moth, another moth, other insects.

In the order of the code, every quantity drawn from a key of its own, one value an image unless said otherwise:

    card      a pale colour, lit unevenly (a gradient and a dark stain), with printed lines and specks of dirt
    stranger  part of another insect that lies across the edge, in half of the images
    insect    at any place near the middle, any angle, any of a range of sizes; drawn by soft edges in its own axes
              (u from head to tail, v across; |u|, |v| < 1 about): wings, body, marks
    camera    the focus softens the edges; noise; rounded and clipped to 0 .. 255

The two moths have the same shape, colours and marks: two dark patches, a pale bar. Where on the wing these lie tells
them apart, so that neither a mean image nor a histogram does. docs/datasets/pest.md has the scores of reference
classifiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.draws import F64, Range, between, choose, uniform
from qkdflow.datasets.input_type import adc_type
from qkdflow.errors import ConfigError

SIDE = 80  # pixels
KINDS = ("moth", "other moth", "other insect")
PIECE = 16  # images drawn at once
SPECKS = 10
F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Parameters:
    """What trap, insects and camera are like. A range is drawn from uniformly, one value an image."""

    card: tuple[Range, Range, Range] = ((176.0, 235.0), (170.0, 228.0), (130.0, 215.0))  # red, green, blue
    gradient: float = 0.2  # of the light, from edge to edge
    stain: Range = (0.0, 0.35)  # share of light that the stain takes
    lines: Range = (16.0, 30.0)  # pixels between printed lines
    ink: Range = (0.0, 0.25)  # share of light that a line takes
    stranger: float = 0.5  # share of images with part of another insect
    size: Range = (19.0, 29.0)  # pixels, half the length of a moth
    place: float = 9.0  # pixels from the middle at most, either way
    wing: Range = (85.0, 140.0)  # counts, brightness of the wings
    tint: Range = (0.72, 0.92)  # blue over red of the wings
    contrast: Range = (0.25, 0.6)  # share of light that a mark takes from, or gives to, the wing
    soft: Range = (0.03, 0.09)  # of a moth's half length: the width of its edges
    noise: Range = (4.0, 10.0)  # counts r.m.s. a pixel


PARAMETERS = Parameters()  # the published ones: the scores in the documentation are theirs


def simulate(key: Key, samples: int, classes: int = 3, parameters: Parameters = PARAMETERS) -> Dataset:
    """`samples` images (samples, 80, 80, 3), as many of each class, cut 70/15/15 by the same key.

    Three classes are the moth, another moth and other insects; of two classes the second holds both others. The first
    images of a class are the same whatever their number. ConfigError unless `samples` is a multiple of 6, at least 18.
    """
    if classes not in (2, 3):
        raise ConfigError(f"[pest] classes must be 2 or 3; got {classes}")
    if samples % 6 or samples < 18:
        raise ConfigError(f"[pest] samples must be a multiple of 6 and at least 18; got {samples}")
    n = samples // classes
    if classes == 3:
        parts = [images(key, kind, n, parameters) for kind in KINDS]
        names = KINDS
    else:
        halves = [images(key, KINDS[1], (n + 1) // 2, parameters), images(key, KINDS[2], n // 2, parameters)]
        parts = [images(key, KINDS[0], n, parameters), np.concatenate(halves)]
        names = ("moth", "other")  # type: ignore[assignment]
    x, y = np.concatenate(parts), np.repeat(np.arange(classes), n)
    return Dataset.make(f"pest-{classes}", x, y, names, adc_type(8), key.fold("split"))


def images(key: Key, kind: str, n: int, p: Parameters = PARAMETERS) -> F32:
    """n images of one kind, integer counts as float32 (n, 80, 80, 3)."""
    if kind not in KINDS:
        raise ConfigError(f"[pest] the kind must be one of {', '.join(KINDS)}; got {kind!r}")
    out = np.empty((n, SIDE, SIDE, 3), np.float32)
    k = key.fold("pest").fold(kind)
    for piece, begin in enumerate(range(0, n, PIECE)):
        # Whole pieces are drawn, so that the last one begins with the same images whatever its length.
        whole = _piece(k.fold(piece), kind, p)
        out[begin : begin + PIECE] = whole[: n - begin]
    return out


def _piece(k: Key, kind: str, p: Parameters) -> F64:
    picture = _card(k.fold("card"), p)
    odd = k.fold("stranger")
    far = np.where(uniform(odd, "side", PIECE) < 0.5, -1.0, 1.0) * between(odd, "far", PIECE, (34.0, 46.0))
    along = between(odd, "along", PIECE, (-40.0, 40.0))
    flip = uniform(odd, "axis", PIECE) < 0.5
    spot = np.where(flip, far, along), np.where(flip, along, far)
    shown = uniform(odd, "shown", PIECE) < p.stranger
    picture = _insect(odd, "other insect", picture, spot, shown, p)
    middle = between(k, "x", PIECE, (-p.place, p.place)), between(k, "y", PIECE, (-p.place, p.place))
    picture = _insect(k, kind, picture, middle, np.ones(PIECE, bool), p)
    noise = np.asarray(k.fold("noise").normal(picture.size)).reshape(picture.shape)
    picture += _wide(between(k, "noise level", PIECE, p.noise))[..., None] * noise
    return np.asarray(np.clip(np.rint(picture), 0, 255))


def _grid() -> tuple[F64, F64]:
    """x to the right and y down, in pixels from the middle: (1, 1, SIDE) and (1, SIDE, 1)."""
    line = np.arange(SIDE, dtype=np.float64) - (SIDE - 1) / 2
    return line[None, None, :], line[None, :, None]


def _card(k: Key, p: Parameters) -> F64:
    x, y = _grid()
    colour = np.stack([between(k, f"colour {c}", PIECE, bounds) for c, bounds in enumerate(p.card)], axis=-1)
    angle = between(k, "light", PIECE, (0.0, 2 * np.pi))
    light = 1.0 + p.gradient / SIDE * (_wide(np.cos(angle)) * x + _wide(np.sin(angle)) * y)
    sx, sy = (_wide(between(k, f"stain {a}", PIECE, (-40.0, 40.0))) for a in "xy")
    light = light - _wide(between(k, "stain", PIECE, p.stain)) * np.exp(-((x - sx) ** 2 + (y - sy) ** 2) / 800.0)
    turn = between(k, "turn", PIECE, (-0.12, 0.12))
    apart = _wide(between(k, "apart", PIECE, p.lines))
    ink = _wide(between(k, "ink", PIECE, p.ink))
    for name, shift in (("rows", 0.0), ("columns", np.pi / 2)):
        across = _wide(np.cos(turn + shift)) * x + _wide(np.sin(turn + shift)) * y
        beside = (across + apart * _wide(uniform(k, name, PIECE))) % apart
        light = light * (1.0 - ink * np.exp(-((np.minimum(beside, apart - beside) / 0.8) ** 2)))
    for i in range(SPECKS):
        sx, sy = (_wide(between(k, f"speck {i} {a}", PIECE, (-40.0, 40.0))) for a in "xy")
        size = _wide(between(k, f"speck {i}", PIECE, (0.4, 1.6)))
        light = light * (1.0 - 0.6 * np.exp(-((x - sx) ** 2 + (y - sy) ** 2) / size**2))
    return np.asarray(light[..., None] * colour[:, None, None, :])


def _insect(k: Key, kind: str, picture: F64, middle: tuple[F64, F64], shown: NDArray[np.bool_], p: Parameters) -> F64:
    x, y = _grid()
    angle = between(k, "angle", PIECE, (0.0, 2 * np.pi))
    length = _wide(between(k, "size", PIECE, p.size))
    dx, dy = x - _wide(middle[0]), y - _wide(middle[1])
    u = (_wide(np.cos(angle)) * dx + _wide(np.sin(angle)) * dy) / length
    v = (_wide(np.cos(angle)) * dy - _wide(np.sin(angle)) * dx) / length
    soft = _wide(between(k, "soft", PIECE, p.soft))
    draw = _fly if kind == "other insect" else _moth
    cover, shade = draw(k, u, v, soft, kind == "moth", p)
    bright = between(k, "wing", PIECE, p.wing)
    tint = between(k, "tint", PIECE, p.tint)
    colour = np.stack([bright, bright * (0.5 + 0.5 * tint), bright * tint], axis=-1)[:, None, None, :]
    cover = (cover * _wide(shown.astype(np.float64)))[..., None]
    return np.asarray(picture * (1.0 - cover) + cover * colour * shade[..., None])


def _moth(k: Key, u: F64, v: F64, soft: F64, wanted: bool, p: Parameters) -> tuple[F64, F64]:
    """Cover in [0, 1] and shade of wings folded like a roof: a blunt triangle, narrow at the head, with marks."""
    width = _wide(between(k, "width", PIECE, (0.45, 0.6)))
    edge = width * np.clip(0.35 + 0.5 * (u + 0.9), 0.0, 1.1)
    cover = _inside(edge - np.abs(v), soft) * _inside(u + 0.85, soft) * _inside(0.85 - u - 0.25 * np.abs(v), soft)
    contrast = _wide(between(k, "contrast", PIECE, p.contrast))
    ripple = _wide(between(k, "ripple", PIECE, (0.0, 0.12))) * np.sin(14.0 * (u + 0.5 * np.abs(v)))
    shade = 1.0 + ripple
    # The moth looked for has its patches at the tips and the bar before them; the other one the other way round.
    patch = (0.55 if wanted else -0.25) + _wide(between(k, "patch", PIECE, (-0.08, 0.08)))
    bar = (-0.15 if wanted else 0.45) + _wide(between(k, "bar", PIECE, (-0.08, 0.08)))
    side = np.abs(v) - 0.55 * width * np.clip(0.35 + 0.5 * (patch + 0.9), 0.0, 1.1)
    shade = shade * (1.0 - contrast * _inside(0.16 - np.hypot(u - patch, side), soft))
    shade = shade * (1.0 + 0.8 * contrast * _inside(0.09 - np.abs(u - bar - 0.3 * np.abs(v)), soft))
    shade = shade * (1.0 - 0.5 * _inside(0.09 - np.abs(v) * 0.9, soft) * _inside(0.45 - np.abs(u + 0.35), soft))  # body
    head = _inside(0.14 - np.hypot(u + 0.9, v), soft)
    return np.maximum(cover, head), shade


def _fly(k: Key, u: F64, v: F64, soft: F64, wanted: bool, p: Parameters) -> tuple[F64, F64]:
    """The same of a fly or beetle: a slender or stout body, two glassy wings spread by some angle, a few legs."""
    stout = _wide(between(k, "stout", PIECE, (0.14, 0.32)))
    body = _inside(1.0 - np.hypot(u / 0.6, v / stout), soft * 2)
    spread = _wide(between(k, "spread", PIECE, (0.25, 0.9)))
    along, across = u * np.cos(spread) + np.abs(v) * np.sin(spread), np.abs(v) * np.cos(spread) - u * np.sin(spread)
    glass = _wide(choose(k, "glass", uniform(k, "beetle", PIECE) < 0.35, (0.25, 0.7), (0.0, 0.1)))
    wings = _inside(1.0 - np.hypot((along - 0.4) / 0.55, across / 0.2), soft * 2) * glass
    legs = np.zeros_like(u + v)
    for i, at in enumerate((-0.3, 0.0, 0.3)):
        lean = _wide(between(k, f"leg {i}", PIECE, (-0.5, 0.5)))
        legs = np.maximum(
            legs, _inside(0.03 - np.abs(u - at - lean * np.abs(v)), soft / 2) * _inside(0.6 - np.abs(v), soft)
        )
    shade = np.where(wings > np.maximum(body, legs), 1.15, 0.55 + 0.0 * soft)
    return np.maximum(np.maximum(body, 0.7 * legs), wings), shade


def _inside(distance: F64, soft: F64) -> F64:
    """1 well inside (distance > 0), 0 well outside, a soft edge between."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(distance / soft * 4.0, -30.0, 30.0))))


def _wide(values: F64 | Sequence[float]) -> F64:
    """One value an image, for pixels: (n,) as (n, 1, 1)."""
    return np.asarray(values)[:, None, None]
