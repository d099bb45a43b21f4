"""QKeras's quantisers, in formulas written out here, against the types that stand for them."""

from __future__ import annotations

import numpy as np
import pytest
from qkdflow import Key
from qkdflow.errors import ConfigError
from qkdflow.quantizers import from_dict, get, quantized_bits, quantized_relu, to_dict

X = np.concatenate([np.linspace(-5, 5, 2001), Key(0).normal(500) * 3])


@pytest.mark.parametrize(("bits", "integer"), [(9, 1), (8, 0), (4, 2), (2, 0), (16, 6), (23, 15), (6, 7)])
@pytest.mark.parametrize("symmetric", [False, True])
def test_quantized_bits_is_qkeras_formula(bits: int, integer: int, symmetric: bool) -> None:
    m = 2.0 ** (bits - 1)
    low = -1 + 1 / m if symmetric else -1.0
    wanted = 2.0**integer * np.clip(np.round(X * m / 2**integer) / m, low, 1 - 1 / m)
    np.testing.assert_array_equal(quantized_bits(bits, integer, symmetric, alpha=1).type().quantize(X), wanted)


@pytest.mark.parametrize(("bits", "integer"), [(8, 0), (8, 2), (16, 15), (4, 1)])
def test_quantized_relu_is_qkeras_formula(bits: int, integer: int) -> None:
    m = 2.0**bits
    wanted = 2.0**integer * np.clip(np.round(X * m / 2**integer) / m, 0, 1 - 1 / m)
    np.testing.assert_array_equal(quantized_relu(bits, integer).type().quantize(X), wanted)


def test_unsigned_bits_round_half_up_where_told() -> None:
    kind = quantized_bits(3, 2, keep_negative=False, alpha=1, rounding="RND").type()
    np.testing.assert_array_equal(kind.quantize(np.array([-1.0, 0.25, 0.75, 9.0])), [0, 0.5, 1.0, 3.5])


@pytest.mark.parametrize("text", ["quantized_bits(9, 1, alpha=1)", " quantized_bits(9,1,alpha=1) "])
def test_texts_are_parsed(text: str) -> None:
    assert get(text) == quantized_bits(9, 1, alpha=1)
    assert get("quantized_relu") == quantized_relu()


@pytest.mark.parametrize(
    "text", ["__import__('os').system('true')", "quantized_bits(9,", "tanh(3)", "quantized_bits(width=3)", ""]
)
def test_a_text_that_is_no_quantizer_is_refused_and_not_run(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^\[quantizer\] must be"):
        get(text)


def test_only_alpha_one_is_fixed_point() -> None:
    with pytest.raises(ConfigError, match="alpha=1"):
        quantized_bits(8, 0, alpha="auto").type()


def test_a_quantizer_survives_json() -> None:
    for q in (quantized_bits(9, 1, alpha=1), quantized_relu(8, 2, rounding="RND"), None):
        assert from_dict(to_dict(q)) == q
