"""One configuration and its result: what an objective is given, and what a study keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from qkdflow.tune.hyperparameters import HyperParameters
from qkdflow.tune.parameters import Value

State = Literal["running", "complete", "failed", "pruned"]
ENDS = ("complete", "failed", "pruned")
Reporter = Callable[["Trial", int, float], bool]


class TrialFailed(Exception):
    """Raised by an objective whose configuration cannot be trained; the search goes on elsewhere."""


class TrialPruned(Exception):
    """Raised by an objective that stops early, as `Trial.report` told it to."""


@dataclass(frozen=True)
class Trial:
    """One configuration and, once told, its result."""

    number: int
    values: dict[str, Value]  # of the active hyper-parameters
    state: State = "running"
    value: float | None = None  # the (first) objective; of a pruned trial the last reported; None unless finite
    info: dict[str, Any] = field(default_factory=dict)  # plain JSON
    objectives: tuple[float, ...] = ()  # all of them, of a complete trial
    curve: tuple[tuple[int, float], ...] = ()  # what was reported: (step, value)
    reporter: Reporter | None = field(default=None, repr=False, compare=False)

    @property
    def hp(self) -> HyperParameters:
        """What to call the hypermodel with; a name that the trial has no value for is a ConfigError."""
        return HyperParameters(self.values, strict=True)

    def report(self, step: int, value: float) -> bool:
        """Notes an intermediate value of the objective; True where the trial is hopeless: raise TrialPruned then.

        Steps (such as epochs) must rise. In another process, as on Dask, nothing is noted and nothing stops.
        """
        return self.reporter is not None and self.reporter(self, step, value)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "reporter": None}  # the study stays where it is
