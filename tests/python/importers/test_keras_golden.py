"""Files of Keras 2.14, QKeras 0.9, TFMOT 0.8 and Keras 3.15: the same predictions as there."""

from __future__ import annotations

import numpy as np
import pytest
from golden_files import cases, folder, predicted
from numpy_forward import forward
from qkdflow import importers
from qkdflow.quantizers import quantized_bits


@pytest.mark.parametrize(("archive", "file"), cases())
def test_a_file_computes_what_keras_computed(archive: str, file: str) -> None:
    network = importers.read(folder(archive) / file)
    x, y = predicted(archive, file)
    np.testing.assert_allclose(forward(network, x), y, rtol=2e-6, atol=2e-6)
    assert network.format.startswith("Keras 2" if archive == "keras2_files" else "Keras 3")


def test_a_pruned_wrapper_is_stripped_and_its_mask_kept() -> None:
    network = importers.read(folder("keras2_files") / "pruned.h5")
    assert [(n.kind, n.name) for n in network.nodes][1:] == [
        ("Dense", "fc"),
        ("Dropout", network.nodes[2].name),
        ("Dense", "out"),
    ]
    mask = network.nodes[1].masks["kernel"]
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert mask.shape == (5, 8)


def test_a_kernel_without_alpha_has_a_power_of_two_a_channel() -> None:
    nodes = {n.name: n for n in importers.read(folder("keras2_files") / "qkeras_conv.h5").nodes}
    assert nodes["a"].arguments["kernel_quantizer"] == quantized_bits(6, 1, True, alpha="auto_po2")
    assert nodes["a"].arguments["bias_quantizer"] == quantized_bits(8, 2)


def test_nested_models_are_flattened() -> None:
    network = importers.read(folder("keras3_files") / "nested.keras")
    assert [n.kind for n in network.nodes] == [
        *("Input", "Conv2D", "BatchNormalization", "GlobalAveragePooling2D", "Dropout", "Dense", "Dense")
    ]
    assert network.is_chain
    assert len({n.name for n in network.nodes}) == len(network.nodes)


def test_a_regularizer_is_kept() -> None:
    stem = next(n for n in importers.read(folder("keras3_files") / "branches.h5").nodes if n.name == "stem")
    assert stem.arguments["kernel_regularizer"] == pytest.approx((0.0, 0.01))
