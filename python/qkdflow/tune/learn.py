"""Learning a space by calling its hypermodel: the defaults first, then every branch that a value opens.

Conditions come from conditional_scope, or, for a name that is asked for only sometimes (a loop over a number
of layers, an `if`), from watching which values of which earlier hyper-parameters make it appear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qkdflow._core import Key
from qkdflow.errors import ConfigError
from qkdflow.tune.hyperparameters import HyperParameters, merged
from qkdflow.tune.parameters import ChoiceParameter, Condition, Parameter, Value, same
from qkdflow.tune.space import Space

Hypermodel = Callable[..., Any]  #: of hp; what it returns is not looked at here

CHECKS = 16  # random configurations that must ask for nothing unforeseen
MOST_CALLS = 5000  # of the hypermodel
MOST_PROBES = 64  # levels of one hyper-parameter


def learn(hypermodel: Hypermodel) -> Space:
    """The space of a function of hp, or of an object with build(hp)."""
    return _Explorer(getattr(hypermodel, "build", hypermodel)).space()


class _Explorer:
    def __init__(self, function: Hypermodel) -> None:
        self.function = function
        self.parameters: dict[str, Parameter] = {}
        self.explored: set[str] = set()
        self.context: dict[str, dict[str, Value]] = {}  # the values under which a name was first seen active
        self.runs: dict[frozenset[Any], dict[str, Value]] = {}  # what was given -> what was asked for, with values

    def run(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """Calls the hypermodel once for each set of values and notes what is new."""
        if key_of(given) in self.runs:
            return self.runs[key_of(given)]
        if len(self.runs) >= MOST_CALLS:
            raise ConfigError(f"[space] more than {MOST_CALLS} branches; use fewer structural hyper-parameters")
        hp = HyperParameters(given)
        self.function(hp)
        self.runs[key_of(given)] = self.runs[key_of(hp.values)] = hp.values
        for name, parameter in hp.parameters.items():
            known = self.parameters.get(name)
            self.parameters[name] = parameter if known is None else merged(known, parameter)
        for name in hp.values:
            self.context.setdefault(name, dict(hp.values))
        return hp.values

    def space(self) -> Space:
        self.run({})
        conditions = self.rules()
        key = Key(0).fold("learn")
        for check in range(CHECKS):
            self.run(self.sample(conditions, key.fold(check)))
            if self.parameters.keys() != conditions.keys():
                conditions = self.rules()
            # Asked for where the rule says inactive: the rule is too narrow, so it is always active.
            for seen in self.runs.values():
                conditions.update({n: () for n in seen if not self.active(n, seen, conditions)})
        return Space(tuple(p.where(conditions[name]) for name, p in self.ordered(conditions).items()))

    def rules(self) -> dict[str, tuple[Condition, ...]]:
        """The conditions of each name, once every branch, and those inside, are open."""
        while True:
            for name in [n for n in self.parameters if n not in self.explored]:
                self.explore(name)
            if self.parameters.keys() == self.explored:
                conditions = self.infer()  # which looks into contexts of its own
                if self.parameters.keys() == conditions.keys():
                    return conditions

    def explore(self, name: str) -> None:
        self.explored.add(name)
        if name not in self.context:  # inside a scope that the defaults leave closed
            self.open_scope(self.parameters[name])
        if name in self.context:
            self.probe(self.parameters[name], self.context[name])

    def open_scope(self, parameter: Parameter) -> None:
        given: dict[str, Value] = {}
        for condition in parameter.conditions:
            given.update(self.context.get(condition.parent, {}))
        for condition in parameter.conditions:
            given[condition.parent] = condition.values[0]
        self.run(given)

    def probe(self, parameter: Parameter, context: Mapping[str, Value]) -> list[tuple[Value, dict[str, Value]]]:
        """The runs with other values of one hyper-parameter, the rest as in the context.

        Categories are tried one and all; of ordered values the two ends, and the others if the ends differ in
        what they ask for.
        """
        levels = parameter.levels
        if levels is None or levels < 2:
            return []

        def at(level: int) -> tuple[Value, dict[str, Value]]:
            value = parameter.value_at(level)
            return value, self.run({**context, parameter.name: value})

        ordered = not isinstance(parameter, ChoiceParameter) or parameter.ordered
        if ordered and levels > 2:
            ends = [at(0), at(levels - 1)]
            if ends[0][1].keys() == ends[1][1].keys():
                return ends
            if levels > MOST_PROBES:
                raise ConfigError(
                    f"[{parameter.name}] decides what else is asked for: it may have {MOST_PROBES} values "
                    f"at most; got {levels}"
                )
        return [at(level) for level in range(levels)]

    def infer(self) -> dict[str, tuple[Condition, ...]]:
        """The conditions of every name: its scopes', or those that the runs show."""
        conditions: dict[str, tuple[Condition, ...]] = {}
        for name, parameter in list(self.parameters.items()):
            conditions[name] = parameter.conditions
            if parameter.conditions or name not in self.context:
                continue
            if all(name in values for values in self.runs.values()):
                continue
            context, found = self.context[name], []
            for other in list(context):
                if other == name:
                    break
                runs = self.probe(self.parameters[other], context)
                values = tuple(value for value, seen in runs if name in seen)
                if len(values) < len(runs):
                    found.append(Condition(other, values))
            conditions[name] = tuple(found)
        return conditions

    def active(self, name: str, values: Mapping[str, Value], conditions: Mapping[str, tuple[Condition, ...]]) -> bool:
        return all(c.parent in values and any(same(values[c.parent], v) for v in c.values) for c in conditions[name])

    def ordered(self, conditions: Mapping[str, tuple[Condition, ...]]) -> dict[str, Parameter]:
        """Parents first, otherwise as asked for; a name that no branch opens is left out."""
        order: dict[str, Parameter] = {}
        waiting = [name for name in self.parameters if name in self.context]
        while waiting:
            ready = [n for n in waiting if all(c.parent in order for c in conditions[n])]
            if not ready:
                raise ConfigError(f"[{waiting[0]}] depends on a hyper-parameter that is never active")
            order[ready[0]] = self.parameters[ready[0]]
            waiting.remove(ready[0])
        return order

    def sample(self, conditions: Mapping[str, tuple[Condition, ...]], key: Key) -> dict[str, Value]:
        values: dict[str, Value] = {}
        order = self.ordered(conditions)
        for (name, parameter), u in zip(order.items(), key.uniform(len(order)), strict=True):
            if self.active(name, values, conditions):
                code = float(u) if parameter.levels is None else float(int(u * parameter.levels))
                values[name] = parameter.value_at(code)
        return values


def key_of(values: Mapping[str, Value]) -> frozenset[Any]:
    return frozenset((name, type(value), value) for name, value in values.items())
