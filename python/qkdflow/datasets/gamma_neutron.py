"""Simulated scintillation pulses of a CLYC crystal, gamma rays against neutrons, with pile-up and noise: 30 samples.

Notation: i = sample (0 .. S-1), dt = its length, t0 = arrival of the light, component j of the light with
share s[j] and decay time D[j], R = time constant of the two equal poles of tube and amplifier, N = photoelectrons of
the pulse, A = height of the highest sample before statistics and noise; g, h, o = standard normal numbers.

    light       l[i] = sum over j of s[j] times the integral over sample i of exp(-(t - t0)/D[j])/D[j], from t0 on   (1)
                pile-up adds f times a pulse of either kind, from t0 + delay on                                     (2)
    statistics  k[i] = l[i] + sqrt(l[i] L/N) g[i], L = sum of l                                                     (3)
    response    y[i] = p y[i-1] + (1 - p) k[i], p = exp(-dt/R); the same again on its result                        (4)
    front end   u[i] = A y[i] / (the highest sample of the response to l) + pedestal + wander o                     (5)
    ADC         x[i] = round(u[i] + noise h[i]), clipped to 0 .. 2^bits - 1                                         (6)

The class is that of the pulse that triggers; what piles up on it may be of either kind.
docs/datasets/gamma-neutron.md gives the sources of the parameters and the scores of reference classifiers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.draws import F64, Range, between, choose, normal, uniform
from qkdflow.datasets.input_type import adc_type
from qkdflow.datasets.psd import flash, respond
from qkdflow.errors import ConfigError

CLASS_NAMES = ("gamma", "neutron")


@dataclass(frozen=True)
class Parameters:
    """What the simulated detector is like. A range is drawn from uniformly, one value a pulse."""

    samples: int = 30
    period: float = 20.0  # ns
    adc_bits: int = 10
    arrival: float = 120.0  # ns, mean time of arrival
    jitter: float = 25.0  # ns r.m.s., of the trigger; the phase of the sampling clock comes on top
    valence: Range = (0.14, 0.20)  # share of core-valence light in a gamma's, 2 ns; a neutron has none
    cerium_gamma: Range = (0.36, 0.46)  # share of light by Ce3+
    cerium_neutron: Range = (0.40, 0.50)
    decay_valence: float = 2.0  # ns
    decay_cerium_gamma: Range = (45.0, 60.0)  # ns
    decay_cerium_neutron: Range = (85.0, 105.0)  # ns
    decay_slow: Range = (900.0, 1100.0)  # ns, the rest of the light
    pole: Range = (12.0, 15.0)  # ns
    lowest: float = 120.0  # counts
    mean_gamma: float = 160.0  # counts, scale of the exponential spectrum above the lowest
    peak_neutron: float = 420.0  # counts, the capture peak of 6Li
    width_neutron: float = 60.0  # counts r.m.s.
    fast_share: float = 0.4  # of neutrons, those that leave less than the capture peak: exponential as gammas
    highest: float = 900.0  # counts
    electrons: float = 10.0  # photoelectrons a count of height
    pedestal: float = 24.0  # counts
    wander: float = 2.0  # counts r.m.s.
    noise: float = 2.0  # counts r.m.s.
    pile_up: float = 0.25  # share of pulses with a second one in the window
    delay: Range = (60.0, 380.0)  # ns
    ratio: Range = (0.15, 0.9)  # light of the second pulse over light of the first


PARAMETERS = Parameters()  # the published ones: the scores in the documentation are theirs


def simulate(key: Key, samples: int, parameters: Parameters = PARAMETERS) -> Dataset:
    """`samples` pulses, half of each class, counts (samples, 30), cut 70/15/15 by the same key.

    The first pulses of a class are the same whatever their number. ConfigError unless `samples` is even and at least 6.
    """
    n, rest = divmod(samples, 2)
    if rest or n < 3:
        raise ConfigError(f"[gamma-neutron] samples must be even and at least 6; got {samples}")
    x = np.concatenate([pulses(key, name, n, parameters) for name in CLASS_NAMES])
    y = np.repeat(np.arange(2), n)
    return Dataset.make("gamma-neutron", x, y, CLASS_NAMES, adc_type(parameters.adc_bits), key.fold("split"))


def pulses(key: Key, kind: str, n: int, p: Parameters = PARAMETERS) -> NDArray[np.float32]:
    """n pulses of one class, integer counts as float32 (n, samples)."""
    if kind not in CLASS_NAMES:
        raise ConfigError(f"[gamma-neutron] the class must be gamma or neutron; got {kind!r}")
    k = key.fold("gamma-neutron").fold(kind)
    neutron = np.full(n, kind == "neutron")
    t0 = p.arrival + p.period * (uniform(k, "phase", n) - 0.5) + p.jitter * k.fold("jitter").normal(n)
    light = _light(k.fold("first"), neutron, t0, p)
    piled = uniform(k, "piled", n) < p.pile_up
    second = _light(k.fold("second"), uniform(k, "second kind", n) < 0.5, t0 + between(k, "delay", n, p.delay), p)
    light += (piled * between(k, "ratio", n, p.ratio))[:, None] * second

    height = _heights(k, neutron, p)
    per_electron = light.sum(axis=1) / (p.electrons * height)
    noisy = light + np.sqrt(light * per_electron[:, None]) * normal(k, "statistics", n, p.samples)
    pole = between(k, "pole", n, p.pole)
    gain = height / respond(light, p.period, pole).max(axis=1)
    x = gain[:, None] * respond(noisy, p.period, pole) + p.pedestal + p.wander * k.fold("offset").normal(n)[:, None]
    x += p.noise * normal(k, "noise", n, p.samples)
    return np.asarray(np.clip(np.rint(x), 0, 2**p.adc_bits - 1), np.float32)


def _light(k: Key, neutron: NDArray[np.bool_], t0: F64, p: Parameters) -> F64:
    """Light in each sample, (n, samples), of one pulse: eq. 1."""
    n = len(neutron)
    valence = np.where(neutron, 0.0, between(k, "valence", n, p.valence))
    cerium = choose(k, "cerium", neutron, p.cerium_gamma, p.cerium_neutron)
    shares = (valence, cerium, 1.0 - valence - cerium)
    decay = choose(k, "decay", neutron, p.decay_cerium_gamma, p.decay_cerium_neutron)
    decays = (np.full(n, p.decay_valence), decay, between(k, "slow", n, p.decay_slow))
    parts = [s[:, None] * flash(t0, d, p.samples, p.period) for s, d in zip(shares, decays, strict=True)]
    return np.asarray(sum(parts))


def _heights(k: Key, neutron: NDArray[np.bool_], p: Parameters) -> F64:
    """Heights (n,), at most the highest: gammas and fast neutrons exponential above the lowest, captures in a peak."""
    n = len(neutron)
    u = uniform(k, "height", n)
    soft = p.lowest - p.mean_gamma * np.log1p(u * np.expm1((p.lowest - p.highest) / p.mean_gamma))
    peak = np.clip(p.peak_neutron + p.width_neutron * k.fold("peak").normal(n), p.lowest, p.highest)
    return np.where(neutron & (uniform(k, "fast", n) >= p.fast_share), peak, soft)
