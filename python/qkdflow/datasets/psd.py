"""Simulated pulses of a water-Cherenkov detector for pulse-shape discrimination (PSD): 30 samples, 4 classes.

The signal chain in the order of the code: light -> photoelectrons -> tube and amplifier -> rail -> ADC.

Notation: i = sample (0 .. S-1), dt = its length, t0 = arrival of the light, D = decay time of the light,
R = time constant of the two equal poles of tube and amplifier, N = photoelectrons of the pulse,
A = height of the highest sample before statistics and noise; g, h, o, d = standard normal numbers.

    light       l[i] = integral over sample i of exp(-(t - t0)/D)/D, from t0 on                         (1)
                a double adds f times the same with its own D, from t0 + delay on                       (2)
    statistics  k[i] = l[i] + sqrt(l[i] L/N) g[i], L = sum of l                                         (3)
    response    y[i] = p y[i-1] + (1 - p) k[i], p = exp(-dt/R); the same again on its result            (4)
    height      v[i] = A y[i] / (the highest sample of the response to l)                               (5)
    front end   u[i] = min(v[i] + pedestal + wander (o + d (i/(S-1) - 1/2)), rail)                      (6)
    ADC         x[i] = round(u[i] + noise h[i]), clipped to 0 .. 2^bits - 1                             (7)

docs/datasets/psd.md gives the sources of the parameters and the scores of reference classifiers.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.draws import F64, Range, between, choose, normal, uniform
from qkdflow.datasets.input_type import adc_type
from qkdflow.errors import ConfigError

CLASS_NAMES = ("electromagnetic", "muon", "double", "saturated")


@dataclass(frozen=True)
class PsdParameters:
    """What the simulated detector is like. A range (low, high) is drawn from uniformly, one value a pulse.

    Sources: [G] Garcia et al., Electronics 10 (2021) 224, doi:10.3390/electronics10030224: rise times of 6 to
    9 ns (electrons) and 11 to 15 ns (muons), muons the higher, discharges in saturation. [L] the saturated
    pulse shown in the lecture: 30 samples, seven before the rise, then a plateau at 230 to 233 counts. The
    rest is ours. ConfigError for a negative value, a range upside down or heights that reach the rail.
    """

    samples: int = 30  # [L]
    period: float = 4.0  # ns, so that the rises of [G] span 2 to 4 samples
    adc_bits: int = 8  # [L]
    rail: float = 232.0  # counts, where the amplifier stops [L]
    pedestal: float = 4.0  # counts
    wander: float = 1.5  # counts r.m.s., of the baseline's offset and of its drift over the window
    noise: float = 1.0  # counts r.m.s., after the rail [L]
    arrival: float = 28.0  # ns, the light's mean time of arrival [L]
    jitter: float = 6.0  # ns r.m.s., of the trigger; the phase of the sampling clock comes on top
    decay_em: Range = (10.0, 16.0)  # ns
    decay_muon: Range = (32.0, 52.0)  # ns
    pole_em: Range = (4.0, 5.2)  # ns; rises (10-90 %) of 6 to 9 ns [G]
    pole_muon: Range = (6.0, 7.4)  # ns; rises of 11 to 15 ns [G]
    lowest: float = 40.0  # counts, the trigger's threshold: no pulse is lower
    highest: float = 200.0  # counts: no pulse outside the saturated class is higher
    mean_em: float = 50.0  # counts, scale of the exponential spectrum of heights above the threshold
    hump_muon: float = 110.0  # counts, centre of the logistic hump of heights [G: muons the higher]
    width_muon: float = 22.0  # counts, scale of the hump
    electrons: float = 2.0  # photoelectrons a count of height
    delay: Range = (34.0, 62.0)  # ns, between the two pulses of a double
    ratio: Range = (0.5, 1.0)  # light of the second pulse over light of the first
    overshoot: float = 1.15  # height of the lowest saturated pulse over the rail
    index: float = 1.5  # of the integral spectrum of saturated heights, N(> A) ~ A^-index

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            low, high = value if isinstance(value, tuple) else (value, value)
            if not 0 <= low <= high < np.inf:
                raise ConfigError(f"[psd {f.name}] 0 <= low <= high is required; got {value}")
        if self.samples < 2 or not 1 <= self.adc_bits <= 16:
            got = f"{self.samples} samples of {self.adc_bits} bits"
            raise ConfigError(f"[psd] at least 2 samples of 1 to 16 bits are required; got {got}")
        positive = ("period", "decay_em", "decay_muon", "pole_em", "pole_muon", "lowest", "mean_em")
        for name in (*positive, "width_muon", "electrons", "index"):
            if np.min(getattr(self, name)) <= 0:
                raise ConfigError(f"[psd {name}] must be positive; got {getattr(self, name)}")
        if not self.lowest < self.highest < self.rail < 2**self.adc_bits or self.overshoot < 1:
            raise ConfigError(
                "[psd] lowest < highest < rail < 2^adc_bits and overshoot >= 1 are required; got "
                f"{self.lowest}, {self.highest}, {self.rail}, {self.adc_bits} bits, {self.overshoot}"
            )


PARAMETERS = PsdParameters()  # the published ones: the scores in the documentation are theirs


def simulate(key: Key, samples: int, parameters: PsdParameters = PARAMETERS) -> Dataset:
    """`samples` pulses, a quarter of each class, counts (samples, 30), cut 70/15/15 by the same key.

    The first pulses of a class are the same whatever their number. Same key, same bits: exp, log and power
    are the only operations that IEEE does not fix to the last bit, and the end is rounded to integers.
    ConfigError unless `samples` is a multiple of 4 and at least 12.
    """
    n, left = divmod(samples, len(CLASS_NAMES))
    if n < 3 or left:
        raise ConfigError(f"[psd] samples must be a multiple of {len(CLASS_NAMES)}, at least 12; got {samples}")
    x = np.concatenate([pulses(key, name, n, parameters) for name in CLASS_NAMES])
    y = np.repeat(np.arange(len(CLASS_NAMES)), n)
    return Dataset.make("psd", x, y, CLASS_NAMES, adc_type(parameters.adc_bits), key.fold("split"))


def pulses(key: Key, kind: str, n: int, p: PsdParameters = PARAMETERS) -> NDArray[np.float32]:
    """n pulses of one class, integer counts as float32 (n, samples)."""
    if kind not in CLASS_NAMES:
        raise ConfigError(f"[psd] the class must be one of {', '.join(CLASS_NAMES)}; got '{kind}'")
    k = key.fold("psd").fold(kind)
    # Either particle doubles and saturates.
    one_kind = kind in ("electromagnetic", "muon")
    muon = np.full(n, kind == "muon") if one_kind else uniform(k, "particle", n) < 0.5
    column = np.arange(p.samples) / (p.samples - 1) - 0.5

    t0 = p.arrival + p.period * (uniform(k, "phase", n) - 0.5) + p.jitter * k.fold("jitter").normal(n)
    light = flash(t0, choose(k, "decay", muon, p.decay_em, p.decay_muon), p.samples, p.period)
    if kind == "double":
        second = t0 + between(k, "delay", n, p.delay)
        # A pulse behind the first may be of either kind.
        late_muon = uniform(k, "second particle", n) < 0.5
        decay = choose(k, "second decay", late_muon, p.decay_em, p.decay_muon)
        light += between(k, "ratio", n, p.ratio)[:, None] * flash(second, decay, p.samples, p.period)

    height = _height(uniform(k, "height", n), muon, kind == "saturated", p)
    per_electron = light.sum(axis=1) / (p.electrons * height)
    noisy = light + np.sqrt(light * per_electron[:, None]) * normal(k, "statistics", n, p.samples)
    pole = choose(k, "pole", muon, p.pole_em, p.pole_muon)
    gain = height / respond(light, p.period, pole).max(axis=1)

    x = gain[:, None] * respond(noisy, p.period, pole) + p.pedestal
    x += p.wander * (k.fold("offset").normal(n)[:, None] + k.fold("drift").normal(n)[:, None] * column)
    x = np.minimum(x, p.rail) + p.noise * normal(k, "noise", n, p.samples)
    return np.asarray(np.clip(np.rint(x), 0, 2**p.adc_bits - 1), np.float32)


def flash(start: F64, decay: F64, samples: int, period: float) -> F64:
    """Light in each sample, (n, samples), of flashes at `start` (n,) that decay with `decay` (n,): eq. 1."""
    edges = period * np.arange(samples + 1)
    arrived = 1.0 - np.exp(-np.maximum(edges - start[:, None], 0.0) / decay[:, None])
    return arrived[:, 1:] - arrived[:, :-1]


def respond(light: F64, period: float, pole: F64) -> F64:
    """The answer of two equal poles (n,) to light (n, samples): eq. 4."""
    keep = np.exp(-period / pole)
    first, second = np.zeros(len(light)), np.zeros(len(light))
    out = np.empty_like(light)
    for i in range(light.shape[1]):
        first = keep * first + (1.0 - keep) * light[:, i]
        second = keep * second + (1.0 - keep) * first
        out[:, i] = second
    return out


def _height(u: F64, muon: NDArray[np.bool_], saturated: bool, p: PsdParameters) -> F64:
    """Heights (n,) whose quantiles are u (n,): the inverse distribution functions of the three spectra."""
    if saturated:
        return p.rail * p.overshoot * np.exp(-np.log1p(-u) / p.index)
    em = p.lowest - p.mean_em * np.log1p(u * np.expm1((p.lowest - p.highest) / p.mean_em))
    low, high = (1.0 / (1.0 + np.exp((p.hump_muon - a) / p.width_muon)) for a in (p.lowest, p.highest))
    v: F64 = low + u * (high - low)
    return np.where(muon, p.hump_muon + p.width_muon * np.log(v / (1.0 - v)), em)
