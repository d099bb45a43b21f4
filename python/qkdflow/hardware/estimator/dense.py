"""A dense layer: laws for DSP, BRAM and interval; the pipeline for clocks; terms times prices for LUT and FF."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from qkdflow.hardware.estimator import laws, pipeline, prices, terms
from qkdflow.hardware.estimator.kernel import Kernel, integer_matrix, signed_width
from qkdflow.hardware.estimator.target import Multiplier, Target, require
from qkdflow.hardware.estimator.values import LayerEstimate, Quantity

# Multiples of the interval's ends for layers unlike all that were reported; assumed. Four folded layers of one more
# design (7-series, reuse 64, some below n_in) came out 15 % low in LUTs, and 3.7 times low in FF with their FIFOs.
BEYOND = {"lut": (0.6, 1.6), "ff": (0.5, 4.0)}


@dataclass(frozen=True)
class Layout:
    """How HLS lays a layer out: what laws and the pipeline say, and the terms that prices apply to."""

    reuse_factor: int
    dsp: int
    bram: int
    latency: int
    bill: terms.Bill


def estimate_dense(
    weights: ArrayLike | Kernel,
    weight_bits: int,
    input_bits: int = 16,
    *,
    part: str = "xc7z020clg400-1",
    clock_ns: float = 5.0,
    reuse_factor: int = 1,
    strategy: str = "latency",
    io: str = "parallel",
    result_bits: int = 16,
    uncertainty: float | None = None,
    multiplier: Multiplier = "dsp",
    name: str = "dense",
) -> LayerEstimate:
    """The estimate of one dense layer, as HLS would report it (csynth).

    weights: integer codes (n_in, n_out), or a `Kernel` of their counts; input_bits, result_bits: widths of its input
    and of its accumulator, 16 where hls4ml's defaults were left. Raises ConfigError for anything else.
    """
    target = Target.of(
        part, clock_ns=clock_ns, strategy=strategy, io=io, uncertainty=uncertainty, multiplier=multiplier
    )
    require(1 <= weight_bits <= 64, "weight_bits must be 1 to 64", weight_bits)
    require(1 <= input_bits <= 1024, "input_bits must be 1 to 1,024", input_bits)
    require(1 <= result_bits <= 1024, "result_bits must be 1 to 1,024", result_bits)
    if not isinstance(weights, Kernel):
        weights = integer_matrix(weights)
        width = signed_width(weights) - bool(weights.min() >= 0)
        require(width <= weight_bits, f"weight_bits must be at least the {width} that the weights need", weight_bits)
    return dense(name, weights, weight_bits, (input_bits, result_bits), reuse_factor, target)


def dense(
    name: str,
    weights: ArrayLike | Kernel,
    weight_bits: int,
    widths: tuple[int, int],
    asked: int,
    target: Target,
    table: prices.Table | None = None,
) -> LayerEstimate:
    """The estimate of a layer whose input and accumulator are `widths` bits wide, at shipped prices or `table`."""
    require(asked >= 1, "reuse_factor must be at least 1", asked)
    kernel = weights if isinstance(weights, Kernel) else Kernel.of(weights)
    rf = laws.taken_reuse_factor(kernel.n_in, kernel.n_out, asked, target.strategy)
    last = weight_bits if isinstance(weights, Kernel) else last_width(weights, rf)
    layout = lay_out(kernel, weight_bits, last, widths, rf, target)
    prices_of = (table or prices.shipped())[layout.bill.group]
    seen = _seen(kernel, layout.bill.group, rf, target)
    latency = prices.clocks(layout.bill.group, layout.latency)
    ends = latency.value, latency.low, latency.high
    ii = Quantity(*(laws.initiation_interval(rf, clocks, target.strategy) for clocks in ends))
    return LayerEstimate(
        name=name,
        kind="dense",
        lut=prices_of["lut"].quantity(layout.bill.lut, (1.0, 1.0) if seen else BEYOND["lut"]),
        ff=prices_of["ff"].quantity(layout.bill.ff, (1.0, 1.0) if seen else BEYOND["ff"]),
        dsp=Quantity.exactly(layout.dsp),
        bram=Quantity.exactly(layout.bram),
        latency_clk=latency,
        ii=ii,
        asked=asked,
        reuse_factor=rf,
        has_weights=True,
        ebops=kernel.nonzero * weight_bits * widths[0],
        basis=prices.constants()["basis"][layout.bill.group] + ("" if seen else "; beyond what these reports show"),
    )


def _seen(kernel: Kernel, group: str, rf: int, target: Target) -> bool:
    """Whether the group's reports have layers like this one; the interval is wider where not."""
    if group == "resource":
        return target.family is pipeline.ULTRASCALE and kernel.n_in >= 32 and rf >= 2 * kernel.n_in
    return target.strategy == "latency" or target.family is pipeline.ULTRASCALE


def last_width(weights: ArrayLike, rf: int) -> int:
    """Signed width of the last multiplier's weights: the last `rf` of the transposed matrix, the order of hls4ml."""
    return signed_width(integer_matrix(weights).T.reshape(-1)[-rf:])


def lay_out(
    kernel: Kernel, weight_bits: int, last_bits: int, widths: tuple[int, int], rf: int, target: Target
) -> Layout:
    """What HLS makes of a layer at a reuse factor that hls4ml takes."""
    if target.strategy == "resource" and rf > 1:
        return _folded(kernel, weight_bits, last_bits, widths, rf, target)
    return _unrolled(kernel, widths, rf, target)


def _unrolled(kernel: Kernel, widths: tuple[int, int], rf: int, target: Target) -> Layout:
    family, fabric = target.family, target.multiplier == "fabric"
    limit = pipeline.shared_limit(kernel, family, rf)
    latency = round(pipeline.latency(kernel, family, target.budget, target.speed, rf, fabric))
    constants = kernel.distinct_many
    if family is pipeline.ULTRASCALE and rf == 1:  # the older tool makes small constants of LUTs
        constants -= kernel.narrow
    dsp = 0 if fabric else min(constants, limit)
    bill = terms.unrolled(kernel, family.name, target.strategy, rf, limit, latency, widths, fabric)
    return Layout(rf, dsp, 0, latency, bill)


def _folded(
    kernel: Kernel, weight_bits: int, last_bits: int, widths: tuple[int, int], rf: int, target: Target
) -> Layout:
    block = laws.blocks(kernel.size, rf)
    dsp = 0 if target.multiplier == "fabric" else laws.folded_dsp(block, weight_bits, last_bits)
    word = laws.word_bits(block, weight_bits, last_bits)
    bram = laws.memory_blocks(rf, word) if rf * word >= laws.MEMORY_BITS else 0
    bram += laws.index_memory(rf, kernel.n_in)
    latency = laws.folded_latency(rf, kernel.n_in, dsp > 0)
    bill = terms.folded(kernel.n_in, kernel.n_out, rf, word, dsp > 0, widths)
    return Layout(rf, dsp, bram, latency, bill)
