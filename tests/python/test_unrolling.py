"""What the tools cannot unroll or partition: refused or said before anything is written."""

from __future__ import annotations

import csv
import importlib.util
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from fixed_graphs import GRAPHS, Build
from fixed_models import mlp
from qkdflow import FixedPoint, Key
from qkdflow.errors import ConfigError
from qkdflow.export.hls import HlsConfig, write_hls
from qkdflow.export.preflight import alone_warnings
from qkdflow.export.unrolling import UNROLL_LIMIT, check_unrolling
from qkdflow.fixed import FixedDepthwiseConv, FixedModel

DENSE_LAYERS = Path(__file__).parents[3] / "shared/data/hls_reports/dense_layers.csv"
needs_hls4ml = pytest.mark.skipif(importlib.util.find_spec("hls4ml") is None, reason="hls4ml is not installed")


@needs_hls4ml
def test_unroll_limit_is_said_before_anything_is_written(tmp_path: Path) -> None:
    model, said = mlp(Key(1), (100, 45, 4)), list[str]()

    def announce(sentence: str) -> None:
        assert not (tmp_path / "a").exists()
        said.append(sentence)

    project = write_hls(model, tmp_path / "a", HlsConfig(), announce)
    assert project.warnings == (
        "layer fc1 has 4500 products at once under Latency: Vivado HLS refuses more than 4096, Vitis HLS may take long "
        "or fail; use strategy Resource with a reuse factor of 2 or 4, or more",
    )
    assert said == list(project.warnings)
    again = write_hls(model, tmp_path / "b", HlsConfig(strategy="Resource", reuse_factor={"fc1": 2}))
    assert again.warnings == ()


def unrolled(fixed: FixedModel, config: HlsConfig) -> list[str]:
    """The warnings. Raises ConfigError."""
    factors, strategies = config.reuse_factors(fixed), config.strategies(fixed)
    return list(check_unrolling(fixed, config.backend, config.io_type, factors, strategies))


def test_what_vivado_hls_cannot_unroll_is_refused(tmp_path: Path) -> None:
    model, pynq = mlp(Key(1), (100, 45, 4)), HlsConfig("VivadoAccelerator", board="pynq-z2")
    cure = r"a reuse factor of 2 or 4, or more, or backend Vitis"
    refused = [
        (pynq, rf"layer fc1 must have at most 4096 products at once.* got 4500 under Latency; use strategy .* {cure}"),
        (replace(pynq, reuse_factor=100, io_type="io_stream"), rf"got 4500 under Latency; .* {cure}"),
        (replace(pynq, strategy="Resource"), rf"got 4500 under Resource; use {cure}"),
    ]
    for config, message in refused:
        with pytest.raises(ConfigError, match=message):
            write_hls(model, tmp_path / "out", config)
        assert not (tmp_path / "out").exists()
    resource = HlsConfig("Vivado", board="basys3", strategy="Resource")
    assert unrolled(model, replace(resource, reuse_factor={"fc1": 2})) == []
    assert unrolled(model, HlsConfig("Vivado", board="basys3", strategy={"fc1": "Resource"}, reuse_factor=2)) == []
    for backend in ("Quartus", "oneAPI", "Catapult"):  # the limit is not theirs
        assert unrolled(model, HlsConfig(backend)) == []
    assert unrolled(mlp(Key(1), (64, 63, 4)), pynq) == []
    (at_the_limit,) = unrolled(mlp(Key(1), (64, 64, 4)), pynq)
    assert "fc1 has 4096 products at once under Latency: in public reports Vivado HLS never built" in at_the_limit


def gated(width: int, units: int) -> FixedModel:
    b = Build(Key(4), (2, width))
    b.gru(units, False, FixedPoint(8, 1), FixedPoint(30, 17))
    b.dense(2)
    return b.model()


def test_a_grus_products_are_counted_by_kernel() -> None:
    """hls4ml makes a dense layer of each kernel of a GRU, whole at any reuse factor."""
    pynq, vitis = HlsConfig("VivadoAccelerator", board="pynq-z2"), HlsConfig()
    message = r"layer gru1's recurrent_kernel must have at most 4096 products .* got 4107 under Latency; use fewer"
    with pytest.raises(ConfigError, match=message):
        unrolled(gated(3, 37), pynq)
    (said,) = unrolled(gated(3, 37), vitis)
    assert said.startswith("layer gru1's recurrent_kernel has 4107 products at once under Latency: Vivado HLS refuses")
    (said,) = unrolled(gated(683, 2), vitis)
    assert said.startswith("layer gru1's kernel has 4098 products at once")
    assert unrolled(gated(3, 36), pynq) == []


def test_a_depthwise_layer_keeps_latency_and_that_is_said() -> None:
    fixed = GRAPHS["depthwise"](Key(1))
    depthwise = [layer.name for layer in fixed.kernels if isinstance(layer, FixedDepthwiseConv)]
    said = [
        f"layer {name}, a depthwise convolution, keeps strategy Latency, whatever others have" for name in depthwise
    ]
    assert list(alone_warnings(fixed, 1, "Resource")) == said
    assert list(alone_warnings(fixed, 2, "Latency")) == []
    name = depthwise[-1]
    with pytest.raises(ConfigError, match=rf"layer {name}: .* Latency alone .* got Resource; leave it out"):
        HlsConfig(strategy={name: "Resource"}).strategies(fixed)
    others = {layer.name: "Resource" for layer in fixed.kernels if layer.name not in depthwise}
    assert list(alone_warnings(fixed, 1, others)) == []
    assert HlsConfig(strategy={name: "Latency", **others}).strategies(fixed)[name] == "Latency"


@pytest.mark.skipif(not DENSE_LAYERS.is_file(), reason="needs the developers' shared folder beside the checkout")
def test_the_unroll_limit_is_that_of_public_reports() -> None:
    """Vivado HLS on single dense layers: all that had as many products at once failed, those with fewer rarely."""
    ended = {True: Counter[bool](), False: Counter[bool]()}
    with DENSE_LAYERS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            products = int(row["d_in"]) * int(row["d_out"])
            at_once = products if row["strategy"] == "latency" else products // int(row["rf"])
            ended[at_once >= UNROLL_LIMIT][row["hls_synth_success"] == "True"] += 1
    assert ended[True] == {False: 1428}
    assert ended[False] == {True: 875, False: 48}


def test_what_vivado_hls_partitions_into_too_much_is_said() -> None:
    b = Build(Key(1), (32, 32, 1))
    b.conv(5, (2, 2), padding="same")
    b.relu()
    b.pool("max", (32, 32))
    b.reshape()
    b.dense(3)
    pynq = HlsConfig("VivadoAccelerator", board="pynq-z2")
    said = unrolled(b.model(), pynq)
    assert len(said) == 2
    assert said[0].startswith("layer conv1 gives 5120 values, more than the 4096 that Vivado HLS partitions")
    assert unrolled(b.model(), replace(pynq, io_type="io_stream")) == unrolled(b.model(), HlsConfig()) == []
    wide = Build(Key(1), (2, 2, 1100))
    wide.depthwise((2, 2))
    wide.reshape()
    wide.dense(3)
    with pytest.raises(ConfigError, match=r"layer dw1 .* got 4400 under Latency; use fewer channels or a smaller"):
        unrolled(wide.model(), pynq)
