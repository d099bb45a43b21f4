"""Which layers are pruned, how and when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qkdflow import _core
from qkdflow.errors import ConfigError
from qkdflow.sparsity.channels import removable
from qkdflow.sparsity.schedules import PruningSchedule
from qkdflow.sparsity.structures import Neurons, Structure, Weights

if TYPE_CHECKING:
    from typing import TypeVar

    from qkdflow.models import Model

    AnyModel = TypeVar("AnyModel", bound=Model)

SCOPES = ("layer", "global")


@dataclass(frozen=True)
class PruningRule:
    """One schedule, of the kernels of `layers` (None: of all). scope "layer": each has this sparsity; "global": all
    of them together, the smallest magnitudes first, and each keeps a weight at least."""

    schedule: PruningSchedule
    structure: Structure = Weights()  # noqa: RUF009 - a frozen value
    scope: str = "layer"
    layers: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise ConfigError(f"[pruning] scope must be {' or '.join(SCOPES)}; got {self.scope!r}")
        needed, given = self.structure.final_sparsity(), self.schedule.final_sparsity
        if needed is not None and not math.isclose(needed, given):
            raise ConfigError(f"[pruning] {self.structure} needs a final sparsity of {needed:g}; got {given:g}")

    def core(self, model: Model) -> _core.PruneRule:
        """The engine's rule. ConfigError for a layer that the model does not have or that cannot be pruned so."""
        graph, names = model.graph, model.graph.param_names
        kernels = {names[i]: i for i in graph.prunable_params}
        followers: dict[str, list[int]] = {}
        if isinstance(self.structure, Neurons):
            found = removable(model.layers, model.inbound)
            followers = {c.kernel: [names.index(f) for f in c.followers] for c in found}
            kernels = {name: kernels[name] for name in followers}
        wanted = self._wanted(model, kernels)
        if not wanted:
            raise ConfigError(f"[pruning] {model.name} has no layer that {type(self.structure).__name__} can prune")
        targets = []
        for name in wanted:
            shape = graph.param_shape(kernels[name])
            group, block = self.structure.groups(shape), self.structure.blocks(shape)
            targets.append(
                _core.PruneTarget(
                    kernels[name],
                    [] if group is None else group.reshape(-1).tolist(),
                    [] if block is None else block.reshape(-1).tolist(),
                    followers.get(name, []),
                )
            )
        return _core.PruneRule(self.schedule.core(), targets, self.scope == "global")

    def _wanted(self, model: Model, kernels: Mapping[str, int]) -> list[str]:
        if self.layers is None:
            return list(kernels)
        owners = {name.rpartition("/")[0] for name in kernels}
        strange = [name for name in self.layers if name not in owners]
        if strange:
            raise ConfigError(
                f"[pruning] layers of {model.name} that {type(self.structure).__name__} can prune are "
                f"{', '.join(sorted(owners)) or 'none'}; got {', '.join(strange)}"
            )
        return [name for name in kernels if name.rpartition("/")[0] in self.layers]


def prune_low_magnitude(
    model: AnyModel,
    pruning_schedule: PruningSchedule | Mapping[str, PruningSchedule],
    structure: Structure = Weights(),  # noqa: B008 - a frozen value
    scope: str = "layer",
    layers: Sequence[str] | None = None,
) -> AnyModel:
    """The same model; its kernels are pruned by magnitude while `fit` trains it.

    A mapping gives layers schedules of their own; those that it does not name are not pruned. No wrapper layers and no
    callback: masks are part of the model, and travel with it when it is saved. The schedule does not: a loaded model
    keeps its zeros, and is pruned on where this is called again and `model.steps` set to the steps that it had.
    ConfigError for layers, scopes and structures that do not fit.
    """
    if isinstance(pruning_schedule, Mapping):
        if layers is not None or scope != "layer":
            raise ConfigError("[pruning] a schedule for each layer names its layers, and is no global one")
        rules = tuple(PruningRule(s, structure, scope, (name,)) for name, s in pruning_schedule.items())
    else:
        rules = (PruningRule(pruning_schedule, structure, scope, None if layers is None else tuple(layers)),)
    for rule in rules:
        rule.core(model)
    model.pruning = rules
    model.steps = 0
    return model


def core_rules(model: Model) -> list[_core.PruneRule]:
    """The engine's rules of a model."""
    return [rule.core(model) for rule in model.pruning]
