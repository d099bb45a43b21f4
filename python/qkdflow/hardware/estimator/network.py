"""A whole network: its layers' estimates, their sum, the share of the part, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qkdflow.errors import ConfigError, DataError
from qkdflow.fixed import FixedActivation, FixedDense, FixedModel, Link
from qkdflow.hardware.boards import Part
from qkdflow.hardware.estimator import prices
from qkdflow.hardware.estimator.activation import activation
from qkdflow.hardware.estimator.dense import dense
from qkdflow.hardware.estimator.target import Multiplier, Target, require
from qkdflow.hardware.estimator.values import RESOURCES, LayerEstimate, Quantity, total

TIGHT = 0.8  # share of a part beyond which placing and routing gets hard


@dataclass(frozen=True)
class Estimate:
    """What HLS would report for a network (csynth). Estimated: nothing was synthesised.

    total: the sum of `layers`; its latency is their sum, its initiation interval the largest.
    """

    target: Target
    layers: tuple[LayerEstimate, ...]
    total: LayerEstimate

    @property
    def part(self) -> Part:
        return self.target.part

    def share(self, resource: str) -> float:
        """Of the part, 0 to more than 1; resource: lut, ff, dsp or bram."""
        return float(getattr(self.total, resource)) / held(self.part)[resource]

    @property
    def synthesised(self) -> dict[str, Quantity]:
        """What synthesis would leave of csynth's counts: the ratios of the public builds that have both."""
        found = {}
        for resource, (ratio, low, high) in prices.constants()["synthesis_over_csynth"].items():
            csynth: Quantity = getattr(self.total, resource)
            found[resource] = Quantity(round(csynth.value * ratio), round(csynth.low * low), round(csynth.high * high))
        return found

    @property
    def verdict(self) -> str:
        """fits, tight or does not fit."""
        room = held(self.part)
        if any(self.synthesised[r].low > room[r] for r in RESOURCES):
            return "does not fit"
        return "fits" if all(getattr(self.total, r).high <= TIGHT * room[r] for r in RESOURCES) else "tight"

    @property
    def scarcest(self) -> str:
        """The resource with the largest share."""
        return max(RESOURCES, key=self.share)

    @property
    def advice(self) -> str:
        """Which layer to change, and how; empty where the network fits."""
        if self.verdict == "fits":
            return ""
        resource = self.scarcest
        worst = max(self.layers, key=lambda layer: getattr(layer, resource).value)
        cure = {
            "dsp": "use weights of at most two signed digits (csd_bits), fewer distinct ones, or more reuse",
            "bram": "use the Latency strategy for it, or fewer bits",
        }.get(resource, "prune it, take bits off its weights, or narrow it")
        part_of = getattr(worst, resource).value / max(1, getattr(self.total, resource).value)
        return f"change {worst.name} first: it takes {part_of:.0%} of the {resource.upper()}s; {cure}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "kind": "estimated, not implemented",
            "part": self.part.name,
            "clock_ns": self.target.clock_ns,
            "strategy": self.target.strategy,
            "io": self.target.io,
            "total": self.total.to_dict(),
            "layers": [layer.to_dict() for layer in self.layers],
            "share": {r: self.share(r) for r in RESOURCES},
            "synthesised": {r: vars(q) for r, q in self.synthesised.items()},
            "verdict": self.verdict,
            "advice": self.advice,
        }


def estimate(
    model: FixedModel | str | Path,
    *,
    part: str | None = None,
    board: str | None = None,
    clock_ns: float = 5.0,
    reuse_factor: int | Mapping[str, int] = 1,
    strategy: str = "latency",
    io: str = "parallel",
    uncertainty: float | None = None,
    multiplier: Multiplier = "dsp",
) -> Estimate:
    """LUTs, flip-flops, DSPs, BRAMs and clocks of a frozen network, each with a 90 % interval.

    model: a FixedModel, or the directory of a saved one or of a run; reuse_factor: one for all dense layers, or by
    layer name. ConfigError for a part, a setting or a layer name that is not known; DataError without a model.
    """
    target = Target.of(
        part, board, clock_ns=clock_ns, strategy=strategy, io=io, uncertainty=uncertainty, multiplier=multiplier
    )
    return estimate_for(model if isinstance(model, FixedModel) else find_fixed(model), target, reuse_factor)


def estimate_for(
    fixed: FixedModel, target: Target, reuse_factor: int | Mapping[str, int] = 1, table: prices.Table | None = None
) -> Estimate:
    """The same with everything by value; `table` replaces the shipped prices."""
    factors = _factors(fixed, reuse_factor)
    known = require_known(fixed)
    layers = tuple(_layer(link, factors, target, table) for link in known)
    return Estimate(target, layers, _total(layers))


def require_known(fixed: FixedModel) -> tuple[Link, ...]:
    """The network's layers, all of kinds that reports were seen of. ConfigError names the first that is not."""
    for link in fixed.links:
        if not isinstance(link.layer, FixedDense | FixedActivation):
            raise ConfigError(
                f"[estimate] layers must be dense or activations, of which reports were seen; got {link.layer.name}, "
                f"a {type(link.layer).__name__}"
            )
    return fixed.links


def find_fixed(path: str | Path) -> FixedModel:
    """The frozen network of a directory: of the network itself, of a run, or of a run's hls4ml project."""
    path = Path(path)
    for folder in (path, path / "06_fixed", path / "model"):
        if (folder / "model.json").exists():
            return FixedModel.load(folder)
    raise DataError(f"[{path}] must be a run, or hold a frozen network (model.json and model.npz); it has neither")


def held(part: Part) -> dict[str, int]:
    """What a part holds, by resource; bram in blocks of 18 Kb."""
    return {"lut": part.lut, "ff": part.ff, "dsp": part.dsp, "bram": 2 * part.bram36}


def _factors(fixed: FixedModel, reuse_factor: int | Mapping[str, int]) -> dict[str, int]:
    names = [layer.name for layer in fixed.dense]
    if not isinstance(reuse_factor, Mapping):
        return dict.fromkeys(names, reuse_factor)
    unknown = sorted(set(reuse_factor) - set(names))
    if unknown:
        known = ", ".join(names)
        raise ConfigError(f"[estimate] reuse_factor must name dense layers ({known}); got {', '.join(unknown)}")
    return {name: reuse_factor.get(name, 1) for name in names}


def _layer(link: Link, factors: Mapping[str, int], target: Target, table: prices.Table | None) -> LayerEstimate:
    layer, stream = link.layer, target.io == "stream"
    if not isinstance(layer, FixedDense):
        return activation(layer.name, link.n_out, link.input_type.bits, stream)
    widths = link.input_type.bits, layer.result_type.bits
    require(factors[layer.name] >= 1, "reuse_factor must be at least 1", factors[layer.name])
    found = dense(layer.name, layer.weights, layer.weight_type.bits, widths, factors[layer.name], target, table)
    return streamed(found, link.n_in * widths[0]) if stream else found


def streamed(layer: LayerEstimate, input_bits: int) -> LayerEstimate:
    """A layer between FIFOs: a clock to read, one to write, and registers for its input. No report of one was seen."""
    ff, clocks = layer.ff, layer.latency_clk
    return replace(
        layer,
        ff=Quantity(ff.value + input_bits, ff.low, ff.high + 2 * input_bits),
        latency_clk=Quantity(clocks.value + 2, clocks.low + 1, clocks.high + 4),
        ii=Quantity(layer.ii.value, layer.ii.low, layer.ii.high + 2),
        basis=f"{layer.basis}; its FIFOs assumed",
    )


def _total(layers: tuple[LayerEstimate, ...]) -> LayerEstimate:
    largest = max(layers, key=lambda layer: layer.ii.value).ii
    return LayerEstimate(
        name="total",
        kind="network",
        **{r: total(getattr(layer, r) for layer in layers) for r in (*RESOURCES, "latency_clk")},
        ii=Quantity(largest.value, max(x.ii.low for x in layers), max(x.ii.high for x in layers)),
        ebops=sum(layer.ebops for layer in layers),
        asked=max((layer.asked for layer in layers), default=1),
        reuse_factor=max((layer.reuse_factor for layer in layers), default=1),
        basis="sum of the layers",
    )
