"""Whether the vendor's tools can unroll an hls4ml project's products, and partition its arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from qkdflow.errors import ConfigError
from qkdflow.export.preflight import AMD, DISTRIBUTED, multipliers, valid_reuse_factors
from qkdflow.fixed import FixedDepthwiseConv, FixedGRU, FixedModel, FixedWeighted

UNROLL_LIMIT = 4096  # elements of one loop or array that Vivado HLS unrolls or partitions; MaximumSize in project.tcl


class _Loop(NamedTuple):
    """Products that hls4ml's code computes at once, and what makes them fewer."""

    where: str
    products: int
    strategy: str
    cure: str


def check_unrolling(
    fixed: FixedModel, backend: str, io_type: str, reuse_factors: dict[str, int], strategies: dict[str, str]
) -> tuple[str, ...]:
    """Raises ConfigError, with what would do, where Vivado HLS stops with "Stop unrolling loop" (XFORM 203-504).

    Gives one sentence for each layer that the tools may fail to unroll, or whose results they may not partition.
    """
    if backend not in AMD:
        return ()
    said, vivado_hls = list[str](), backend != "Vitis"
    for loop in _loops(fixed, reuse_factors, strategies):
        has = f"{loop.where} has {loop.products} products at once under {loop.strategy}"
        if vivado_hls and loop.products > UNROLL_LIMIT:
            raise ConfigError(
                f"[hls] {loop.where} must have at most {UNROLL_LIMIT} products at once, more of which Vivado HLS "
                f"refuses to unroll; got {loop.products} under {loop.strategy}; {loop.cure}, or backend Vitis"
            )
        if loop.products > UNROLL_LIMIT:  # 11,220 are the most in public reports: HAR's first layer, Vitis HLS 2022.1
            said.append(
                f"{has}: Vivado HLS refuses more than {UNROLL_LIMIT}, Vitis HLS may take long or fail; {loop.cure}"
            )
        elif vivado_hls and loop.products == UNROLL_LIMIT:  # 0 of 84 in wa-hls4ml's dense layers
            said.append(f"{has}: in public reports Vivado HLS never built so many; {loop.cure}")
    if vivado_hls and io_type == "io_parallel":  # csim runs all the same: said, not refused
        said += [
            f"layer {link.layer.name} gives {math.prod(link.shape)} values, more than the {UNROLL_LIMIT} that Vivado "
            "HLS partitions an array into: synthesis will fail; use io_stream, or backend Vitis"
            for link in fixed.links
            if math.prod(link.shape) > UNROLL_LIMIT
        ]
    return tuple(said)


def _loops(fixed: FixedModel, reuse_factors: dict[str, int], strategies: dict[str, str]) -> Iterator[_Loop]:
    for layer in fixed.layers:
        strategy = strategies[layer.name]
        if isinstance(layer, FixedGRU):  # a dense layer of each of its kernels, whole
            for what, size in (("kernel", layer.kernel.size), ("recurrent_kernel", layer.recurrent_kernel.size)):
                yield _Loop(f"layer {layer.name}'s {what}", size, strategy, "use fewer units or a narrower input")
        elif layer.name in reuse_factors and isinstance(layer, FixedWeighted):
            products = _at_once(layer, reuse_factors[layer.name], strategy)
            cure = _cure(layer, strategy) if products >= UNROLL_LIMIT else ""
            yield _Loop(f"layer {layer.name}", products, strategy, cure)


def _at_once(layer: FixedWeighted, reuse_factor: int, strategy: str) -> int:
    """Products that hls4ml's code unrolls in one loop. Latency's array of products is whole at any reuse factor."""
    if strategy == DISTRIBUTED:  # no loop, no product
        return 0
    if strategy == "Latency":
        return int(layer.weights.size)
    n_in, n_out = multipliers(layer)
    return -(-n_in * n_out // reuse_factor)


def _cure(layer: FixedWeighted, strategy: str) -> str:
    if isinstance(layer, FixedDepthwiseConv):  # Latency is all that there is for them
        return "use fewer channels or a smaller kernel"
    n_in, n_out = multipliers(layer)
    enough = [rf for rf in valid_reuse_factors(n_in, n_out) if -(-n_in * n_out // rf) < UNROLL_LIMIT]
    other = "strategy Resource with " if strategy == "Latency" else ""
    return f"use {other}a reuse factor of {' or '.join(map(str, enough[:2]))}, or more"
