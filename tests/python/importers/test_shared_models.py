"""Other people's models reach the accuracy that shared/models/expected.json gives for them."""

from __future__ import annotations

import numpy as np
import pytest
import qkdflow
from numpy_forward import forward
from qkdflow import Key, importers
from shared_models import MODELS, data, expected, needs_shared

pytestmark = needs_shared


@pytest.mark.parametrize("name", [n for n, e in expected().items() if e["data"]])
def test_a_model_reaches_its_accuracy(name: str) -> None:
    entry, network = expected()[name], importers.read(MODELS / name)
    model = qkdflow.load_model(MODELS / name)
    x, y = data(entry["data"])
    x = x.reshape(len(x), *model.input_shape)
    classes = model.predict(x).argmax(axis=1)
    assert round(float(np.mean(classes == y)), 4) == entry["accuracy"]
    assert network.parameters == entry["parameters"]
    assert network.zeros == entry.get("zeros", network.zeros)
    np.testing.assert_allclose(model.predict(x[:200]), forward(network, x[:200]), atol=1e-3)
    assert model.count_params() == entry["parameters"]
    if "confusion" in entry:
        assert [[int(np.sum((y == i) & (classes == j))) for j in range(2)] for i in range(2)] == entry["confusion"]


@pytest.mark.parametrize("name", [n for n, e in expected().items() if not e["data"]])
def test_a_model_without_data_computes_finite_numbers(name: str) -> None:
    network = importers.read(MODELS / name)
    shape = network.nodes[0].arguments["shape"]
    x = Key(0).normal(20 * int(np.prod(shape))).reshape(20, *shape).astype(np.float32)
    y = forward(network, x)
    np.testing.assert_allclose(qkdflow.load_model(MODELS / name).predict(x), y, atol=1e-4)
    assert np.isfinite(y).all()
    assert y.std(axis=0).max() > 0
