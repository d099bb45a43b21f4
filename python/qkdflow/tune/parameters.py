"""Hyper-parameters as values: each refuses nonsense when born, and maps values to the optimiser's codes.

A code is a level 0 .. levels - 1, or a position in [0, 1] for a float without a step (levels is then None).
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

from qkdflow._core import Dimension
from qkdflow.errors import ConfigError

Value = bool | int | float | str
MOST_LEVELS = 2**53  # codes are doubles


@dataclass(frozen=True)
class Condition:
    """Holds where the hyper-parameter `parent` is active and its value is one of `values`."""

    parent: str
    values: tuple[Value, ...]


def require(holds: bool, name: str, text: str) -> None:
    if not holds:
        raise ConfigError(f"[{name}] {text}")


def same(a: Value, b: Value) -> bool:
    """Whether two values are one choice: True and 1 are not, 1 and 1.0 are."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def real(name: str, word: str, value: Any) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    require(good, name, f"{word} must be a finite number; got {value!r}")
    return float(value)


def whole(name: str, word: str, value: Any) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise ConfigError(f"[{name}] {word} must be a whole number; got {value!r}") from None


def check_range(name: str, low: float, high: float, step: float | None, sampling: str, kinds: Sequence[str]) -> None:
    require(low <= high, name, f"min_value must not be above max_value; got {low:g} and {high:g}")
    require(math.isfinite(high - low), name, f"the range is too wide for a double; got {low:g} to {high:g}")
    require(sampling in kinds, name, f"sampling must be one of {', '.join(kinds)}; got {sampling!r}")
    require(sampling == "linear" or low > 0, name, f"{sampling} sampling needs min_value > 0; got {low:g}")
    require(step is None or step > 0, name, f"step must be positive; got {step}")


@dataclass(frozen=True)
class Parameter(ABC):
    """What all hyper-parameters share."""

    name: str
    default: Any
    conditions: tuple[Condition, ...]
    kind: ClassVar[str]

    @property
    @abstractmethod
    def levels(self) -> int | None:
        """How many values there are; None where there is no end of them."""

    @abstractmethod
    def value_at(self, code: float) -> Value:
        """The value at a code of the model's, snapped to a legal one."""

    @abstractmethod
    def code_of(self, value: Value) -> float:
        """The code of a value; a ConfigError where it is not one of the values."""

    @abstractmethod
    def dimension(self, conditions: list[tuple[int, list[int]]]) -> Dimension:
        """The same for the optimiser; conditions as (index of the parent, its levels)."""

    def check_default(self) -> None:
        """ConfigError where the default is not one of the values."""
        try:
            self.code_of(self.default)
        except ConfigError:
            text = f"[{self.name}] default must be a value of {self.describe()}; got {self.default!r}"
            raise ConfigError(text) from None

    def refuse(self, value: Any) -> ConfigError:
        """The error for a value that is not one of these."""
        return ConfigError(f"[{self.name}] must be {self.describe()}; got {value!r}")

    def describe(self) -> str:
        """Kind and range, in words for an error."""
        fields = {k: v for k, v in self.to_dict().items() if k not in ("name", "kind", "conditions")}
        return f"{self.kind}({', '.join(f'{k}={v!r}' for k, v in fields.items())})"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: equal for equal definitions."""
        fields = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self).items()}
        fields["conditions"] = [{"parent": c.parent, "values": list(c.values)} for c in self.conditions]
        return {"kind": self.kind, **fields}

    def where(self, conditions: tuple[Condition, ...]) -> Parameter:
        """The same parameter, asked for only under `conditions`."""
        return replace(self, conditions=conditions)


@dataclass(frozen=True)
class IntParameter(Parameter):
    """Whole numbers min_value, min_value + step, ... up to max_value; with log sampling and a step above 1,
    min_value, min_value * step, ..."""

    min_value: int
    max_value: int
    step: int
    sampling: str
    kind: ClassVar[str] = "Int"

    def __post_init__(self) -> None:
        check_range(self.name, self.min_value, self.max_value, self.step, self.sampling, ("linear", "log"))
        text = f"has {self.levels} values, too many; use hp.Float and round"
        require((self.levels or 0) <= MOST_LEVELS, self.name, text)
        self.check_default()

    @property
    def powers(self) -> bool:
        return self.sampling == "log" and self.step > 1

    @property
    def levels(self) -> int:
        if not self.powers:
            return (self.max_value - self.min_value) // self.step + 1
        count, value = 1, self.min_value * self.step
        while value <= self.max_value:
            count, value = count + 1, value * self.step
        return count

    def value_at(self, code: float) -> int:
        level = int(code)
        return self.min_value * self.step**level if self.powers else self.min_value + self.step * level

    def code_of(self, value: Value) -> float:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(value)
        if self.powers:
            level = round(math.log(value / self.min_value, self.step)) if value > 0 else -1
        else:
            level = (value - self.min_value) // self.step
        if not 0 <= level < self.levels or self.value_at(level) != value:
            raise self.refuse(value)
        return float(level)

    def dimension(self, conditions: list[tuple[int, list[int]]]) -> Dimension:
        log_from = float(self.min_value) if self.sampling == "log" and not self.powers else 0.0
        return Dimension.grid(self.name, self.levels, log_from, [], conditions)


@dataclass(frozen=True)
class FloatParameter(Parameter):
    """Real numbers from min_value to max_value; a step leaves its multiples above min_value, or min_value
    times its powers where sampling is log."""

    min_value: float
    max_value: float
    step: float | None
    sampling: str
    kind: ClassVar[str] = "Float"

    def __post_init__(self) -> None:
        low, high, step = self.min_value, self.max_value, self.step
        check_range(self.name, low, high, step, self.sampling, ("linear", "log", "reverse_log"))
        if self.sampling != "linear" and step is not None:
            require(self.sampling == "log", self.name, "a step needs linear or log sampling; got reverse_log")
            require(
                step > 1,
                self.name,
                f"step multiplies where sampling is log: it must be above 1; got {step:g}",
            )
        text = f"has {self.levels} values, too many; leave step out"
        require((self.levels or 0) <= MOST_LEVELS, self.name, text)
        self.check_default()

    @property
    def levels(self) -> int | None:
        if self.min_value == self.max_value:
            return 1
        if self.step is None:
            return None
        if self.sampling == "log":
            return math.floor(math.log(self.max_value / self.min_value) / math.log(self.step) + 1e-9) + 1
        return math.floor((self.max_value - self.min_value) / self.step + 1e-9) + 1

    def value_at(self, code: float) -> float:
        low, high = self.min_value, self.max_value
        if self.levels == 1:
            return low
        if self.step is not None:  # twelve digits: 0.3, not 0.30000000000000004
            value = low * self.step**code if self.sampling == "log" else low + self.step * code
            return min(float(f"{value:.12g}"), high)
        if code == self.code_of(self.default):  # to the last bit
            return float(self.default)
        if code <= 0 or code >= 1:
            return low if code <= 0 else high
        if self.sampling == "linear":
            value = low + (high - low) * code
        elif self.sampling == "log":
            value = low * math.exp(math.log(high / low) * code)
        else:
            value = high + low - low * math.exp(math.log(high / low) * (1 - code))
        return min(max(value, low), high)

    def code_of(self, value: Value) -> float:
        low, high = self.min_value, self.max_value
        if isinstance(value, (bool, str)) or not low <= value <= high:
            raise self.refuse(value)
        if self.levels == 1:
            return 0.0
        if self.step is None and value in (low, high):
            return float(value == high)
        if self.sampling == "linear":
            position = (value - low) / (high - low)
        elif self.sampling == "log":
            position = math.log(value / low) / math.log(high / low)
        else:
            position = 1 - math.log((high + low - value) / low) / math.log(high / low)
        if self.step is None:
            return min(max(position, 0.0), 1.0)
        width = math.log(high / low) / math.log(self.step) if self.sampling == "log" else (high - low) / self.step
        level = float(round(position * width))
        if not math.isclose(self.value_at(level), value, rel_tol=1e-9, abs_tol=1e-9 * self.step):
            raise self.refuse(value)
        return level

    def dimension(self, conditions: list[tuple[int, list[int]]]) -> Dimension:
        if self.levels is None:
            return Dimension.continuous(self.name, conditions)
        return Dimension.grid(self.name, self.levels, 0.0, [], conditions)


@dataclass(frozen=True)
class ChoiceParameter(Parameter):
    """One of `values`: ordered by size (numbers), or categories."""

    values: tuple[Value, ...]
    ordered: bool
    kind: ClassVar[str] = "Choice"

    def __post_init__(self) -> None:
        require(len(self.values) > 0, self.name, "values must not be empty")
        for i, value in enumerate(self.values):
            good = isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value))
            require(good, self.name, f"values must be numbers, strings or booleans; got {value!r}")
            text = f"values must differ; got {value!r} twice"
            require(not any(same(value, other) for other in self.values[:i]), self.name, text)
        require(not self.ordered or numeric(self.values), self.name, "only numbers are ordered; leave ordered out")
        self.check_default()

    @property
    def levels(self) -> int:
        return len(self.values)

    @property
    def sorted_values(self) -> tuple[Value, ...]:
        return tuple(sorted(self.values, key=float)) if self.ordered else self.values

    def value_at(self, code: float) -> Value:
        return self.sorted_values[int(code)]

    def code_of(self, value: Value) -> float:
        for level, other in enumerate(self.sorted_values):
            if same(value, other):
                return float(level)
        raise self.refuse(value)

    def dimension(self, conditions: list[tuple[int, list[int]]]) -> Dimension:
        if not self.ordered:
            return Dimension.category(self.name, self.levels, conditions)
        return Dimension.grid(
            self.name, self.levels, 0.0, positions([float(v) for v in self.sorted_values]), conditions
        )


@dataclass(frozen=True)
class BooleanParameter(Parameter):
    """False or True."""

    kind: ClassVar[str] = "Boolean"

    def __post_init__(self) -> None:
        self.check_default()

    @property
    def levels(self) -> int:
        return 2

    def value_at(self, code: float) -> bool:
        return bool(code)

    def code_of(self, value: Value) -> float:
        if not isinstance(value, bool):
            raise self.refuse(value)
        return float(value)

    def dimension(self, conditions: list[tuple[int, list[int]]]) -> Dimension:
        return Dimension.category(self.name, 2, conditions)


@dataclass(frozen=True)
class FixedParameter(Parameter):
    """One value that is not searched; it is kept with the others."""

    kind: ClassVar[str] = "Fixed"

    def __post_init__(self) -> None:
        good = isinstance(self.default, (bool, int, float, str))
        require(good, self.name, f"value must be a number, a string or a boolean; got {self.default!r}")

    @property
    def levels(self) -> int:
        return 1

    def value_at(self, code: float) -> Value:
        value: Value = self.default
        return value

    def code_of(self, value: Value) -> float:
        if not same(value, self.default):
            raise self.refuse(value)
        return 0.0

    def dimension(self, conditions: list[tuple[int, list[int]]]) -> Dimension:
        return Dimension.category(self.name, 1, conditions)


def numeric(values: Sequence[Value]) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def positions(values: list[float]) -> list[float]:
    """Where ascending numbers sit in [0, 1]: in log scale if their ratios are the more even."""
    if len(values) < 3:
        return []

    def unevenness(scaled: list[float]) -> float:
        gaps = [b - a for a, b in pairwise(scaled)]
        return max(gaps) / min(gaps)

    logs = [math.log(v) for v in values] if values[0] > 0 else values
    scaled = logs if unevenness(logs) < unevenness(values) else values
    k, span = len(values), scaled[-1] - scaled[0]
    return [(0.5 + (k - 1) * (v - scaled[0]) / span) / k for v in scaled]


def from_dict(fields: Mapping[str, Any]) -> Parameter:
    """The hyper-parameter that to_dict gave."""
    kinds = {kind.kind: kind for kind in Parameter.__subclasses__()}
    if fields.get("kind") not in kinds:
        raise ConfigError(f"[space] kind must be one of {', '.join(kinds)}; got {fields.get('kind')!r}")
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items() if k != "kind"}
    given["conditions"] = tuple(Condition(c["parent"], tuple(c["values"])) for c in fields["conditions"])
    return kinds[fields["kind"]](**given)
