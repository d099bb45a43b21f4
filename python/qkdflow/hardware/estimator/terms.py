"""What LUTs and flip-flops are made of: a layer's terms, whose prices `constants.toml` holds.

Both counts are sums of terms times prices, so whoever knows adders and multiplexers can read a layer's bill. Widths are
in units of 16 bits, hls4ml's default, which all public reports have: a 24-bit adder is priced as 1.5 of 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

from qkdflow.hardware.estimator import laws
from qkdflow.hardware.estimator.kernel import Kernel

WIDTH = 16
Terms = dict[str, float]


@dataclass(frozen=True)
class Bill:
    """The group of rows whose prices apply, and the terms of both counts."""

    group: str
    lut: Terms
    ff: Terms


@dataclass(frozen=True)
class Unrolled:
    """How an unrolled layer runs: strategy, reuse factor, multipliers allowed, clocks, stages that products take of
    their own, whether sums are chains, and whether products are made of LUTs."""

    strategy: str
    rf: int
    limit: int
    latency: int
    product_stages: float
    is_chain: bool
    fabric: bool


def unrolled(kernel: Kernel, family: str, run: Unrolled, widths: tuple[int, int]) -> Bill:
    """Latency strategy, and Resource at reuse factor 1: every constant has its own place.

    widths: bits of input and result. Where an input comes every clock, all values wait in registers while products take
    stages of their own; in a chain each product waits for its turn, the less the more clocks lie between two inputs.
    Of an output's sums all but the last are registered.
    """
    sums = max(0, kernel.nonzero - kernel.n_out)
    rf, limit = run.rf, run.limit
    waits = run.product_stages * (rf == 1)
    wide_in, wide = widths[0] / WIDTH, widths[1] / WIDTH
    products = min(kernel.distinct_many, limit)
    lut = {
        "adders": wide * kernel.nonzero,
        "two_digit_weights": wide_in * kernel.two_digit,
        "two_digit_constants": wide_in * kernel.distinct_two,
        "products": wide_in * kernel.distinct_many,
        "fabric_products": wide_in * products * run.fabric,
        "waiting": wide * kernel.nonzero * waits,
        "chain": wide * kernel.nonzero * run.is_chain / rf,
    }
    staged = run.latency >= 1
    folded_loop = run.strategy == "resource"  # registers its results, and the caller its inputs
    ff = {
        "input_registers": wide_in * WIDTH * kernel.n_in * (not folded_loop),
        "output_registers": wide * WIDTH * kernel.n_out * (folded_loop or (staged and rf == 1)),
        "adder_registers": wide * sums * staged,
        "digit_registers": wide * kernel.two_digit * staged,
        "product_registers": wide * kernel.distinct_many * staged,
        "every_clock": wide * sums * (rf == 1) * staged,
        "waiting": wide * sums * waits,
        "waiting_products": wide * kernel.distinct_many * waits,
        "chain": wide * kernel.nonzero * run.is_chain / rf,
    }
    if family == "7series":  # no report of Resource at reuse factor 1: priced as Latency
        return Bill("7series.latency", lut, ff)
    shared = kernel.distinct_many > limit and rf > 1
    return Bill(f"{family}.{'unrolled' if folded_loop else 'latency_shared' if shared else 'latency'}", lut, ff)


def folded(n_in: int, n_out: int, rf: int, word: int, dsp: bool, widths: tuple[int, int]) -> Bill:
    """Resource strategy, reuse factor above 1: multipliers that walk through a memory of weights.

    As the older tool builds layers of at least 32 inputs: with a fixed part that no other tool's reports have. Beyond
    n_in, every multiplier serves rf / n_in outputs and chooses the sum it adds to among all n_out; below, an output has
    several multipliers of its own and no such choice. word: bits of a memory word.
    """
    wide_in, wide = widths[0] / WIDTH, widths[1] / WIDTH
    block = laws.blocks(n_in * n_out, rf)
    serves = rf // n_in  # outputs a multiplier
    lut = {
        "fixed": 1.0,
        "inputs": wide_in * n_in,
        "outputs": wide * n_out,
        "single_inputs": wide_in * n_in * (block == 1),
        "fabric_products": float(block) * (not dsp),
    }
    if serves > 2:
        lut[f"choice_{address_bits(n_out)}"] = wide * block
    elif serves == 2:
        lut["pairs"] = wide * block
    else:
        lut["sums"] = wide * block
        lut[f"choice_{address_bits(min(rf, n_in))}"] = wide_in * (n_in / min(rf, n_in))
    ff = {
        "fixed": float(serves > 2),
        "fixed_pairs": float(serves <= 2),
        "outputs": wide * WIDTH * n_out,
        "single_inputs": wide_in * WIDTH * n_in * (block == 1),
        "word_registers": float(word) * (dsp == (serves <= 2)),
        "product_registers": wide * WIDTH * block * (dsp and serves > 2),
    }
    return Bill("resource", lut, ff)


def folded_small(n_in: int, n_out: int, rf: int, word: int, dsp: bool, widths: tuple[int, int]) -> Bill:
    """The same as everywhere else: a choice among the inputs, and among the outputs that a multiplier serves."""
    wide_in, wide = widths[0] / WIDTH, widths[1] / WIDTH
    block = laws.blocks(n_in * n_out, rf)
    serves = max(1, rf // n_in)  # outputs a multiplier
    lut = {
        "inputs": wide_in * n_in,
        "outputs": wide * n_out,
        "sums": wide * block,
        "fabric_products": wide_in * block * (not dsp),
        "served": wide * block * serves * (serves > 1),
    }
    ff = {
        "inputs": wide_in * WIDTH * n_in,
        "outputs": wide * WIDTH * n_out,
        "word_registers": float(word),
        "sums": wide * WIDTH * block,
        "served": wide * WIDTH * block * serves * (serves > 1),
    }
    return Bill("folded", lut, ff)


def address_bits(n: int) -> int:
    return max(1, (n - 1).bit_length())
