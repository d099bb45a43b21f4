"""Laws that hold whatever the numbers: a quantiser changes nothing twice, a pruned weight stays zero to the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from qkdflow import FixedPoint, Key, Sequential, load_model
from qkdflow.export.keras import write_keras
from qkdflow.fixed import FixedModel
from qkdflow.freeze import freeze
from qkdflow.layers import Flatten, Input, QActivation, QConv1D, QDense
from qkdflow.quantizers import get

# Signs of QKeras map 0 to +1 and have no level at 0; scales that are fitted to the data are fitted anew to the result.
QUANTIZERS = (
    *("quantized_bits(4,0,alpha=1)", "quantized_bits(8,3,alpha=1)", "quantized_bits(6,1,1,alpha=1)", "csd_bits(8,1)"),
    *(
        "quantized_bits(5,2,keep_negative=0,alpha=1)",
        "quantized_linear(6,2)",
        "quantized_po2(4)",
        "quantized_relu_po2(4)",
    ),
    *("quantized_relu(4,1)", "quantized_relu(6,2)", "binary(alpha=1)", "ternary(alpha=1)"),
)
NUMBERS = st.lists(st.floats(-40, 40, width=32), min_size=1, max_size=40)


@pytest.mark.parametrize("text", QUANTIZERS)
@settings(max_examples=60, deadline=None)
@given(NUMBERS)
@example([n / 32 for n in range(-150, 150)])
def test_a_quantiser_changes_nothing_twice(text: str, numbers: list[float]) -> None:
    quantizer = get(text)
    once = quantizer.effective(np.array(numbers, np.float32))
    np.testing.assert_array_equal(quantizer.effective(once), once)


X = np.floor(16 * Key(1).uniform(64 * 8)).reshape(64, 8, 1).astype(np.float32) / 16
Y = (X[:, :4, 0].mean(axis=1) > X[:, 4:, 0].mean(axis=1)).astype(np.int64)


def network() -> Sequential:
    bits: dict[str, Any] = {
        "kernel_quantizer": "quantized_bits(6,1,alpha=1)",
        "bias_quantizer": "quantized_bits(8,3,alpha=1)",
    }
    made = Sequential(
        [
            Input((8, 1), FixedPoint(4, 0, False, "RND", "SAT")),
            QConv1D(3, 3, name="c", **bits),
            QActivation("quantized_relu(6,2)"),
            Flatten(),
            QDense(5, name="d", **bits),
            QActivation("quantized_relu(6,2)"),
            QDense(2, name="e", **bits),
        ]
    )
    made.compile()
    return made


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_a_pruned_weight_stays_zero_to_the_end(seed: int, share: float, tmp_path: Path) -> None:
    model = network()
    names = [n for n in model.graph.param_names if n.endswith("/kernel")]
    masks = {n: drawn(Key(seed).fold(n), model.parameter(n)[0].shape, share) for n in names}
    for name, mask in masks.items():
        model.graph.set_mask(model.graph.param_names.index(name), mask)
    model.fit(X, Y, epochs=2, batch_size=16)
    check(model, masks)
    model.save(tmp_path / "float")
    loaded = load_model(tmp_path / "float")
    check(loaded, masks)
    loaded.fit(X, Y, epochs=1, batch_size=16)
    check(loaded, masks)
    fixed = freeze(loaded)
    fixed.save(tmp_path / "fixed")
    for frozen in (fixed, FixedModel.load(tmp_path / "fixed")):
        for layer in frozen.kernels:
            assert (
                layer.weights.reshape(masks[f"{layer.name}/kernel"].shape)[masks[f"{layer.name}/kernel"] == 0] == 0
            ).all()
    write_keras(fixed, tmp_path / "net.h5")
    exported = load_model(tmp_path / "net.h5")
    kernels = [n for n in exported.graph.param_names if n.endswith("/kernel")]
    assert len(kernels) == len(masks)
    for kernel, mask in zip(kernels, masks.values(), strict=True):
        assert (exported.effective(kernel)[mask == 0] == 0).all()


def drawn(key: Key, shape: tuple[int, ...], share: float) -> NDArray[np.float32]:
    """1 where a weight is kept; `share` of them is not."""
    return (key.uniform(int(np.prod(shape))) >= share).reshape(shape).astype(np.float32)


def check(model: Any, masks: dict[str, NDArray[np.float32]]) -> None:
    for name, mask in masks.items():
        values, kept = model.parameter(name)
        np.testing.assert_array_equal(kept, mask)
        assert (values[mask == 0] == 0).all()
        assert (model.effective(name)[mask == 0] == 0).all()
