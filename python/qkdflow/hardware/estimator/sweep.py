"""Estimates of one network over boards, clocks and reuse factors: the letter's Fig. 5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qkdflow.fixed import FixedModel
from qkdflow.hardware.estimator.network import estimate_for
from qkdflow.hardware.estimator.target import Target
from qkdflow.hardware.estimator.values import RESOURCES

LETTER_BOARDS = ("arty-a7-35", "pynq-z1", "zcu102")  # the letter's Artix-7, its PYNQ-Z1, its ZCU102
LETTER_FACTORS = (1, 8, 16, 32, 64)


def sweep(
    fixed: FixedModel,
    boards: Sequence[str] = LETTER_BOARDS,
    mhz: Sequence[float] = (100, 200),
    reuse_factors: Sequence[int] = LETTER_FACTORS,
    strategy: str = "resource",
    io: str = "parallel",
) -> list[dict[str, Any]]:
    """A row a board, clock and reuse factor, as `plots.reuse_factor` draws them. ConfigError for what is not known.

    device, mhz, asked; taken: the factor of each layer with weights, where hls4ml has not the one asked for;
    latency_clk: (value, low, high); share: of the board's lut, ff, dsp and bram, 0 to more than 1; verdict.
    """
    rows = []
    for board in boards:
        for clock in mhz:
            target = Target.of(None, board, clock_ns=1000.0 / clock, strategy=strategy, io=io)
            for factor in reuse_factors:
                found = estimate_for(fixed, target, factor)
                clk = found.total.latency_clk
                rows.append(
                    {
                        "device": board,
                        "mhz": clock,
                        "asked": factor,
                        "taken": {layer.name: layer.reuse_factor for layer in found.layers if layer.has_weights},
                        "latency_clk": (clk.value, clk.low, clk.high),
                        "share": {r: found.share(r) for r in RESOURCES},
                        "verdict": found.verdict,
                    }
                )
    return rows
