"""Embedding and GRU through the whole line: trained, frozen, written, or refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from csim_models import needs_csim
from fixed_graphs import GRAPHS
from fixed_models import codes
from qkdflow import FixedPoint, Key, load_model, reference
from qkdflow.ebops import ebops, significant_bits
from qkdflow.errors import ConfigError
from qkdflow.export.csim import compare, compile_csim
from qkdflow.export.hls import HlsConfig, write_hls
from qkdflow.export.keras import write_keras
from qkdflow.export.keras_file import keras_file
from qkdflow.export.preflight import alone_warnings
from qkdflow.export.qonnx import write_qonnx
from qkdflow.fixed import FixedDense, FixedEmbedding, FixedGRU, FixedModel, FixedReshape
from qkdflow.freeze import freeze, inexact_layers
from qkdflow.hardware.estimator import estimate
from qkdflow.layers import GRU, QGRU, Embedding, Flatten, Input, Layer, QActivation, QDense
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
    model.fit(x, (x.mean(axis=1) > ROWS / 2 - 0.5).astype(int), epochs=100)
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
    with pytest.raises(ConfigError, match=r"\[qonnx\] layer rows1: embedding cannot be written"):
        write_qonnx(fixed, tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match=r"\[estimate\] .* got rows1, a Embedding"):
        estimate(fixed, board="pynq-z2")
    with pytest.raises(ConfigError, match=r"layer rows1: embedding in hls4ml's Quartus backend"):
        write_hls(fixed, tmp_path / "project", HlsConfig("Quartus"))


def gated(**changed: Any) -> QGRU:
    quantizers: dict[str, Any] = {
        "kernel_quantizer": quantized_bits(7, 1, alpha=1),
        "recurrent_quantizer": quantized_bits(6, 1, alpha=1),
        "bias_quantizer": quantized_bits(9, 2, alpha=1),
        "state_quantizer": quantized_bits(8, 0, alpha=1, rounding="RND"),
    }
    return QGRU(4, **{**quantizers, **changed})


ROWS_OF = QActivation(quantized_bits(8, 0, alpha=1))


@pytest.mark.parametrize("return_sequences", [False, True])
def test_a_quantised_gru_is_trained_and_frozen(return_sequences: bool) -> None:
    tail = (Flatten(),) if return_sequences else ()
    model = trained(ROWS_OF, gated(return_sequences=return_sequences), *tail, QDense(2, **QUANTISED))
    x = series()
    exact, fixed = model.exact_logits(x), freeze(model)
    np.testing.assert_allclose(model.predict(x), exact, atol=0.05)  # a state may round the other way in float32
    state = fixed.trace(x)["q_gru"]
    np.testing.assert_array_equal(state * 2**7 % 1, 0)
    assert len(np.unique(state)) > 20
    codes_in = fixed.input_type.encode(x)
    np.testing.assert_array_equal(reference.run(fixed, codes_in), fixed.run(codes_in))
    assert inexact_layers(model, fixed) == ("q_gru",)
    assert np.abs(fixed.predict(x) - exact).max() < 0.3  # 1024 entries of 10 fraction bits
    assert fixed.parameters == model.count_params()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (GRU(3), r"\[gru\] needs kernel_quantizer, recurrent_quantizer and state_quantizer to be frozen; use QGRU"),
        (gated(state_quantizer=None), r"\[q_gru\] needs kernel_quantizer"),
        (gated(bias_quantizer=None), r"\[q_gru\] needs a bias_quantizer to be frozen"),
        (
            gated(state_quantizer=quantized_bits(24, 0, alpha=1), recurrent_quantizer=quantized_bits(12, 1, alpha=1)),
            r"\[q_gru\] its sums need \d+ bits; 31 are the most",
        ),
    ],
)
def test_what_of_a_gru_cannot_be_frozen_is_refused(layer: Layer, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        freeze(trained(ROWS_OF, layer, QDense(2, **QUANTISED)))


@pytest.mark.parametrize(
    "state", ["quantized_tanh(8,use_real_tanh=True)", "quantized_sigmoid(8)", "quantized_relu(8,0)"]
)
def test_a_state_is_rounded_and_nothing_else(state: str) -> None:
    with pytest.raises(ConfigError, match="state_quantizer must be a quantized_bits"):
        gated(state_quantizer=state)


def test_what_a_gru_is_not_given_is_said() -> None:
    fixed = GRAPHS["gru"](Key(5))
    assert list(alone_warnings(fixed, 1, "Latency")) == []
    said = list(alone_warnings(fixed, 4, "Resource"))
    assert [text.split(",")[0] for text in said] == [f"layer {x.name}" for x in fixed.layers if isinstance(x, FixedGRU)]


def test_a_grus_kernels_are_counted(tmp_path: Path) -> None:
    """Widest kernel, zeros and EBOPs of both, the inner one times the state's bits; hls4ml's tables of both types."""
    fixed = GRAPHS["gru"](Key(5))
    first, second, dense = (layer for layer in fixed.layers if isinstance(layer, (FixedGRU, FixedDense)))
    assert isinstance(first, FixedGRU)
    kept = np.where(np.arange(first.recurrent_kernel.size) % 2, 0, 3).reshape(first.recurrent_kernel.shape)
    kind = first.recurrent_type
    wide = FixedPoint(11, kind.integer + 11 - kind.bits)  # of the same grid
    changed = replace(first, recurrent_kernel=kept, recurrent_type=wide)
    fixed = replace(fixed, layers=tuple(changed if layer is first else layer for layer in fixed.layers))
    assert fixed.bits == 11
    kernels = [changed.kernel, kept, second.kernel, second.recurrent_kernel, dense.weights]  # type: ignore[union-attr]
    zeros, size = sum(int((k == 0).sum()) for k in kernels), sum(k.size for k in kernels)
    assert fixed.sparsity == zeros / size
    counted = ebops(fixed)
    assert set(counted) == {first.name, second.name, dense.name}
    inner = 2 * kept.size // 2 * 7  # threes, of two bits, times a state of a sign and seven bits
    assert counted[first.name] == int(significant_bits(changed.kernel).sum()) * 6 + inner
    assert f"ap_fixed&lt;11,{wide.integer}&gt;" in fixed._repr_html_()


def test_other_ways_out_refuse_a_gru_by_name(tmp_path: Path) -> None:
    fixed = GRAPHS["gru"](Key(5))
    with pytest.raises(ConfigError, match=r"\[qonnx\] layer gru2: gru cannot be written"):
        write_qonnx(fixed, tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match=r"\[keras\] layer gru2: a GRU cannot be written"):
        write_keras(fixed, tmp_path / "net.h5")
    with pytest.raises(ConfigError, match=r"\[estimate\] .* got gru2, a GRU"):
        estimate(fixed, board="pynq-z2")
    with pytest.raises(ConfigError, match=r"layer gru2: gru in hls4ml's Quartus backend"):
        write_hls(fixed, tmp_path / "project", HlsConfig("Quartus"))


def mutants(fixed: FixedModel, name: str) -> dict[str, FixedModel]:
    """A GRU with one of its types a little wrong."""
    place = next(i for i, layer in enumerate(fixed.layers) if layer.name == name)
    layer = fixed.layers[place]
    assert isinstance(layer, FixedGRU)
    accum, state = layer.accum_type, layer.result_type
    wrong = {
        "accumulator": {"accum_type": FixedPoint(accum.bits, accum.integer, True, "RND", accum.overflow)},
        "finer": {"accum_type": FixedPoint(accum.bits + 2, accum.integer, True, accum.rounding, accum.overflow)},
        "tables": {"table_type": FixedPoint(18, 8, True, "RND", "SAT")},
        "state": {"result_type": FixedPoint(state.bits, state.integer, True, "TRN", state.overflow)},
    }
    before, after = fixed.layers[:place], fixed.layers[place + 1 :]
    return {
        key: replace(fixed, layers=(*before, replace(layer, **change), *after))  # type: ignore[arg-type]
        for key, change in wrong.items()
    }


@needs_csim
def test_csim_of_sequences_equals_the_reference_and_no_mutant(tmp_path: Path) -> None:
    """Embedding and GRU in one project, against the reference; then with each of the GRU's types a little wrong."""
    fixed = freeze(trained(ROWS_OF, gated(return_sequences=True), Flatten(), QDense(2, **QUANTISED)))
    csim = compile_csim(write_hls(fixed, tmp_path / "project", HlsConfig(io_type="io_stream")))
    x = codes(Key(4), fixed.input_type, (500, *fixed.input_shape))
    logits = csim.predict(fixed.input_type.decode(x))
    assert compare(fixed.output_type.decode(reference.run(fixed, x)), logits) == (500 * fixed.outputs, 0)
    for name, wrong in mutants(fixed, "q_gru").items():
        found = compare(wrong.output_type.decode(reference.run(wrong, x)), logits)
        assert found.mismatches > 10, name


def test_a_qgru_is_imported_with_its_quantisers(tmp_path: Path) -> None:
    """QKeras's configuration of one, its defaults overridden by what can be computed."""
    text = {"kernel": "quantized_bits(7,1,alpha=1)", "recurrent": "quantized_bits(6,1,alpha=1)"}
    text |= {"bias": "quantized_bits(9,2,alpha=1)", "state": "quantized_bits(8,0,alpha=1)"}
    config: dict[str, Any] = {"units": 4, "activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}
    config |= {"name": "cell", "use_bias": True, **{f"{key}_quantizer": value for key, value in text.items()}}
    layers = [
        {"class_name": "InputLayer", "config": {"name": "series", "batch_input_shape": [None, STEPS, 3]}},
        {"class_name": "QGRU", "config": config},
    ]
    shapes = {"kernel": (3, 12), "recurrent_kernel": (4, 12), "bias": (2, 12)}
    drawn = {k: np.asarray(Key(1).fold(k).uniform(s[0] * s[1]), np.float32).reshape(s) - 0.5 for k, s in shapes.items()}
    described = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    (tmp_path / "net.h5").write_bytes(keras_file(described, {"series": {}, "cell": drawn}, {}))
    model = load_model(tmp_path / "net.h5")
    cell = model.layers[-1]
    assert isinstance(cell, QGRU)
    assert cell == replace(gated(state_quantizer=quantized_bits(8, 0, alpha=1)), name="cell")
    np.testing.assert_allclose(model.effective("cell/kernel"), drawn["kernel"], atol=2.0**-6)
