"""Laws that hold exactly on real reports, and the rules of hls4ml 1.3 behind them.

Where they were found, and on how many rows they hold: docs/estimator.md.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache

from qkdflow.export.preflight import valid_reuse_factors as _valid_reuse_factors

CHAIN = 4096  # additions of one expression beyond which HLS stops balancing them into a tree
DSP_WIDTH = 5  # bits of a run-time weight from which the tool multiplies in a DSP
SRL_BITS = 32  # of one LUT used as a shift register
MEMORY_BITS = 1024  # a table below this many bits is made of LUTs, not of a BRAM


@cache
def taken_reuse_factor(n_in: int, n_out: int, asked: int, strategy: str) -> int:
    """What hls4ml takes for `asked`: Latency takes all, Resource the closest valid factor, the smaller of two as close.

    Rule: hls4ml 1.3, backends/fpga/fpga_backend.py, get_closest_reuse_factor.
    """
    if strategy == "latency":
        return asked
    valid = valid_reuse_factors(n_in, n_out)
    at = bisect_left(valid, asked)
    if at == 0 or at == len(valid):
        return valid[min(at, len(valid) - 1)]
    before, after = valid[at - 1], valid[at]
    return after if after - asked < asked - before else before


@cache
def valid_reuse_factors(n_in: int, n_out: int) -> tuple[int, ...]:
    return tuple(_valid_reuse_factors(n_in, n_out))


def multiplier_limit(size: int, zeros: int, rf: int) -> int:
    """Multipliers that hls4ml allows in the Latency strategy: ceil(size / rf) - floor(zeros / rf), at least 1."""
    return max(1, -(-size // rf) - zeros // rf)


def initiation_interval(rf: int, latency: int, strategy: str) -> int:
    """Clocks between two inputs of a layer: rf, but no more than it takes; Resource at reuse factor 1 is no loop."""
    if strategy == "resource":
        return rf if rf > 1 else latency + 1
    return min(rf, latency + 1)


def blocks(size: int, rf: int) -> int:
    """Multipliers of the Resource strategy."""
    return -(-size // rf)


def folded_dsp(block: int, weight_bits: int, last_bits: int) -> int:
    """DSPs of the Resource strategy: one a multiplier from 5-bit weights up.

    The weights stand side by side in one wide memory word, and its top is trimmed to what the last multiplier's
    weights need (`last_bits`): where that is below 5 bits, the last multiplier is made of LUTs.
    """
    if weight_bits < DSP_WIDTH:
        return 0
    return block - (last_bits < DSP_WIDTH)


def word_bits(block: int, weight_bits: int, last_bits: int) -> int:
    """Width of that memory word."""
    return (block - 1) * weight_bits + min(weight_bits, last_bits)


def memory_blocks(depth: int, width: int) -> int:
    """BRAMs of 18 Kb for `depth` words of `width` bits: slabs of 1,024 x 18; of 512 x 36 for the last 512 words."""
    slabs, rest = divmod(depth, 1024)
    if rest > 512:
        slabs, rest = slabs + 1, 0
    return slabs * -(-width // 18) + (-(-width // 36) if rest else 0)


def choice_luts(ways: int, bits: int) -> int:
    """LUTs that choose one of `ways` words: a LUT a bit takes four, and each choice halves what is left twice."""
    return bits * -(-(ways - 1) // 3)


def index_memory(rf: int, n_in: int) -> int:
    """BRAMs of the table that says which output a multiplier adds to, where rf / n_in outputs share one."""
    outputs = rf // n_in
    if outputs < 2:
        return 0
    return 1 if rf * (outputs - 1).bit_length() >= MEMORY_BITS else 0


def folded_latency(rf: int, n_in: int, dsp: bool) -> int:
    """Clocks of the Resource strategy: the loop's rf and one, and one for a DSP or for a choice among outputs."""
    return rf + 1 + (dsp or rf != 2 * n_in)
