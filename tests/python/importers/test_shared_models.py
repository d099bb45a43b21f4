"""Other people's models reach the accuracy that shared/models/expected.json gives for them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy_forward import forward
from qkdflow import Key, importers
from shared_models import MODELS, data, expected, needs_shared

pytestmark = needs_shared


@pytest.mark.parametrize("name", [n for n, e in expected().items() if e["data"]])
def test_a_model_reaches_its_accuracy(name: str) -> None:
    entry, network = expected()[name], importers.read(MODELS / name)
    x, y = data(entry["data"])
    classes = forward(network, x.reshape(len(x), *network.nodes[0].arguments["shape"])).argmax(axis=1)
    assert round(float(np.mean(classes == y)), 4) == entry["accuracy"]
    assert network.parameters == entry["parameters"]
    assert network.zeros == entry.get("zeros", network.zeros)
    if "confusion" in entry:
        assert [[int(np.sum((y == i) & (classes == j))) for j in range(2)] for i in range(2)] == entry["confusion"]


@pytest.mark.parametrize("name", [n for n, e in expected().items() if not e["data"]])
def test_a_model_without_data_computes_finite_numbers(name: str) -> None:
    network = importers.read(MODELS / name)
    shape = network.nodes[0].arguments["shape"]
    x = Key(0).normal(20 * int(np.prod(shape))).reshape(20, *shape).astype(np.float32)
    y = forward(network, x)
    assert np.isfinite(y).all()
    assert y.std(axis=0).max() > 0
