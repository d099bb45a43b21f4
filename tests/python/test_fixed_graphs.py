"""Frozen graphs, layer kind by layer kind: the emulator against the independent NumPy reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixed_graphs import GRAPHS, PIXEL
from fixed_models import codes
from qkdflow import FixedPoint, Key, reference
from qkdflow.fixed import FixedModel

WIDE = FixedPoint(34, 3, True, "TRN", "SAT")


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("kind", [PIXEL, WIDE])
@pytest.mark.parametrize("seed", range(3))
def test_emulator_is_the_reference(name: str, kind: FixedPoint, seed: int) -> None:
    """Layer by layer, for a number of samples that fills no block; in 32-bit lanes and in 64-bit ones."""
    model = GRAPHS[name](Key(seed).fold(name), kind)
    assert model.emulator.narrow == (kind == PIXEL)
    x = codes(Key(100 + seed), model.input_type, (53, *model.input_shape))
    want, got = reference.trace(model, x), model.emulator.trace(x)
    assert list(got) == [layer.name for layer in model.layers]
    for layer in want:
        np.testing.assert_array_equal(got[layer], want[layer], err_msg=layer)
    np.testing.assert_array_equal(model.run(x), want[model.layers[-1].name])
    assert len(np.unique(model.run(x))) > 10


@pytest.mark.parametrize("name", GRAPHS)
def test_save_load(tmp_path: Path, name: str) -> None:
    model = GRAPHS[name](Key(5))
    model.save(tmp_path)
    again = FixedModel.load(tmp_path)
    assert again.digest == model.digest
    x = codes(Key(6), model.input_type, (5, *model.input_shape))
    np.testing.assert_array_equal(again.run(x), model.run(x))
