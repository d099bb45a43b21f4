"""`hp`: what a hypermodel asks for its hyper-parameters, in KerasTuner's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from qkdflow.errors import ConfigError
from qkdflow.tune.parameters import (
    BooleanParameter,
    ChoiceParameter,
    Condition,
    FixedParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    Value,
    numeric,
    real,
    require,
    same,
    whole,
)


class HyperParameters:
    """Answers with the values given, or the default where a name has none; remembers what was asked for.

    With `strict`, as in a trial, a name without a value is a ConfigError: what is searched is trained.
    """

    def __init__(self, values: Mapping[str, Value] | None = None, *, strict: bool = False) -> None:
        self._given = dict(values or {})
        self._strict = strict
        self._scopes: list[Condition] = []
        self.parameters: dict[str, Parameter] = {}  #: every definition seen, in the order asked for
        self.values: dict[str, Value] = dict(self._given) if strict else {}  #: the values of the active ones

    def Int(
        self,
        name: str,
        min_value: int,
        max_value: int,
        step: int | None = 1,
        sampling: str = "linear",
        default: int | None = None,
    ) -> Any:
        """A whole number from min_value to max_value; a step above 1 multiplies where sampling is "log"."""
        low, high = whole(name, "min_value", min_value), whole(name, "max_value", max_value)
        every = whole(name, "step", 1 if step is None else step)
        first = low if default is None else whole(name, "default", default)
        return self._ask(IntParameter(name, first, self._where(), low, high, every, sampling))

    def Float(
        self,
        name: str,
        min_value: float,
        max_value: float,
        step: float | None = None,
        sampling: str = "linear",
        default: float | None = None,
    ) -> Any:
        """A real number from min_value to max_value; sampling "linear", "log" or "reverse_log"."""
        low, high = real(name, "min_value", min_value), real(name, "max_value", max_value)
        every = None if step is None else real(name, "step", step)
        first = low if default is None else real(name, "default", default)
        return self._ask(FloatParameter(name, first, self._where(), low, high, every, sampling))

    def Choice(
        self, name: str, values: Sequence[Value], ordered: bool | None = None, default: Value | None = None
    ) -> Any:
        """One of the values, ordered when they are all numbers unless told otherwise."""
        require(not isinstance(values, str), name, f"values must be a list; got the text {values!r}")
        options = tuple(values)
        in_order = numeric(options) if ordered is None else ordered
        require(len(options) > 0, name, "values must not be empty")
        first = options[0] if default is None else default
        return self._ask(ChoiceParameter(name, first, self._where(), options, in_order))

    def Boolean(self, name: str, default: bool = False) -> Any:
        """False or True."""
        return self._ask(BooleanParameter(name, default, self._where()))

    def Fixed(self, name: str, value: Value) -> Any:
        """A value that is not searched."""
        return self._ask(FixedParameter(name, value, self._where()))

    def get(self, name: str) -> Value:
        """The value of a hyper-parameter that was asked for and is active. ConfigError of any other."""
        if name not in self.values:
            known = ", ".join(self.values) or "none"
            raise ConfigError(f"[{name}] is not an active hyper-parameter; there are {known}")
        return self.values[name]

    @contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Value | Sequence[Value]) -> Iterator[None]:
        """What is asked for inside is active where the parent has one of the values, and None elsewhere.

        ConfigError for a parent that was not asked for before, or is a Float.
        """
        parent = self.parameters.get(parent_name)
        if parent is None:
            raise ConfigError(f"[{parent_name}] must be asked for before its conditional_scope")
        if isinstance(parent_values, (str, bool, int, float)):
            parent_values = (parent_values,)
        values = tuple(parent_values)
        require(len(values) > 0, parent_name, "conditional_scope needs a value at least")
        require(parent.levels is not None, parent_name, "a conditional_scope needs a discrete parent; got a Float")
        for value in values:
            parent.code_of(value)
        self._scopes.append(Condition(parent_name, values))
        try:
            yield
        finally:
            self._scopes.pop()

    def _where(self) -> tuple[Condition, ...]:
        return tuple(self._scopes)

    def _active(self, conditions: tuple[Condition, ...]) -> bool:
        return all(
            c.parent in self.values and any(same(self.values[c.parent], v) for v in c.values) for c in conditions
        )

    def _ask(self, parameter: Parameter) -> Value | None:
        name = parameter.name
        if not isinstance(name, str) or not name:
            raise ConfigError(f"[hp] a hyper-parameter's name must be a string that is not empty; got {name!r}")
        known = self.parameters.get(name)
        self.parameters[name] = parameter if known is None else merged(known, parameter)
        if not self._active(parameter.conditions):
            return None
        if name not in self._given:
            if self._strict:
                raise ConfigError(
                    f"[{name}] is asked for, but the trial has no value for it: the space "
                    "was learned without it, or it is not active here. Ask "
                    "for it inside conditional_scope(parent, values)"
                )
            value: Value = parameter.default
        else:
            value = self._given[name]
            parameter.code_of(value)
        self.values[name] = value
        return value


def merged(known: Parameter, again: Parameter) -> Parameter:
    """One definition of a name that was asked for twice: equal but for the scopes, which are joined."""
    if known.where(()) != again.where(()):
        raise ConfigError(f"[{known.name}] is defined twice: {known.describe()} and {again.describe()}. Use two names")
    if known.conditions == again.conditions or not known.conditions:
        return known
    if not again.conditions:
        return again
    (*outer, last), (*outer_again, last_again) = known.conditions, again.conditions
    if outer != outer_again or last.parent != last_again.parent:
        raise ConfigError(f"[{known.name}] is asked for in scopes of different parents. Use two names")
    values = last.values + tuple(v for v in last_again.values if not any(same(v, w) for w in last.values))
    return known.where((*outer, Condition(last.parent, values)))
