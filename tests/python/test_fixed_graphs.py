"""Frozen graphs, layer kind by layer kind: the emulator against the independent NumPy reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixed_graphs import GRAPHS, PIXEL
from fixed_models import codes
from jsonschema import ValidationError, validate
from qkdflow import FixedPoint, Key, fixed, reference
from qkdflow.files import read_json
from qkdflow.fixed import FixedModel

SCHEMA = read_json(Path(fixed.__file__).with_name("fixed.schema.json"))
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
    validate(read_json(tmp_path / "model.json"), SCHEMA)
    again = FixedModel.load(tmp_path)
    assert again.digest == model.digest
    x = codes(Key(6), model.input_type, (5, *model.input_shape))
    np.testing.assert_array_equal(again.run(x), model.run(x))


def test_the_schema_refuses(tmp_path: Path) -> None:
    """Every wrong thing that a reader of the format could meet first: a kind, a type, a name, a field."""
    GRAPHS["conv2d"](Key(5)).save(tmp_path)
    for change in (
        {"kind": "convolution"},
        {"weight_type": {"bits": 5}},
        {"name": "input"},
        {"dilation": 2},
        {"strides": [0, 1]},
    ):
        model = read_json(tmp_path / "model.json")
        model["layers"][0] |= change
        with pytest.raises(ValidationError):
            validate(model, SCHEMA)
