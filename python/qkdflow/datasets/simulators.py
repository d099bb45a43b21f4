"""The simulators by name. Each draws so many samples of a data set from a key."""

from __future__ import annotations

from collections.abc import Callable

from qkdflow._core import Key
from qkdflow.datasets import psd
from qkdflow.datasets.dataset import Dataset

SIMULATORS: dict[str, Callable[[Key, int], Dataset]] = {"psd": psd.simulate}
