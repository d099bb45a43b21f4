"""The simulators by name. Each draws so many samples of a data set from a key."""

from __future__ import annotations

from collections.abc import Callable

from qkdflow._core import Key
from qkdflow.datasets import digits, gamma_neutron, pest, psd, textures
from qkdflow.datasets.dataset import Dataset

SIMULATORS: dict[str, Callable[[Key, int], Dataset]] = {
    "psd": psd.simulate,
    "gamma-neutron": gamma_neutron.simulate,
    "digits": digits.simulate,
    "pest-2": lambda key, samples: pest.simulate(key, samples, 2),
    "pest-3": lambda key, samples: pest.simulate(key, samples, 3),
    "textures": textures.simulate,
}
