"""A dense layer: laws for DSP, BRAM and interval; the pipeline for clocks; terms times prices for LUT and FF."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from qkdflow.hardware.estimator import laws, pipeline, prices, terms
from qkdflow.hardware.estimator.kernel import Kernel, integer_matrix, signed_width
from qkdflow.hardware.estimator.target import Multiplier, Target, require
from qkdflow.hardware.estimator.values import LayerEstimate, Quantity

# Multiples of the interval's ends for layers unlike all that were reported; assumed.
WIDEST = 256  # inputs of the widest folded layers that were reported
BEYOND = {"lut": (0.6, 1.6), "ff": (0.5, 4.0)}


@dataclass(frozen=True)
class Layout:
    """How HLS lays a layer out: what laws and the pipeline say, and the terms that prices apply to.

    dsp: with the tool that the family's reports are from; dsp_law: without its exception for narrow constants, which
    newer tools do not make.
    """

    reuse_factor: int
    dsp: int
    dsp_law: int
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
    """The estimate of a layer of integer weights (n_in, n_out) whose input and accumulator are `widths` bits wide.

    At shipped prices or `table`. ConfigError for a reuse factor below 1.
    """
    require(asked >= 1, "reuse_factor must be at least 1", asked)
    kernel = weights if isinstance(weights, Kernel) else Kernel.of(weights)
    rf = laws.taken_reuse_factor(kernel.n_in, kernel.n_out, asked, target.strategy)
    last = weight_bits if isinstance(weights, Kernel) else last_width(weights, rf)
    layout = lay_out(kernel, weight_bits, last, widths, rf, target)
    # Where the clock's uncertainty is not known, what both ends of it would give is inside the interval.
    budgets = set(target.budgets) - {target.budget}
    layouts = [layout, *(lay_out(kernel, weight_bits, last, widths, rf, target, budget) for budget in budgets)]
    prices_of = (table or prices.shipped())[layout.bill.group]
    seen = _seen(kernel, layout.bill.group, target)
    wider = {"lut": (1.0, 1.0), "ff": (1.0, 1.0)} if seen else BEYOND

    def count(resource: str) -> Quantity:
        price = prices_of[resource]
        middle, *ends = (price.quantity(getattr(x.bill, resource), wider[resource]) for x in layouts)
        return middle.reaching(ends)

    middle, *ends = (prices.clocks(x.bill.group, x.latency) for x in layouts)
    latency = middle.reaching(ends)
    clocks = latency.value, latency.low, latency.high
    ii = Quantity(*(laws.initiation_interval(rf, c, target.strategy) for c in clocks))
    return LayerEstimate(
        name=name,
        kind="dense",
        lut=count("lut"),
        ff=count("ff"),
        dsp=Quantity(layout.dsp_law, layout.dsp, layout.dsp_law),
        bram=Quantity.exactly(layout.bram),
        latency_clk=latency,
        ii=ii,
        asked=asked,
        reuse_factor=rf,
        has_weights=True,
        ebops=kernel.nonzero * weight_bits * widths[0],
        basis=prices.constants()["basis"][layout.bill.group] + ("" if seen else "; beyond what these reports show"),
    )


def _seen(kernel: Kernel, group: str, target: Target) -> bool:
    """Whether reports of this family have layers like this one; the interval is wider where not."""
    if group == "folded":
        return target.family is pipeline.SERIES7
    if group == "resource":
        return kernel.n_in <= WIDEST
    return target.strategy == "latency" or target.family is pipeline.ULTRASCALE


def last_width(weights: ArrayLike, rf: int) -> int:
    """Signed width of the last multiplier's weights (n_in, n_out): the last `rf` of the transpose, hls4ml's order."""
    return signed_width(integer_matrix(weights).T.reshape(-1)[-rf:])


def lay_out(
    kernel: Kernel,
    weight_bits: int,
    last_bits: int,
    widths: tuple[int, int],
    rf: int,
    target: Target,
    budget: float | None = None,
) -> Layout:
    """What HLS makes of a layer at a reuse factor that hls4ml takes.

    budget: nanoseconds of a stage, in place of the target's.
    """
    if target.strategy == "resource" and rf > 1:
        return _folded(kernel, weight_bits, last_bits, widths, rf, target)
    return _unrolled(kernel, widths, rf, target, target.budget if budget is None else budget)


def _unrolled(kernel: Kernel, widths: tuple[int, int], rf: int, target: Target, budget: float) -> Layout:
    family, fabric = target.family, target.multiplier == "fabric"
    limit = pipeline.shared_limit(kernel, family, rf)
    latency = round(pipeline.latency(kernel, family, budget, target.speed, rf, fabric))
    constants = kernel.distinct_many
    if family is pipeline.ULTRASCALE and rf == 1:  # the older tool makes small constants of LUTs
        constants -= kernel.narrow
    dsp, law = (0, 0) if fabric else (min(constants, limit), min(kernel.distinct_many, limit))
    own = pipeline.product_stages(family, budget, target.speed)
    run = terms.Unrolled(target.strategy, rf, limit, latency, own, pipeline.is_chain(kernel), fabric)
    return Layout(rf, dsp, law, 0, latency, terms.unrolled(kernel, family.name, run, widths))


def _folded(
    kernel: Kernel, weight_bits: int, last_bits: int, widths: tuple[int, int], rf: int, target: Target
) -> Layout:
    block = laws.blocks(kernel.size, rf)
    dsp = 0 if target.multiplier == "fabric" else laws.folded_dsp(block, weight_bits, last_bits)
    word = laws.word_bits(block, weight_bits, last_bits)
    bram = laws.memory_blocks(rf, word) if rf * word >= laws.MEMORY_BITS else 0
    bram += laws.index_memory(rf, kernel.n_in)
    latency = laws.folded_latency(rf, kernel.n_in, dsp > 0)
    like_reports = target.family is pipeline.ULTRASCALE and kernel.n_in >= 32 and rf >= 2 * kernel.n_in
    price = terms.folded if like_reports else terms.folded_small
    bill = price(kernel.n_in, kernel.n_out, rf, word, dsp > 0, widths)
    return Layout(rf, dsp, dsp, bram, latency, bill)
