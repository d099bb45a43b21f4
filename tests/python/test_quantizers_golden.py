"""Quantisers against the values that QKeras 0.9 gave: tests/python/golden/make_qkeras_quantizers.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qkdflow.quantizers import get

GOLDEN = dict(np.load(Path(__file__).parent / "golden/qkeras_quantizers.npz"))
ACTIVATIONS = [key.split("/", 1)[1] for key in GOLDEN if key.startswith("activation/")]
WEIGHTS = [key.split("/", 1)[1] for key in GOLDEN if key.startswith("weights/")]


@pytest.mark.parametrize("text", ACTIVATIONS)
def test_an_activation_is_qkeras(text: str) -> None:
    np.testing.assert_allclose(get(text).effective(GOLDEN["x"]), GOLDEN[f"activation/{text}"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("key", WEIGHTS)
def test_a_kernel_is_qkeras(key: str) -> None:
    text, array = key.rsplit("/", 1)
    got = get(text).for_weights().effective(GOLDEN[array])
    np.testing.assert_allclose(got, GOLDEN[f"weights/{key}"], rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("text", [t for t in ACTIVATIONS if t.startswith(("quantized_bits(8", "quantized_relu(6"))])
def test_a_type_is_its_quantizer(text: str) -> None:
    quantizer = get(text)
    if getattr(quantizer, "alpha", None) in (None, 1):
        np.testing.assert_array_equal(quantizer.type().quantize(GOLDEN["x"]), quantizer.effective(GOLDEN["x"]))
