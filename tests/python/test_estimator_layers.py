"""Every kind of layer in an estimate: convolutions, streams, pools; the rules against the reports they came from."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from fixed_graphs import GRAPHS
from qkdflow import Key
from qkdflow.errors import ConfigError
from qkdflow.hardware import Estimate, estimate, estimate_conv2d, estimate_dense
from qkdflow.hardware.estimator import Quantity, Target, conv, stream
from qkdflow.hardware.estimator.values import RESOURCES

WEIGHTS = (np.arange(3 * 3 * 2 * 4).reshape(3, 3, 2, 4) * 37 % 127) - 63
PART = "xc7z020clg400-1"


@pytest.mark.parametrize("io", ["parallel", "stream"])
@pytest.mark.parametrize("strategy", ["latency", "resource"])
@pytest.mark.parametrize("graph", [name for name in GRAPHS if name not in ("embedding", "gru")])  # refused by name
def test_every_kind_of_layer_is_estimated(graph: str, strategy: str, io: str) -> None:
    network = GRAPHS[graph](Key(5))
    found = estimate(network, part=PART, strategy=strategy, io=io, reuse_factor=2)
    assert [layer.name for layer in found.layers] == [layer.name for layer in network.layers]
    for resource in RESOURCES:
        assert getattr(found.total, resource).value == sum(getattr(x, resource).value for x in found.layers)
    assert found.total.ii.value == max(layer.ii.value for layer in found.layers)
    longest = max(layer.latency_clk.value for layer in found.layers)
    assert longest <= found.total.latency_clk.value <= sum(x.latency_clk.value for x in found.layers)
    assert all(layer.basis for layer in found.layers)


def test_a_convolutional_network_is_estimated_within_ten_milliseconds() -> None:
    network = GRAPHS["residual"](Key(5))
    times = []
    for _ in range(5):
        start = time.process_time()
        estimate(network, part=PART, io="stream")
        times.append(time.process_time() - start)
    assert min(times) < 0.010


def test_branches_run_side_by_side() -> None:
    found = estimate(GRAPHS["residual"](Key(5)), part=PART, io="parallel")
    clocks = {layer.name: layer.latency_clk.value for layer in found.layers}
    assert found.total.latency_clk.value < sum(clocks.values())


@pytest.mark.parametrize(
    ("bits", "depth", "ff", "bram"),
    [  # csynth of the FIFOs of two streamed designs, Vitis HLS 2023.1
        (208, 1, 516, 0),
        (384, 1, 1028, 0),
        (180, 1, 516, 0),
        (16, 1, 36, 0),
        (128, 24, 404, 0),
        (208, 24, 787, 0),
        (128, 48, 406, 0),
        (130, 24, 787, 0),
        (128, 104, 281, 4),
        (80, 104, 281, 4),
        (16, 150, 60, 1),
    ],
)
def test_a_fifo_is_what_hls_reported(bits: int, depth: int, ff: int, bram: int) -> None:
    _, registers, blocks = stream.fifo(bits, depth)
    assert registers == pytest.approx(ff, rel=0.1, abs=20)
    assert blocks == bram


@pytest.mark.parametrize(
    ("inner", "image", "channels", "filters", "reported"),
    [  # csynth of two convolutions of 3 x 3 and of their products alone, 16 bits: LUT, FF, latency
        ((2441, 0, 0), (10, 15), 1, 8, (3287, 584, 303)),
        ((32142, 2425, 1), (6, 8), 8, 13, (33786, 4878, 146)),
    ],
)
def test_what_is_around_the_products_is_what_hls_reported(
    inner: tuple[int, int, int], image: tuple[int, int], channels: int, filters: int, reported: tuple[int, int, int]
) -> None:
    lut, ff, clocks = inner
    products = replace(
        estimate_dense(np.ones((9 * channels, filters), dtype=np.int64), 8),
        lut=Quantity.exactly(lut),
        ff=Quantity.exactly(ff),
        latency_clk=Quantity.exactly(clocks),
        ii=Quantity.exactly(1),
    )
    window = conv.Window((3, 3), image, (image[0] - 2, image[1] - 2), channels)
    found = conv.around("conv2d", products, window, filters, (16, 16), Target.of("xcvu13p-flga2577-2-e", io="stream"))
    assert found.latency_clk.value == pytest.approx(reported[2], abs=1)
    assert found.lut.value - lut == pytest.approx(reported[0] - lut, rel=0.2)
    assert found.ff.value - ff == pytest.approx(reported[1] - ff, rel=0.2)
    for quantity, count in zip((found.lut, found.ff, found.latency_clk), reported, strict=True):
        assert quantity.low <= count <= quantity.high


def test_a_stream_holds_lines_and_reads_every_pixel() -> None:
    window = estimate_dense(WEIGHTS.reshape(-1, 4), 8, 8)
    found = estimate_conv2d(WEIGHTS, 8, 8, image=(28, 28))
    assert found.kind == "conv2d"
    assert found.dsp.value == window.dsp.value
    assert found.ii.value == 28 * 28 * (window.latency_clk.value + 2)
    taller = estimate_conv2d(np.concatenate([WEIGHTS, WEIGHTS]), 8, 8, image=(28, 28))
    assert taller.ff.value > found.ff.value + 3 * 4 * 2 * 8  # three more lines, of shift registers
    assert found.lut.low < found.lut.value < found.lut.high


def test_padding_is_read_too() -> None:
    padded = estimate(GRAPHS["conv2d"](Key(5)), part=PART, io="stream").layers[0]
    assert padded.ii.value % (8 * 9) == 0  # 6 x 7 pixels, one more on each side


def test_parallel_windows_cost_more_and_take_fewer_turns() -> None:
    one, four = (estimate_conv2d(WEIGHTS, 8, 8, image=(10, 10), io="parallel", parallel=n) for n in (1, 4))
    assert (one.ii.value, four.ii.value) == (64, 16)
    assert four.dsp.value == 4 * one.dsp.value
    assert four.lut.value > one.lut.value


def test_an_image_in_parallel_needs_a_choice_of_windows() -> None:
    small, large = (estimate_conv2d(WEIGHTS, 8, 8, image=(n, n), io="parallel") for n in (5, 20))
    assert large.lut.value - small.lut.value == 9 * 2 * 8 * (-(-(18 * 18 - 1) // 3) - -(-(3 * 3 - 1) // 3))


def test_wires_are_free_and_a_stream_holds_them_up() -> None:
    by_name = {io: _layers("depthwise", io) for io in ("parallel", "stream")}
    pad = {io: next(x for x in layers.values() if x.kind == "zero_padding") for io, layers in by_name.items()}
    assert (pad["parallel"].lut.value, pad["parallel"].latency_clk.value) == (0, 0)
    assert pad["stream"].latency_clk.value == 7 * 7 + 13


def test_products_of_a_depthwise_convolution_never_fold() -> None:
    folded = estimate(GRAPHS["depthwise"](Key(5)), part=PART, io="stream", strategy="resource", reuse_factor=3)
    unfolded = estimate(GRAPHS["depthwise"](Key(5)), part=PART, io="stream", strategy="latency", reuse_factor=3)
    one, other = (next(x for x in f.layers if x.kind == "depthwise_conv2d") for f in (folded, unfolded))
    assert (one.lut, one.ff) == (other.lut, other.ff)


def test_each_softmax_has_its_price() -> None:
    latency, stable, argmax = (x for x in _layers("softmaxes", "parallel").values() if x.kind == "softmax")
    assert latency.bram.value == stable.bram.value == stable.dsp.value == 5
    assert (argmax.dsp.value, argmax.bram.value) == (0, 0)


def test_a_layer_with_weights_may_have_its_own_reuse_factor() -> None:
    found = estimate(GRAPHS["scaled"](Key(5)), part=PART, io="stream", reuse_factor={"conv3": 4, "bn1": 3})
    asked = {layer.name: layer.asked for layer in found.layers if layer.has_weights}
    assert asked == {"bn1": 3, "conv3": 4, "bn4": 1, "fc7": 1, "bn8": 1, "fc10": 1}


def _layers(graph: str, io: str) -> dict[str, object]:
    found: Estimate = estimate(GRAPHS[graph](Key(5)), part=PART, io=io)
    return {layer.name: layer for layer in found.layers}


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"image": (2, 9)}, "at least 3 x 3"), ({"parallel": 0}, "parallel"), ({"weights": WEIGHTS[0]}, "4 axes")],
)
def test_a_wrong_convolution_is_named(settings: dict[str, object], message: str) -> None:
    given = {"weights": WEIGHTS, "weight_bits": 8, "image": (9, 9), **settings}
    with pytest.raises(ConfigError, match=message):
        estimate_conv2d(**given)  # type: ignore[arg-type]
