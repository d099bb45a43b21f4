"""A whole network: its layers' estimates, their sum, the share of the part, and a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qkdflow.cards import card, grid, note, verdict
from qkdflow.errors import DataError
from qkdflow.fixed import FixedModel, FixedWeighted
from qkdflow.hardware.boards import Part
from qkdflow.hardware.estimator import prices, stream
from qkdflow.hardware.estimator.layers import Place, layer_estimate
from qkdflow.hardware.estimator.target import Multiplier, Target, require
from qkdflow.hardware.estimator.values import RESOURCES, LayerEstimate, Quantity, total
from qkdflow.html import Child, tag

TIGHT = 0.8  # share of a part beyond which placing and routing gets hard


@dataclass(frozen=True)
class Estimate:
    """What HLS would report for a network (csynth). Estimated: nothing was synthesised.

    total: the sum of `layers`; its latency is that of the slowest path, its initiation interval the largest.
    """

    target: Target
    layers: tuple[LayerEstimate, ...]
    total: LayerEstimate

    @property
    def part(self) -> Part:
        """What was estimated for."""
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
        narrower = "give the layers before it fewer outputs or its result fewer bits, or use io_stream"
        cure = {
            "dsp": "use weights of at most two signed digits (csd_bits), fewer distinct ones, or more reuse",
            "bram": "use the Latency strategy for it, or fewer bits",
        }.get(resource, "prune it, take bits off its weights, or narrow it" if worst.has_weights else narrower)
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

    def _repr_html_(self) -> str:
        head = ("", "LUT", "FF", "DSP", "BRAM18", "clocks", "II", "reuse factor")
        rows = [_cells(layer) for layer in (*self.layers, self.total)]
        shares = ", ".join(f"{word.upper()} {self.share(word):.1%}" for word in RESOURCES)
        about = f"{self.part.name}, {self.target.clock_ns:g} ns, {self.target.strategy}, {self.target.io}"
        said = verdict(self.verdict, self.verdict == "fits")
        table = grid(head, rows, numeric=range(1, len(head)), foot=True)
        what = "Estimated, not implemented: what csynth would report; in brackets, nine of ten layers never seen."
        return card("Estimate", about, tag("div", said, f": {shares}"), note(self.advice or None), table, note(what))


def _cells(layer: LayerEstimate) -> list[Child]:
    counts = (layer.lut, layer.ff, layer.dsp, layer.bram, layer.latency_clk, layer.ii)
    return [layer.name, *map(str, counts), str(layer.reuse_factor) if layer.has_weights else None]


def estimate(
    model: FixedModel | str | Path,
    *,
    part: str | None = None,
    board: str | None = None,
    clock_ns: float = 5.0,
    reuse_factor: int | Mapping[str, int] = 1,
    strategy: str | Mapping[str, str] = "latency",
    io: str = "parallel",
    uncertainty: float | None = None,
    multiplier: Multiplier = "dsp",
) -> Estimate:
    """LUTs, flip-flops, DSPs, BRAMs and clocks of a frozen network, each with a 90 % interval.

    model: a FixedModel, or the directory of a saved one or of a run; reuse_factor, strategy: one for all layers, or by
    layer name (1 and latency for those left out). ConfigError for a part, a setting or a layer name that is not known;
    DataError without a model.
    """
    every, named = (strategy, {}) if isinstance(strategy, str) else ("latency", strategy)
    target = Target.of(
        part, board, clock_ns=clock_ns, strategy=every, io=io, uncertainty=uncertainty, multiplier=multiplier
    )
    fixed = model if isinstance(model, FixedModel) else find_fixed(model)
    return estimate_for(fixed, target, reuse_factor, strategies=named)


def estimate_for(
    fixed: FixedModel,
    target: Target,
    reuse_factor: int | Mapping[str, int] = 1,
    table: prices.Table | None = None,
    strategies: Mapping[str, str] | None = None,
) -> Estimate:
    """The same with everything by value; `table` replaces the shipped prices, `strategies` the target's, by layer."""
    factors = reuse_factors(fixed, reuse_factor)
    targets = {name: replace(target, strategy=strategy) for name, strategy in (strategies or {}).items()}
    _require_weights(fixed, "strategy", targets)
    links = fixed.links
    layers = tuple(
        layer_estimate(Place(link, factors.get(name, 1), targets.get(name, target), table))
        for link in links
        for name in (link.layer.name,)
    )
    sources = {link.layer.name: link.layer.inputs for link in links}
    return Estimate(target, layers, _total(layers, stream.latency(layers, sources, target.io == "stream")))


def find_fixed(path: str | Path) -> FixedModel:
    """The frozen network of a directory: of the network itself, of a run, or of a run's hls4ml project.

    DataError where it holds none.
    """
    path = Path(path)
    for folder in (path, path / "06_fixed", path / "model"):
        if (folder / "model.json").exists():
            return FixedModel.load(folder)
    raise DataError(f"[{path}] must be a run, or hold a frozen network (model.json and model.npz); it has neither")


def held(part: Part) -> dict[str, int]:
    """What a part holds, by resource; bram in blocks of 18 Kb."""
    return {"lut": part.lut, "ff": part.ff, "dsp": part.dsp, "bram": 2 * part.bram36}


def reuse_factors(fixed: FixedModel, reuse_factor: int | Mapping[str, int]) -> dict[str, int]:
    """By name of each layer with weights. ConfigError for names and factors that are not possible."""
    names = _with_weights(fixed)
    if not isinstance(reuse_factor, Mapping):
        found = dict.fromkeys(names, reuse_factor)
    else:
        _require_weights(fixed, "reuse_factor", reuse_factor)
        found = {name: reuse_factor.get(name, 1) for name in names}
    for factor in found.values():
        require(factor >= 1, "reuse_factor must be at least 1", factor)
    return found


def _with_weights(fixed: FixedModel) -> list[str]:
    return [layer.name for layer in fixed.layers if isinstance(layer, FixedWeighted)]


def _require_weights(fixed: FixedModel, what: str, named: Iterable[str]) -> None:
    names = _with_weights(fixed)
    unknown = sorted(set(named) - set(names))
    require(not unknown, f"{what} must name layers with weights ({', '.join(names)})", ", ".join(unknown))


def _total(layers: tuple[LayerEstimate, ...], latency: Quantity) -> LayerEstimate:
    largest = max(layers, key=lambda layer: layer.ii.value).ii
    return LayerEstimate(
        name="total",
        kind="network",
        lut=total(layer.lut for layer in layers),
        ff=total(layer.ff for layer in layers),
        dsp=total(layer.dsp for layer in layers),
        bram=total(layer.bram for layer in layers),
        latency_clk=latency,
        ii=Quantity(largest.value, max(x.ii.low for x in layers), max(x.ii.high for x in layers)),
        ebops=sum(layer.ebops for layer in layers),
        asked=max(layer.asked for layer in layers),
        reuse_factor=max(layer.reuse_factor for layer in layers),
        basis="sum of the layers",
    )
