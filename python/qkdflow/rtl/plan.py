"""From a frozen network to hardware stages: what each computes, by how many multipliers, in how many clocks.

A stage is a dense layer with the pointwise layers behind it, or pointwise layers alone. At a reuse factor R a dense
stage has a latency of R + 3 clocks and takes a sample every R; a pointwise one has 1 and 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.fixed import FixedActivation, FixedDense, FixedLayer, FixedModel, FixedReshape, FixedScale, Link

DENSE_LATENCY = 3  # beside the R clocks: one to add, one to round, one until the next stage has it
EXACT_BITS = 53  # of a double, in which results are read
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
OWN = ("stream", "argmax")  # modules of ours beside the layers'
# Verilog-2001's words, which a network cannot be called; layers are named with the network's name before them.
RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
    always and assign begin buf case cell config deassign default design disable edge else end event for force
    forever fork function generate genvar if include initial inout input instance integer join large library
    localparam macromodule medium module nand negedge nor not or output parameter posedge primitive real realtime
    reg release repeat scalared signed small specify specparam strong0 strong1 supply0 supply1 table task time
    tran tri unsigned use vectored wait wand weak0 weak1 while wire wor xnor xor
""",
    )
)


@dataclass(frozen=True)
class Folding:
    """How a dense layer (n_in, n_out) is folded at a reuse factor: every multiplier has `reuse_factor` weights.

    Up to n_in, a sum is shared by `lanes` multipliers and takes `steps` clocks (the last lane is filled up with zeros);
    beyond, one multiplier makes `outputs` sums, one after the other.
    """

    reuse_factor: int
    lanes: int
    steps: int
    outputs: int
    neurons: int  # groups of multipliers

    @property
    def multipliers(self) -> int:
        """Before those whose weights are all zero are left out."""
        return self.lanes * self.neurons


def largest(n_in: int, n_out: int, reuse_factor: int) -> int:
    """The largest factor up to `reuse_factor` that a layer can have."""
    return reuse_factor if reuse_factor <= n_in else min(reuse_factor // n_in, n_out) * n_in


def nearest_reuse_factors(fixed: FixedModel, reuse_factor: int) -> dict[str, int]:
    """For each dense layer by name, the largest factor up to `reuse_factor` that it can have."""
    wanted = reuse_factors(fixed, reuse_factor)
    shapes = {layer.name: layer.weights.shape for layer in fixed.dense}
    return {name: largest(n_in, n_out, wanted[name]) for name, (n_in, n_out) in shapes.items()}


def fold(n_in: int, n_out: int, reuse_factor: int, name: str) -> Folding:
    """Raises ConfigError, with the nearest that can be, for a factor that leaves a multiplier between two sums."""
    if reuse_factor <= n_in:
        return Folding(reuse_factor, -(-n_in // reuse_factor), reuse_factor, 1, n_out)
    outputs, below = reuse_factor // n_in, largest(n_in, n_out, reuse_factor)
    if reuse_factor != below:
        near = [below] if outputs >= n_out else [below, below + n_in]
        raise ConfigError(
            f"[rtl] the reuse factor of layer {name} ({n_in} x {n_out}) must be at most {n_in}, or a multiple of it up "
            f"to {n_in * n_out}; got {reuse_factor}; nearest: {' and '.join(map(str, near))}"
        )
    return Folding(reuse_factor, 1, n_in, outputs, -(-n_out // outputs))


@dataclass(frozen=True)
class Stage:
    """links: the stage's layers, the dense one, if any, first. is_argmax: gives the number of the largest instead."""

    name: str
    links: tuple[Link, ...]
    folding: Folding | None
    input_type: FixedPoint
    n_in: int
    output_type: FixedPoint
    n_out: int
    is_argmax: bool = False

    @property
    def latency_clk(self) -> int:
        return self.folding.reuse_factor + DENSE_LATENCY if self.folding else 1

    @property
    def ii(self) -> int:
        return self.folding.reuse_factor if self.folding else 1

    @property
    def in_bits(self) -> int:
        return self.n_in * self.input_type.bits

    @property
    def out_bits(self) -> int:
        return self.n_out * self.output_type.bits


def stages(fixed: FixedModel, reuse_factor: int | Mapping[str, int], argmax: bool) -> tuple[Stage, ...]:
    """Raises ConfigError, naming the layer, for what there is no Verilog for."""
    check(fixed)
    factors = reuse_factors(fixed, reuse_factor)
    groups: list[list[Link]] = []
    for link in fixed.links:
        if isinstance(link.layer, FixedDense) or not groups:
            groups.append([])
        groups[-1].append(link)
    found = [_stage(links, factors) for links in groups]
    if argmax:
        last = found[-1]
        index = FixedPoint(max((last.n_out - 1).bit_length(), 1), max((last.n_out - 1).bit_length(), 1), False)
        found.append(Stage("argmax", (), None, last.output_type, last.n_out, index, 1, True))
    return tuple(found)


def _stage(links: list[Link], factors: Mapping[str, int]) -> Stage:
    first, last = links[0], links[-1]
    name = first.layer.name
    folding = fold(first.n_in, first.n_out, factors[name], name) if isinstance(first.layer, FixedDense) else None
    return Stage(name, tuple(links), folding, first.input_type, first.n_in, last.layer.result_type, last.n_out)


def reuse_factors(fixed: FixedModel, reuse_factor: int | Mapping[str, int]) -> dict[str, int]:
    """The factor of each dense layer: one for all, or one a layer by name, 1 where it is left out."""
    names = [layer.name for layer in fixed.dense]
    given = reuse_factor if isinstance(reuse_factor, Mapping) else dict.fromkeys(names, reuse_factor)
    for name, factor in given.items():
        if name not in names:
            raise ConfigError(f"[rtl] reuse_factor names no dense layer: {name!r}; there are: {', '.join(names)}")
        if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1:
            raise ConfigError(f"[rtl] reuse_factor must be a whole number from 1 on; got {factor!r} for {name}")
    return {name: given.get(name, 1) for name in names}


def check(fixed: FixedModel) -> None:
    """Raises ConfigError, naming the layer, unless the network is a chain of layers that there is Verilog for."""
    for what, kind in (("input", fixed.input_type), ("output", fixed.output_type)):
        if kind.bits > EXACT_BITS:
            raise ConfigError(f"[rtl] the {what} type must have at most {EXACT_BITS} bits; got {kind.ap_type}")
    before = "input"
    for layer in fixed.layers:
        where = f"[rtl] layer {layer.name}"
        if not isinstance(layer, (FixedDense, FixedActivation, FixedScale, FixedReshape)):
            raise ConfigError(f"{where}: {_refusal(layer)}")
        if layer.inputs != (before,):
            raise ConfigError(f"{where}: the network must be a chain; this layer takes {', '.join(layer.inputs)}")
        before = layer.name
        if layer.result_type.digits:
            raise ConfigError(
                f"{where}: a result of at most {layer.result_type.digits} signed digits has no Verilog; use a type "
                "without digits for activations"
            )
        if not IDENTIFIER.fullmatch(layer.name):
            raise ConfigError(f"{where}: names must be letters, digits and _, a letter first, to be Verilog's")
        if layer.name in OWN:
            raise ConfigError(f"{where}: a module of ours has the name; give the layer another")


def _refusal(layer: FixedLayer) -> str:
    if layer.kind == "softmax":
        return "softmax stays out of hardware; end on logits, or ask for output='argmax'"
    return f"{layer.kind} has no Verilog; dense layers, their activations, scales and Flatten have"
