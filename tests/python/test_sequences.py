"""Embedding through the whole line: trained, frozen, written, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from csim_models import needs_csim
from fixed_graphs import GRAPHS
from fixed_models import codes
from qkdflow import FixedPoint, Key, load_model, reference
from qkdflow.errors import ConfigError
from qkdflow.export.csim import compare, compile_csim
from qkdflow.export.hls import HlsConfig, write_hls
from qkdflow.export.keras import write_keras
from qkdflow.export.qonnx import write_qonnx
from qkdflow.fixed import FixedEmbedding, FixedModel, FixedReshape
from qkdflow.freeze import freeze
from qkdflow.hardware.estimator import estimate
from qkdflow.layers import Embedding, Flatten, Input, Layer, QActivation, QDense
from qkdflow.models import Sequential
from qkdflow.quantizers import quantized_bits, quantized_relu, quantized_tanh

INDEX = FixedPoint(3, 3, False, "RND", "SAT")
STEPS, ROWS = 5, 7
QUANTISED = {
    "kernel_quantizer": quantized_bits(6, 0, alpha=1),
    "bias_quantizer": quantized_bits(8, 2, alpha=1),
}


def series(n: int = 60) -> np.ndarray:
    return np.floor(np.asarray(Key(3).uniform(n * STEPS)) * ROWS).reshape(n, STEPS)


def trained(*chain: Layer, kind: FixedPoint = INDEX) -> Sequential:
    """A student of these layers whose classes the series' mean decides."""
    head: tuple[Any, ...] = (Input((STEPS,), type=kind), Embedding(ROWS, 3), *chain)
    model, x = Sequential(head, key=2), series()
    model.fit(x, (x.mean(axis=1) > ROWS / 2 - 0.5).astype(int), epochs=10)
    return model


@pytest.mark.parametrize(
    "quantizer", [quantized_bits(9, 0, alpha=1), quantized_relu(8, 0), quantized_bits(7, 0, alpha=1, rounding="TRN")]
)
def test_an_embeddings_rows_are_quantised_once(quantizer: Any, tmp_path: Path) -> None:
    model = trained(QActivation(quantizer, name="rows"), Flatten(), QDense(2, **QUANTISED))
    fixed, x = freeze(model), series()
    exact = model.exact_logits(x)
    np.testing.assert_array_equal(fixed.predict(x), exact)
    np.testing.assert_array_equal(
        reference.run(fixed, fixed.input_type.encode(x)), fixed.run(fixed.input_type.encode(x))
    )
    assert len(np.unique(exact)) > 10
    assert fixed.parameters == model.count_params()
    write_keras(fixed, tmp_path / "net.h5")
    np.testing.assert_array_equal(load_model(tmp_path / "net.h5").exact_logits(x), exact)


def test_a_code_beyond_the_table_gives_zeros() -> None:
    fixed = freeze(trained(QActivation(quantized_bits(10, 0, alpha=1), name="rows"), Flatten(), QDense(2, **QUANTISED)))
    beyond = fixed.trace(np.full((1, STEPS), ROWS))["rows"]
    assert not beyond.any()
    assert fixed.trace(np.full((1, STEPS), ROWS - 1))["rows"].all()


@pytest.mark.parametrize(
    ("chain", "kind", "message"),
    [
        ((Flatten(), QDense(2, **QUANTISED)), INDEX, r"\[embedding\] its table needs a quantiser"),
        (
            (QActivation(quantized_tanh(5, use_real_tanh=True)), Flatten(), QDense(2, **QUANTISED)),
            INDEX,
            r"\[q_activation\] after an Embedding quantized_bits or quantized_relu",
        ),
        (
            (QActivation(quantized_bits(5, 0, alpha=1)), Flatten(), QDense(2, **QUANTISED)),
            FixedPoint(4, 4, True, "RND", "SAT"),
            r"\[q_activation\] its indices must be whole numbers from 0 on",
        ),
    ],
)
def test_what_of_an_embedding_cannot_be_frozen_is_refused(chain: Any, kind: FixedPoint, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        freeze(trained(*chain, kind=kind))


def table(inputs: str = "input", bits: int = 4, shape: tuple[int, ...] = (4,)) -> FixedModel:
    """Indices of 2 bits from a first table, beside it or before it a second: the one that is asked for."""
    index, kind = FixedPoint(bits, bits, False), FixedPoint(2, 2, False)
    first = FixedEmbedding("first", np.array([[3], [1], [2]]), kind)
    second = FixedEmbedding("second", np.array([[1], [3]]), kind, (inputs,))
    flat = FixedReshape("flat", (4,), kind)
    chain = (first, flat) if inputs == "none" else (first, second, flat)
    return FixedModel("tables", shape, index, chain, tuple("abcd"))


@pytest.mark.parametrize(
    ("fixed", "io_type", "message"),
    [
        (table("first"), "io_parallel", r"layer second: hls4ml's embedding needs .* it reads first"),
        (table("input"), "io_parallel", r"layer first: hls4ml's embedding needs .* the input goes to first, second"),
        (table("none", bits=17), "io_parallel", r"layer first: an index of at most 16 bits is required; got 17"),
        (table("none", shape=(2, 2)), "io_stream", r"layer first: io_stream takes a vector of indices; got \(2, 2\)"),
    ],
)
def test_what_hls4ml_cannot_embed_is_refused(fixed: FixedModel, io_type: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        write_hls(fixed, tmp_path / "project", HlsConfig(io_type=io_type))
    assert not (tmp_path / "project").exists()


def test_other_ways_out_refuse_an_embedding_by_name(tmp_path: Path) -> None:
    fixed = GRAPHS["embedding"](Key(5))
    with pytest.raises(ConfigError, match=r"\[qonnx\] layer rows1: an embedding cannot be written"):
        write_qonnx(fixed, tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match=r"\[estimate\] .* got rows1, a Embedding"):
        estimate(fixed)
    with pytest.raises(ConfigError, match=r"layer rows1: embedding in hls4ml's Quartus backend"):
        write_hls(fixed, tmp_path / "project", HlsConfig("Quartus"))


@needs_csim
def test_csim_of_sequences_equals_the_reference(tmp_path: Path) -> None:
    fixed = GRAPHS["embedding"](Key(5))
    csim = compile_csim(write_hls(fixed, tmp_path / "project", HlsConfig(io_type="io_stream")))
    x = codes(Key(4), fixed.input_type, (500, *fixed.input_shape))
    found = compare(fixed.output_type.decode(reference.run(fixed, x)), csim.predict(fixed.input_type.decode(x)))
    assert found == (500 * fixed.outputs, 0)
