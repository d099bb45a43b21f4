"""Other people's quantised students, frozen: the same bits in float64, integers and csim, and their accuracy kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from frozen_shared import GREY, INPUTS, MEANS, student, typed
from qkdflow import load_model
from qkdflow.errors import ConfigError
from qkdflow.export.csim import compare, compile_csim, compiler_problem
from qkdflow.export.hls import HlsConfig, write_hls
from qkdflow.freeze import freeze
from shared_models import MODELS, data, expected, needs_shared

pytestmark = needs_shared


@pytest.mark.parametrize("name", INPUTS)
def test_integers_keep_bits_and_accuracy(name: str) -> None:
    model, fixed = student(name)
    x, y = data(expected()[name]["data"])
    x = x.reshape(len(x), *model.input_shape)
    logits = fixed.predict(x)
    np.testing.assert_array_equal(logits[:1500], model.exact_logits(x[:1500]))
    assert round(float(np.mean(logits.argmax(axis=1) == y)), 4) == expected()[name]["accuracy"]


def test_means_that_are_no_binary_numbers() -> None:
    """QKeras feeds float means into a dense layer, which no fixed point can: refused; rounded to 16 bits they do."""
    model = load_model(MODELS / MEANS)
    with pytest.raises(ConfigError, match="means over 25 pixels are no binary numbers: put a QActivation after it"):
        freeze(typed(model, GREY))
    fixed = freeze(typed(model, GREY, means="quantized_relu(16,0)"))
    x, y = data("mnist")
    accuracy = np.mean(fixed.predict(x.reshape(-1, 28, 28, 1)).argmax(axis=1) == y)
    assert abs(accuracy - expected()[MEANS]["accuracy"]) <= 0.0005


@pytest.mark.skipif(compiler_problem() is not None, reason="a C++ compiler is required")
def test_csim_of_a_student(tmp_path: Path) -> None:
    """One of them here; tests/hls/grid.py has all (imported-*)."""
    _, fixed = student("clyc_student_905_autopo2.h5")
    x, y = data("clyc")
    logits = compile_csim(write_hls(fixed, tmp_path / "project", HlsConfig(strategy="Resource"))).predict(x)
    assert compare(fixed.predict(x), logits) == (2 * len(x), 0)
    assert round(float(np.mean(logits.argmax(axis=1) == y)), 4) == 0.9847
