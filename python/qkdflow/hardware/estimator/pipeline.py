"""Clocks of an unrolled dense layer: how many adders in a row fit into one clock, and how many must follow.

Notation: T clock period [ns]; u the share of it that HLS keeps back (clock uncertainty); b = T (1 - u) the budget of a
stage; levels L = ceil(log2(1 + non-zero weights of an output)), the depth of a balanced adder tree with the bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qkdflow.hardware.boards import Part
from qkdflow.hardware.estimator import laws
from qkdflow.hardware.estimator.kernel import Kernel

UNCERTAINTY = {"Vivado": 0.125, "Vitis": 0.27}  # hls4ml 1.3's defaults
SPEED = {"1": 1.15, "2": 1.0, "3": 0.9}  # delay against speed grade -2; assumed: no report of another grade was seen


@dataclass(frozen=True)
class Family:
    """A device family as its reports show it: nanoseconds at speed grade -2, and the tool that reported."""

    name: str
    tool: str
    adder_ns: float
    product_ns: float
    chain_clocks: float  # clocks a non-zero weight of an output, where the tool builds a chain instead of a tree
    cap: int | None  # the older tool shares multipliers as if the reuse factor were at most this


SERIES7 = Family("7series", "Vitis HLS 2021.1", adder_ns=2.2, product_ns=4.3, chain_clocks=0.56, cap=None)
ULTRASCALE = Family("ultrascale+", "Vivado HLS", adder_ns=0.88, product_ns=2.2, chain_clocks=0.56, cap=1023)


def family_of(part: Part) -> Family:
    return SERIES7 if part.name.startswith("xc7") else ULTRASCALE


def speed_of(part: Part) -> float:
    """Delay of this part's speed grade relative to -2."""
    for field in part.name.split("-")[1:]:
        if field[:1] in SPEED and not field[1:2].isdigit():
            return SPEED[field[0]]
    return 1.0


def levels(kernel: Kernel) -> int:
    return math.ceil(math.log2(kernel.per_output + 1))


def tree_latency(kernel: Kernel, family: Family, budget: float, speed: float) -> float:
    """Clocks of the products and the adder trees of a whole layer at once."""
    if kernel.nonzero == 0:
        return 0.0
    adder, product = family.adder_ns * speed, family.product_ns * speed
    if is_chain(kernel):
        return family.chain_clocks * kernel.per_output
    if family is ULTRASCALE:  # registers only where the budget ends
        multiplies = kernel.two_digit + kernel.many_digit > 0
        return math.floor((levels(kernel) * adder + multiplies * product) / budget)
    per_stage = max(1, math.floor(budget / adder))
    own = product_stages(family, budget, speed) or -0.3  # a product that fits leaves room for an adder
    return max(1.0, 0.9 * levels(kernel) / per_stage + own)


def product_stages(family: Family, budget: float, speed: float) -> float:
    """Stages of its own that a product takes: none where it fits into one (4.375 ns), 2.2 at 3.65 ns and below."""
    return min(max((family.product_ns * speed - budget) / 0.29, 0.0), 2.2)


def is_chain(kernel: Kernel) -> bool:
    """Whether the tool adds one product after another."""
    return kernel.size > laws.CHAIN


def latency(kernel: Kernel, family: Family, budget: float, speed: float, rf: int, fabric: bool = False) -> float:
    """Clocks of a layer under the Latency strategy at this reuse factor; fabric: no DSP, whose stages fall away."""
    tree = tree_latency(kernel, family, budget, speed)
    limit = shared_limit(kernel, family, rf)
    turns = -(-kernel.distinct_many // limit)  # of the shared multipliers
    if family is ULTRASCALE and rf > 1:
        tree += tree >= 1  # its inputs are held
        return max(tree, turns + 1 if turns > 1 else 0)
    filling = 1 if fabric else 3  # clocks until the first shared product is summed
    return max(tree, turns + min(filling, turns - 1) if turns > 1 else 0)


def shared_limit(kernel: Kernel, family: Family, rf: int) -> int:
    """Multipliers that the Latency strategy allows the layer."""
    return laws.multiplier_limit(kernel.size, kernel.zeros, min(rf, family.cap or rf))
