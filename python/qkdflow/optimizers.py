"""Optimisers with Keras's names and defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from qkdflow.errors import ConfigError


def _check(optimizer: object, **values: tuple[float, float]) -> None:
    """ConfigError where a value is below 0, or not below its limit: each is (value, limit)."""
    for name, (value, limit) in values.items():
        if not (isinstance(value, Real) and 0 <= value < limit):
            least = "a finite number from 0 on" if math.isinf(limit) else f"at least 0 and below {limit:g}"
            is_schedule = name == "learning_rate" and not isinstance(value, Real | str)
            cure = ". A schedule is a callback: fit(..., callbacks=[step_decay(10)])" if is_schedule else ""
            got = type(value).__name__ if is_schedule else value if isinstance(value, Real) else repr(value)
            raise ConfigError(f"[{type(optimizer).__name__}] {name} must be {least}; got {got}{cure}")


@dataclass(frozen=True)
class Adam:
    """Kingma & Ba 2015, in Keras's form."""

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        _check(
            self,
            learning_rate=(self.learning_rate, math.inf),
            beta_1=(self.beta_1, 1.0),
            beta_2=(self.beta_2, 1.0),
            epsilon=(self.epsilon, math.inf),
        )

    def options(self) -> dict[str, float]:
        """What the engine is given."""
        return {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    weight_decay: float = 4e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self, weight_decay=(self.weight_decay, math.inf))

    def options(self) -> dict[str, float]:
        """What the engine is given."""
        return {**super().options(), "weight_decay": self.weight_decay}


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum, Nesterov's or plain."""

    learning_rate: float = 1e-2
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        _check(self, learning_rate=(self.learning_rate, math.inf), momentum=(self.momentum, 1.0))

    def options(self) -> dict[str, float]:
        """What the engine is given."""
        return {"momentum": self.momentum, "nesterov": float(self.nesterov)}


Optimizer = Adam | SGD


def get(optimizer: Optimizer | str) -> Optimizer:
    """The optimiser, or the one of that name with its defaults. ConfigError for another name, and for what is none."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    known: dict[str, type[Adam] | type[SGD]] = {"adam": Adam, "adamw": AdamW, "sgd": SGD}
    if isinstance(optimizer, str) and optimizer.lower() in known:
        return known[optimizer.lower()]()
    got = f"the class {optimizer.__name__}" if isinstance(optimizer, type) else repr(optimizer)
    raise ConfigError(
        f"[optimizer] must be one of {', '.join(known)}, or made, such as Adam(learning_rate=1e-3); got {got}"
    )


def core_name(optimizer: Optimizer) -> str:
    """The engine's name for it."""
    return "sgd" if isinstance(optimizer, SGD) else "adam"
