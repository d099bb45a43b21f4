"""The NumPy reference against fractions, against FixedPoint, and its forward pass against Python integers."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from fixed_models import COUNTS, codes, mlp
from hypothesis import given, settings
from hypothesis import strategies as st
from qkdflow import FixedPoint, Key, reference
from qkdflow.errors import DataError
from qkdflow.fixed import FixedDense, FixedModel

ROUNDING = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOW = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")


def round_fraction(x: Fraction, mode: str) -> int:
    """A rational number to an integer, in words: nearest, and where ties go."""
    if mode == "TRN":
        return floor(x)
    if mode == "TRN_ZERO":
        return int(x)
    down, up = floor(x), ceil(x)
    if x - down != up - x:
        return down if x - down < up - x else up
    away = up if x > 0 else down
    ties = {
        "RND": up,
        "RND_MIN_INF": down,
        "RND_INF": away,
        "RND_ZERO": up + down - away,
        "RND_CONV": round(x),
    }
    return ties[mode]


def fit_integer(v: int, kind: FixedPoint) -> int:
    low, high = kind.low_code, kind.high_code
    if low <= v <= high:
        return v
    if kind.overflow == "SAT_ZERO":
        return 0
    if kind.overflow != "WRAP":
        return high if v > high else low
    v %= 2**kind.bits
    return v - 2**kind.bits if v > high else v


types = st.builds(
    FixedPoint,
    bits=st.integers(1, 63),
    integer=st.integers(-8, 40),
    is_signed=st.booleans(),
    rounding=st.sampled_from(ROUNDING),
    overflow=st.sampled_from(OVERFLOW),
)


@settings(max_examples=600, deadline=None)
@given(types, st.lists(st.integers(-(2**62), 2**62 - 1), min_size=1, max_size=20), st.integers(-63, 63))
def test_cast_is_the_definition(kind: FixedPoint, values: list[int], drop: int) -> None:
    fraction = kind.fraction + drop
    # Small values too: halves and near-halves of the last place, where the modes differ.
    values += [v % 257 - 128 for v in values]
    array = np.array(values, dtype=np.int64)
    got = reference.cast(array, fraction, kind)
    want = [fit_integer(round_fraction(Fraction(v) / Fraction(2) ** drop, kind.rounding), kind) for v in values]
    assert got.tolist() == want
    assert kind.requantize(array, fraction).tolist() == want


@pytest.mark.parametrize("rounding", ROUNDING)
@pytest.mark.parametrize("overflow", OVERFLOW)
@pytest.mark.parametrize("is_signed", [True, False])
def test_cast_every_code(rounding: str, overflow: str, is_signed: bool) -> None:
    """All 9-bit codes with 4 fraction bits into 4 bits with 2: each mode rounds and overflows."""
    kind = FixedPoint(4, 2, is_signed, rounding, overflow)
    every = np.arange(-256, 256)
    want = [fit_integer(round_fraction(Fraction(int(v), 4), rounding), kind) for v in every]
    assert reference.cast(every, 4, kind).tolist() == want


def forward(model: FixedModel, row: list[int]) -> list[int]:
    """The network in fractions and lists."""
    value = [Fraction(v) / Fraction(2) ** model.input_type.fraction for v in row]
    kind = model.input_type
    for layer in model.layers:
        kind = layer.result_type
        if isinstance(layer, FixedDense):
            w, b = (
                [Fraction(int(v)) / Fraction(2) ** t.fraction for v in a.ravel()]
                for a, t in ((layer.weights, layer.weight_type), (layer.bias, layer.bias_type))
            )
            n = len(b)
            value = [b[j] + sum(x * w[i * n + j] for i, x in enumerate(value)) for j in range(n)]
            assert all((v * Fraction(2) ** kind.fraction).denominator == 1 for v in value)
        else:
            raised = [max(v, Fraction(0)) if layer.activation == "relu" else v for v in value]
            scaled = [v * Fraction(2) ** kind.fraction for v in raised]
            value = [
                Fraction(fit_integer(round_fraction(v, kind.rounding), kind)) / Fraction(2) ** kind.fraction
                for v in scaled
            ]
    return [int(v * Fraction(2) ** kind.fraction) for v in value]


@pytest.mark.parametrize("rounding", ROUNDING)
@pytest.mark.parametrize("overflow", OVERFLOW)
@pytest.mark.parametrize("activation", ["relu", "linear"])
def test_run_is_rational_arithmetic(rounding: str, overflow: str, activation: str) -> None:
    key = Key(7).fold(rounding).fold(overflow).fold(activation)
    kind = FixedPoint(7, 3, activation == "linear", rounding, overflow)
    model = mlp(key, (9, 7, 5, 3), activation=activation, activation_type=kind)
    x = codes(key.fold("x"), COUNTS, (12, 9))
    assert reference.run(model, x).tolist() == [forward(model, row) for row in x.tolist()]


def test_trace_names_every_layer() -> None:
    model = mlp(Key(1), (30, 15, 4))
    x = codes(Key(2), COUNTS, (6, 30))
    results = reference.trace(model, x)
    assert [(name, v.shape) for name, v in results.items()] == [
        ("fc1", (6, 15)),
        ("act1", (6, 15)),
        ("fc2", (6, 4)),
    ]
    assert (results["fc2"] == reference.run(model, x)).all()
    # The test network is worth its name only where activations are cut, saturated and in between.
    act = results["act1"]
    assert (act == 0).any()
    assert (act == 255).any()
    assert ((act > 0) & (act < 255)).any()


def test_refuses() -> None:
    model = mlp(Key(1), (30, 15, 4))
    with pytest.raises(DataError, match=r"shape \(n, 30\) are required; got int64 \(2, 29\)"):
        reference.run(model, np.zeros((2, 29), dtype=np.int64))
    with pytest.raises(DataError, match="got float64"):
        reference.run(model, np.zeros((2, 30)))
    with pytest.raises(DataError, match=r"\(0 to 1023\) are required; got 0 to 1024"):
        reference.run(model, np.full((1, 30), 1024) * (np.arange(30) == 3))
