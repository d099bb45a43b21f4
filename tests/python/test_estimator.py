"""The estimator: laws exact on the public reports, units, and bad input in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from fixed_models import mlp
from qkdflow import Key
from qkdflow.errors import ConfigError, DataError
from qkdflow.hardware import Kernel, estimate, estimate_dense, sweep
from qkdflow.hardware.boards import boards, parts
from qkdflow.hardware.estimator import Quantity, find_fixed, laws
from qkdflow.hardware.estimator.kernel import signed_digits, signed_width
from qkdflow.hardware.estimator.prices import Prices, shipped

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))
import hls_reports

needs_reports = pytest.mark.skipif(
    not hls_reports.REPORTS.is_dir(), reason=f"no public reports: {hls_reports.REPORTS} is absent"
)
VU = "xcu250-figd2104-2L-e"


def matrix(key: Key, n_in: int, n_out: int, high: int = 127) -> np.ndarray:
    uniform = np.asarray(key.uniform(n_in * n_out), dtype=np.float64).reshape(n_in, n_out)
    return np.rint((2 * uniform - 1) * high).astype(np.int64)


def digits_by_hand(value: int) -> int:
    """Non-zero digits of the non-adjacent form, by its definition."""
    count = 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            value -= digit
            count += 1
        value >>= 1
    return count


def test_signed_digits_are_those_of_the_non_adjacent_form() -> None:
    codes = np.arange(-300, 301)
    assert signed_digits(codes).tolist() == [digits_by_hand(abs(int(c))) for c in codes]


def test_the_order_in_memory_does_not_matter() -> None:
    weights = matrix(Key(1), 12, 5)
    for strategy in ("latency", "resource"):
        plain, turned, cut = (
            estimate_dense(w, 8, 8, reuse_factor=6, strategy=strategy)
            for w in (weights, np.asfortranarray(weights), np.repeat(weights, 2, axis=0)[::2])
        )
        assert plain == turned == cut


def test_signed_width_is_that_of_twos_complement() -> None:
    assert [signed_width(np.array([c])) for c in (0, 1, -1, 7, -8, 8, -9)] == [1, 2, 1, 4, 4, 5, 5]


def test_a_kernel_counts_what_a_matrix_holds() -> None:
    # Row 0: 11 (narrow), -11, 11 again, 3 (two digits); row 1: 0, 4, 23 (24 - 1: two digits), 43 (four).
    kernel = Kernel.of(np.array([[11, -11, 11, 3], [0, 4, 23, 43]]))
    assert (kernel.n_in, kernel.n_out, kernel.zeros, kernel.nonzero) == (2, 4, 1, 7)
    assert (kernel.two_digit, kernel.many_digit) == (1, 5)
    assert (kernel.distinct_two, kernel.distinct_many, kernel.narrow) == (1, 4, 1)


def test_a_reuse_factor_is_what_hls4ml_takes() -> None:
    assert [laws.taken_reuse_factor(30, 12, rf, "resource") for rf in (1, 8, 16, 32, 64)] == [1, 6, 15, 30, 60]
    assert laws.taken_reuse_factor(30, 12, 64, "latency") == 64
    pytest.importorskip("hls4ml")
    from hls4ml.backends import get_backend

    theirs = get_backend("Vitis")
    for n_in, n_out in ((30, 12), (32, 5), (16, 64), (7, 3)):
        valid = theirs.get_valid_reuse_factors(n_in, n_out)
        for rf in range(1, n_in * n_out + 20, 3):
            closest = theirs.get_closest_reuse_factor(valid, rf)
            assert laws.taken_reuse_factor(n_in, n_out, rf, "resource") == closest


@pytest.fixture(scope="module")
def single_layers() -> list[hls_reports.Reported]:
    return list(hls_reports.dense_layers())


@needs_reports
def test_dsp_and_interval_are_exact_on_every_single_layer(single_layers: list[hls_reports.Reported]) -> None:
    rows = single_layers
    assert len(rows) == 875
    assert [r.row.name for r in rows if r.layout.dsp != r.counts["dsp"]] == []
    assert [r.row.name for r in rows if abs(r.layout.bram - r.counts["bram"]) > 1] == []
    assert [r.row.name for r in rows if abs(r.layout.latency - r.counts["latency_clk"]) > 2] == []
    folded = [r for r in rows if r.row.group == "resource"]
    assert len(folded) == 759
    assert [r.row.name for r in folded if (r.ii, r.layout.latency) != (r.counts["ii"], r.counts["latency_clk"])] == []


@needs_reports
def test_dsp_is_exact_and_clocks_are_near_on_every_layer_of_a_design() -> None:
    rows = list(hls_reports.mlp_layers())
    assert [r.row.name for r in rows if r.layout.dsp != r.counts["dsp"]] == []
    near = [abs(r.layout.latency - r.counts["latency_clk"]) <= max(2, 0.1 * r.counts["latency_clk"]) for r in rows]
    assert np.mean(near) > 0.95
    reported = [laws.initiation_interval(r.layout.reuse_factor, int(r.counts["latency_clk"]), "latency") for r in rows]
    assert reported == [r.counts["ii"] for r in rows]  # the law, given the reported clocks


@needs_reports
def test_the_shipped_prices_are_those_of_the_reports(single_layers: list[hls_reports.Reported]) -> None:
    for target in ("lut", "ff"):
        errors = [
            abs(shipped()[r.row.group][target].sum(r.row.terms[target]) / r.counts[target] - 1)
            for r in (*single_layers, *hls_reports.mlp_layers())
        ]
        assert np.median(errors) < 0.02


@needs_reports
def test_a_row_of_the_table_can_be_checked() -> None:
    with np.load(hls_reports.REPORTS / "dense_weights.npz", allow_pickle=False) as archive:
        weights = archive["dense_96_128_8b"]
    found = estimate_dense(weights, 8, 16, part=VU, clock_ns=5, reuse_factor=768, strategy="resource")
    assert (found.dsp.value, found.bram.value, found.latency_clk.value, found.ii.value) == (16, 8, 770, 768)
    assert found.lut.value == pytest.approx(21_938, rel=0.01)
    assert found.ff.value == pytest.approx(2_413, rel=0.02)


def test_a_network_without_many_digits_needs_no_dsp() -> None:
    powers = np.array([[1, -2], [4, 0], [3, 5]])
    assert estimate_dense(powers, 8).dsp == Quantity.exactly(0)
    assert estimate_dense(np.array([[43, -2], [4, 0], [3, 5]]), 8).dsp == Quantity.exactly(1)


def test_narrow_constants_are_inside_the_interval_of_dsps() -> None:
    weights = np.array([[11, 13, 43], [-11, 21, 11]])  # of more than two digits each; three of them 11 or 13
    assert estimate_dense(weights, 8, part=VU).dsp == Quantity(6, 3, 6)
    assert estimate_dense(weights, 8).dsp == Quantity.exactly(6)


def test_more_zeros_cost_less_and_faster_clocks_more() -> None:
    dense = matrix(Key(1), 30, 12)
    sparse = np.where(matrix(Key(2), 30, 12) > 0, dense, 0)
    full, pruned = estimate_dense(dense, 8), estimate_dense(sparse, 8)
    assert pruned.lut.value < full.lut.value
    assert pruned.dsp.value < full.dsp.value
    assert pruned.ebops < full.ebops == np.count_nonzero(dense) * 8 * 16
    slow, fast = (estimate_dense(dense, 8, clock_ns=ns).latency_clk.value for ns in (20.0, 2.5))
    assert slow < fast


@pytest.mark.parametrize("strategy", ["latency", "resource"])
@pytest.mark.parametrize("part", ["xc7z020clg400-1", VU])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 7)])
def test_every_shape_and_reuse_factor_has_an_estimate(shape: tuple[int, int], part: str, strategy: str) -> None:
    size = shape[0] * shape[1]
    for weights in (matrix(Key(1), *shape), np.zeros(shape, dtype=np.int64), np.ones(shape, dtype=np.int64)):
        for rf in (1, 2, 3, 5, size, size + 1, 100_000):
            found = estimate_dense(weights, 9, 12, part=part, reuse_factor=rf, strategy=strategy)
            assert found.asked == rf
            assert found.reuse_factor == laws.taken_reuse_factor(*shape, rf, strategy)
            assert found.dsp.value <= size


def test_a_known_uncertainty_narrows_the_interval() -> None:
    weights = matrix(Key(1), 30, 12)
    unknown = estimate_dense(weights, 8, 8)
    for kept in (0.125, 0.27):  # hls4ml's defaults for Vivado and Vitis
        known = estimate_dense(weights, 8, 8, uncertainty=kept)
        for what in ("lut", "ff", "latency_clk", "ii"):
            wide, narrow = getattr(unknown, what), getattr(known, what)
            assert wide.low <= narrow.low <= narrow.high <= wide.high
    assert (
        estimate_dense(weights, 8, 8, uncertainty=0.27).ff.value
        > estimate_dense(weights, 8, 8, uncertainty=0.125).ff.value
    )


def test_small_folded_layers_lack_the_fixed_part_of_the_large_ones() -> None:
    weights = matrix(Key(1), 32, 5, 63)
    small = estimate_dense(weights, 7, 7, reuse_factor=32, strategy="resource", multiplier="fabric")
    assert small.lut.low <= 482 <= small.lut.high  # csynth, Vivado HLS 2019.2, XC7Z020
    large = estimate_dense(weights, 7, 16, part=VU, reuse_factor=160, strategy="resource")
    assert large.lut.value > 4600


def test_wider_sums_cost_more() -> None:
    narrow, wide = (estimate_dense(matrix(Key(1), 30, 12), 8, result_bits=bits).lut.value for bits in (16, 24))
    assert narrow < wide <= 1.5 * narrow + 1


def test_a_total_is_the_sum_of_its_layers_and_its_interval_the_slowest() -> None:
    found = estimate(mlp(Key(3), (30, 12, 5)), part="xc7z020clg400-1", reuse_factor=8)
    for resource in ("lut", "ff", "dsp", "bram", "latency_clk"):
        parts_of = [getattr(layer, resource) for layer in found.layers]
        whole = getattr(found.total, resource)
        assert whole.value == sum(q.value for q in parts_of)
        assert whole.low <= whole.value <= whole.high
    assert found.total.ii.value == max(layer.ii.value for layer in found.layers)
    assert found.share("dsp") == found.total.dsp.value / 220
    assert found.to_dict()["kind"] == "estimated, not implemented"


def test_the_verdict_follows_the_part() -> None:
    network = mlp(Key(3), (60, 40, 5))
    large = estimate(network, part="xczu9eg-ffvb1156-2-e")
    assert (large.verdict, large.advice) == ("fits", "")
    small = estimate(network, part="xc7z007sclg225-2")
    assert small.verdict == "does not fit"
    assert small.advice.startswith("change fc1 first")


def test_each_layer_may_have_its_own_reuse_factor() -> None:
    found = estimate(mlp(Key(3), (30, 12, 5)), board="pynq-z2", strategy="Resource", reuse_factor={"fc1": 16})
    asked = {layer.name: (layer.asked, layer.reuse_factor) for layer in found.layers if layer.kind == "dense"}
    assert asked == {"fc1": (16, 15), "fc2": (1, 1)}


def test_each_layer_may_have_its_own_strategy() -> None:
    network = mlp(Key(3), (30, 12, 5))
    mixed = estimate(network, board="pynq-z2", strategy={"fc1": "Resource"}, reuse_factor=6).layers
    for strategy, i in (("resource", 0), ("latency", 2)):
        alone = estimate(network, board="pynq-z2", strategy=strategy, reuse_factor=6).layers
        assert mixed[i] == alone[i]
    with pytest.raises(ConfigError, match=r"strategy must name layers with weights \(fc1, fc2\); got 'relu1'"):
        estimate(network, board="pynq-z2", strategy={"relu1": "resource"})


def test_a_sweep_has_a_row_for_every_board_clock_and_factor() -> None:
    network = mlp(Key(3), (30, 12, 5))
    rows = sweep(network, ("arty-a7-35", "zcu102"), (100, 200), (1, 8))
    assert [(r["device"], r["mhz"], r["asked"]) for r in rows] == [
        (board, mhz, rf) for board in ("arty-a7-35", "zcu102") for mhz in (100, 200) for rf in (1, 8)
    ]
    alone = estimate(network, board="zcu102", clock_ns=5.0, strategy="resource", reuse_factor=8)
    last = rows[-1]
    assert last["latency_clk"][0] == alone.total.latency_clk.value
    assert (last["share"]["dsp"], last["verdict"]) == (alone.share("dsp"), alone.verdict)
    assert last["taken"] == {"fc1": 6, "fc2": 6}  # 8 divides neither layer's products


def test_a_stream_takes_longer() -> None:
    network = mlp(Key(3), (30, 12, 5))
    parallel, stream = (estimate(network, board="pynq-z2", io=io).total for io in ("io_parallel", "io_stream"))
    assert stream.latency_clk.value > parallel.latency_clk.value
    assert stream.ff.value > parallel.ff.value


def test_a_saved_network_and_a_run_are_found(tmp_path: Path) -> None:
    network = mlp(Key(3), (8, 3))
    network.save(tmp_path / "06_fixed")
    assert find_fixed(tmp_path).digest == find_fixed(tmp_path / "06_fixed").digest == network.digest
    with pytest.raises(DataError, match="must be a run"):
        find_fixed(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"part": "xc7z020clg400-9"}, "did you mean"),
        ({"clock_ns": 0}, "clock period"),
        ({"clock_ns": float("nan")}, "clock period"),
        ({"strategy": "fast"}, "strategy must be latency or resource"),
        ({"io": "serial"}, "io must be"),
        ({"reuse_factor": 0}, "reuse_factor"),
        ({"uncertainty": 1.5}, "uncertainty"),
        ({"multiplier": "lut"}, "multiplier"),
        ({"weight_bits": 3}, "weight_bits must be at least"),
        ({"input_bits": 0}, "input_bits"),
        ({"weights": np.ones((2, 2))}, "integer codes"),
        ({"weights": np.ones(3, dtype=np.int64)}, "matrix"),
        ({"weights": np.zeros((0, 3), dtype=np.int64)}, "matrix"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], message: str) -> None:
    given = {"weights": matrix(Key(1), 4, 3), "weight_bits": 8, **settings}
    with pytest.raises(ConfigError, match=r"\[(estimate|part)\]") as caught:
        estimate_dense(**given)  # type: ignore[arg-type]
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_layer_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="must name layers with weights"):
        estimate(mlp(Key(3), (8, 3)), board="pynq-z2", reuse_factor={"fc9": 2})


def test_every_board_has_a_part_and_every_part_a_source() -> None:
    assert set(boards().values()) <= set(parts())
    for part in parts().values():
        assert part.source
        assert min(part.lut, part.ff, part.dsp, part.bram36) > 0


def test_a_choice_among_more_outputs_than_seen_doubles() -> None:
    prices = Prices({"choice_5": 100.0, "choice_6": 180.0}, 0.9, 1.1)
    assert [prices.of(f"choice_{bits}") for bits in (4, 5, 6, 7)] == [50.0, 100.0, 180.0, 360.0]
    assert prices.of("unheard_of") == 0.0


def test_all_zero_weights_are_free_of_adders() -> None:
    found = estimate_dense(np.zeros((4, 3), dtype=np.int64), 8)
    assert (found.lut.value, found.dsp.value, found.latency_clk.value) == (0, 0, 0)
