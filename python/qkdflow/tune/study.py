"""A search: ask for a trial, tell its result. What is suggested follows from space, trials and seed."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from qkdflow.errors import ConfigError, DataError
from qkdflow.tune.hyperparameters import HyperParameters
from qkdflow.tune.journal import Event, Journal
from qkdflow.tune.learn import Hypermodel, learn
from qkdflow.tune.parameters import Value
from qkdflow.tune.space import Codes, Space, difference

State = Literal["running", "complete", "failed", "pruned"]
ENDS = ("complete", "failed", "pruned")
FORMAT = 1


class SpaceExhausted(Exception):
    """Every configuration (that is feasible) was handed out."""


class TrialFailed(Exception):
    """Raised by an objective whose configuration cannot be trained; the search goes on elsewhere."""


@dataclass(frozen=True)
class Trial:
    """One configuration and, once told, its result."""

    number: int
    values: dict[str, Value]  # of the active hyper-parameters
    state: State = "running"
    value: float | None = None  # the objective; None unless it is finite
    info: dict[str, Any] = field(default_factory=dict)  # plain JSON

    @property
    def hp(self) -> HyperParameters:
        """What to call the hypermodel with; a name that the trial has no value for is a ConfigError."""
        return HyperParameters(self.values, strict=True)


Objective = Callable[[Trial], float | tuple[float, Mapping[str, Any]]]  #: its value, or (value, info)


class Study:
    """Bayesian optimisation over the space that a hypermodel asks for.

    `space` is a function of hp, an object with build(hp), or a Space. The first trial is the defaults. What
    `feasible`, a pure function of the values, refuses is never suggested. With a `journal` every trial is on
    the disk before ask or tell returns, and the same call goes on where the file ends; a trial that was asked
    for and not told is handed out again first. Safe to share between threads.
    """

    def __init__(
        self,
        space: Hypermodel | Space,
        *,
        direction: Literal["max", "min"] = "max",
        seed: int = 0,
        journal: Path | None = None,
        feasible: Callable[[dict[str, Value]], bool] | None = None,
    ) -> None:
        if direction not in ("max", "min"):
            raise ConfigError(f'[study] direction must be "max" or "min"; got {direction!r}')
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
            raise ConfigError(f"[study] seed must be a whole number from 0 to 2^64 - 1; got {seed!r}")
        self.space = space if isinstance(space, Space) else learn(space)
        self.direction = direction
        self.seed = seed
        self._feasible = feasible
        self._allowed: dict[bytes, bool] = {}  # what `feasible` said, by code
        self._suggester = self.space.suggester(seed)
        self._trials: dict[int, Trial] = {}
        self._codes: dict[int, Codes] = {}
        self._told: list[int] = []  # numbers, in the order told
        self._again: list[int] = []  # asked for, not told, and nobody is at work on them
        self._lock = threading.RLock()
        self._journal = None if journal is None else self._open(Path(journal))

    # Asking and telling

    def ask(self) -> Trial:
        """The next trial to run. Raises SpaceExhausted at the end of the space."""
        with self._lock:
            if self._again:
                return self._trials[self._again.pop(0)]
            number = len(self._trials)
            running = [n for n, trial in self._trials.items() if trial.state == "running"]
            sign = 1.0 if self.direction == "min" else -1.0
            told = [self._trials[n] for n in self._told]
            code = self._suggester.suggest(
                self._stacked(self._told),
                np.array([math.nan if t.value is None else sign * t.value for t in told], dtype=np.float64),
                [t.state for t in told],
                self._stacked(running),
                self._allows if self._feasible else None,
            )
            if code is None:
                if number == 0:
                    raise ConfigError("[study] no configuration is feasible: loosen the constraint or widen the space")
                raise SpaceExhausted(f"every configuration that is feasible was tried: {number} trials")
            trial = Trial(number, self.space.decode(code))
            self._write({"ask": number, "values": trial.values})
            self._add(trial)
            return trial

    def tell(
        self,
        trial: Trial,
        value: float | None,
        state: Literal["complete", "failed", "pruned"] = "complete",
        info: Mapping[str, Any] | None = None,
    ) -> Trial:
        """The trial with its result. A value that is not finite makes a complete trial a failed one."""
        with self._lock:
            known = self._trials.get(trial.number)
            if known is None or known.values != trial.values:
                raise ConfigError(f"[trial {trial.number}] is not a trial of this study")
            if known.state != "running":
                raise ConfigError(f"[trial {trial.number}] was told already: {known.state}, {known.value}")
            if state not in ENDS:
                raise ConfigError(f"[trial {trial.number}] state must be one of {', '.join(ENDS)}; got {state!r}")
            try:
                extra = json.loads(json.dumps(dict(info or {}), allow_nan=False))
            except (TypeError, ValueError) as error:
                raise ConfigError(f"[trial {trial.number}] info must be plain JSON: {error}") from None
            number = None if value is None or not math.isfinite(value) else float(value)
            if state == "complete" and number is None:
                state = "failed"
            ended = replace(known, state=state, value=None if state == "failed" else number, info=extra)
            self._write({"tell": ended.number, "state": state, "value": ended.value, "info": extra})
            self._end(ended)
            return ended

    def optimize(
        self,
        objective: Objective,
        n_trials: int,
        callback: Callable[[Study, Trial], None] | None = None,
    ) -> Trial | None:
        """Runs trials until the study holds n_trials ended ones, or the space ends; the best.

        The objective returns its value, or (value, info). It raises TrialFailed where a configuration is
        hopeless; any other exception ends the search, and that trial comes first when it goes on.
        """
        while len(self._told) < n_trials:
            try:
                trial = self.ask()
            except SpaceExhausted:
                break
            try:
                ended = self._run(objective, trial)
            except BaseException:
                with self._lock:
                    self._again.append(trial.number)
                raise
            if callback is not None:
                callback(self, ended)
        return self.best

    # What is known

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial, by number."""
        with self._lock:
            return tuple(self._trials[n] for n in sorted(self._trials))

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best value (the first told of equals), or None."""
        with self._lock:
            complete = [self._trials[n] for n in self._told if self._trials[n].state == "complete"]
        pick = max if self.direction == "max" else min
        return pick(complete, key=lambda t: t.value if t.value is not None else math.nan, default=None)

    # Inside

    def _run(self, objective: Objective, trial: Trial) -> Trial:
        try:
            result = objective(trial)
        except TrialFailed as failure:
            return self.tell(trial, None, "failed", {"error": str(failure)})
        value, info = result if isinstance(result, tuple) else (result, {})
        return self.tell(trial, value, "complete", info)

    def _stacked(self, numbers: list[int]) -> Codes:
        return np.array([self._codes[n] for n in numbers], dtype=np.float64).reshape(-1, len(self.space.parameters))

    def _allows(self, code: Codes) -> bool:
        key = code.tobytes()
        if key not in self._allowed and self._feasible is not None:
            self._allowed[key] = bool(self._feasible(self.space.decode(code)))
        return self._allowed[key]

    def _add(self, trial: Trial) -> None:
        # Codes come from the values alone, as after reloading, so that both suggest the same bits.
        self._codes[trial.number] = self.space.encode(trial.values)
        self._trials[trial.number] = trial

    def _end(self, trial: Trial) -> None:
        self._trials[trial.number] = trial
        self._told.append(trial.number)

    def _write(self, event: Event) -> None:
        if self._journal is not None:
            self._journal.append(event)

    def _open(self, path: Path) -> Journal:
        header = {
            "qkdflow_study": FORMAT,
            "direction": self.direction,
            "seed": self.seed,
            "space": json.loads(json.dumps(self.space.to_list())),
        }
        journal = Journal(path, header)
        for word, ours in header.items():
            theirs = journal.header.get(word)
            if theirs != ours:
                how = difference(theirs or [], ours) if word == "space" else f"{word} was {theirs!r}, now {ours!r}"
                raise ConfigError(f"[journal] {path} holds another search: {how}. Use another file, or undo the change")
        for line, event in enumerate(journal.events, start=2):
            try:
                if "ask" in event:
                    self._add(Trial(event["ask"], event["values"]))
                else:
                    known = self._trials[event["tell"]]
                    self._end(replace(known, state=event["state"], value=event["value"], info=event["info"]))
            except (KeyError, TypeError, ConfigError) as error:
                raise DataError(f"[journal] {path}, line {line} does not belong to this search: {error}") from error
        self._again = [n for n, trial in self._trials.items() if trial.state == "running"]
        return journal
