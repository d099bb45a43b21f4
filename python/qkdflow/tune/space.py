"""The search space: hyper-parameters in the order asked for, parents before children."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from qkdflow._core import Suggester
from qkdflow.errors import ConfigError
from qkdflow.tune.parameters import Parameter, Value, from_dict, same

Codes = npt.NDArray[np.float64]
INACTIVE = -1.0


@dataclass(frozen=True)
class Space:
    """Hyper-parameters and their conditions; values (only active ones) to codes (D,) and back."""

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        if not self.parameters:
            raise ConfigError("[space] the hypermodel must ask for a hyper-parameter at least; it asked for none")
        self.suggester(0)  # the optimiser has its say on order and parents

    @cached_property
    def index(self) -> dict[str, int]:
        return {p.name: i for i, p in enumerate(self.parameters)}

    def suggester(self, seed: int, reference: Sequence[float] = ()) -> Suggester:
        """The optimiser of this space; its first suggestion is the defaults. `reference`: of two objectives."""
        dimensions = []
        for parameter in self.parameters:
            conditions = []
            for condition in parameter.conditions:
                parent = self.parameters[self.index[condition.parent]]
                conditions.append((self.index[condition.parent], [int(parent.code_of(v)) for v in condition.values]))
            dimensions.append(parameter.dimension(conditions))
        default = np.array([p.code_of(p.default) for p in self.parameters])
        return Suggester(dimensions, default, seed, list(reference))

    def is_active(self, parameter: Parameter, values: Mapping[str, Value]) -> bool:
        """Whether a configuration asks for a parameter."""
        return all(
            c.parent in values and any(same(values[c.parent], v) for v in c.values) for c in parameter.conditions
        )

    def encode(self, values: Mapping[str, Value]) -> Codes:
        """The code (D,) of a value for each active hyper-parameter; anything else is a ConfigError."""
        unknown = [name for name in values if name not in self.index]
        if unknown:
            raise ConfigError(f"[{unknown[0]}] is not in the space; it has {', '.join(self.index)}")
        codes = np.full(len(self.parameters), INACTIVE)
        for i, parameter in enumerate(self.parameters):
            if self.is_active(parameter, values):
                if parameter.name not in values:
                    raise ConfigError(f"[{parameter.name}] is active and must have a value; got none")
                codes[i] = parameter.code_of(values[parameter.name])
            elif parameter.name in values:
                raise ConfigError(f"[{parameter.name}] is not active for these values and must be left out")
        return codes

    def decode(self, codes: Codes) -> dict[str, Value]:
        """The values of the active hyper-parameters of codes (parameters,)."""
        return {
            p.name: p.value_at(float(code)) for p, code in zip(self.parameters, codes, strict=True) if code != INACTIVE
        }

    def to_list(self) -> list[dict[str, Any]]:
        """Plain JSON: equal for equal spaces."""
        return [p.to_dict() for p in self.parameters]

    @classmethod
    def from_list(cls, parameters: Sequence[Mapping[str, Any]]) -> Space:
        """The space that to_list gave."""
        return cls(tuple(from_dict(p) for p in parameters))


def difference(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> str:
    """How two spaces, as to_list gives them, differ first."""
    before, after = {p["name"]: p for p in old}, {p["name"]: p for p in new}
    for name in before:
        if name not in after:
            return f"{name} is gone"
    for name, parameter in after.items():
        if name not in before:
            return f"{name} is new"
        for field in parameter:
            if before[name].get(field) != parameter[field]:
                return f"{name} had {field} {before[name].get(field)!r}, now {parameter[field]!r}"
    return "the order of the hyper-parameters"
