"""A search: ask for a trial, tell its result. What is suggested follows from space, trials and seed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from qkdflow._core import non_dominated
from qkdflow.errors import ConfigError
from qkdflow.tune import running
from qkdflow.tune.card import study_card
from qkdflow.tune.foreseen import Foreseen
from qkdflow.tune.goals import Array, Direction, Goals, Known
from qkdflow.tune.journal import Event
from qkdflow.tune.learn import Hypermodel, learn
from qkdflow.tune.parameters import Value, whole
from qkdflow.tune.shared import Shared
from qkdflow.tune.space import Codes, Space
from qkdflow.tune.stopping import Stopper, forecast
from qkdflow.tune.trial import ENDS, State, Trial


class SpaceExhausted(Exception):
    """Every configuration (that is feasible) was handed out."""


class Study:
    """Bayesian optimisation over the space that a hypermodel asks for.

    `space` is a function of hp, an object with build(hp), or a Space. The first trial is the defaults.
    `direction`: "max" or "min"; several for several objectives. `cost(values)` is a further objective, to be
    minimised, that is known without a trial (parameters, operations). What `feasible(values)` refuses is never
    suggested; `limits` are met by trials whose info[name] is at most the number given. All these are pure functions
    of the values. `reference`: see Goals. `stopper`: which trials that report are hopeless.

    With a `journal` every trial is on the disk before ask or tell returns, and the same call goes on where the file
    ends; several processes may share the file. A trial that was asked for and not told, by this process or by one
    that died, is handed out again first. Safe to share between threads, not over a fork.
    """

    def __init__(
        self,
        space: Hypermodel | Space,
        *,
        direction: Direction | Sequence[Direction] = "max",
        seed: int = 0,
        journal: Path | None = None,
        feasible: Callable[[dict[str, Value]], bool] | None = None,
        cost: Known | None = None,
        limits: Mapping[str, float] | None = None,
        reference: Sequence[float] | None = None,
        stopper: Stopper | None = None,
    ) -> None:
        self.goals = Goals.of(direction, cost, limits, reference)
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
            raise ConfigError(f"[study] seed must be a whole number from 0 to 2^64 - 1; got {seed!r}")
        self.space = space if isinstance(space, Space) else learn(space)
        self.direction = direction
        self.seed = seed
        self._foreseen = Foreseen(self.space, feasible, cost)
        self._is_constrained = feasible is not None
        self._stopper = stopper
        self._suggester = self.space.suggester(seed, self.goals.core_reference)
        self._trials: dict[int, Trial] = {}
        self._codes: dict[int, Codes] = {}
        self._told: list[int] = []  # numbers, in the order told
        self._results: list[tuple[list[float], list[float]]] = []  # of these, for the optimiser
        self._reported: dict[int, int] = {}  # the last step of each trial, since it was handed out here
        header = {**self.goals.to_dict(), "seed": seed, "space": json.loads(json.dumps(self.space.to_list()))}
        self._shared = Shared(None if journal is None else Path(journal), header, self._apply)

    @classmethod
    def of(cls, space: Hypermodel | Space, trials: Sequence[Trial], **options: Any) -> Study:
        """A study in memory that holds trials of another, for its model and its figures; options as of Study."""
        study = cls(space, **options)
        for trial in trials:
            study._add(Trial(trial.number, trial.values))
        for trial in trials:
            if trial.state != "running":
                value = list(trial.objectives) if len(trial.objectives) > 1 else trial.value
                study._end({"tell": trial.number, "state": trial.state, "value": value, "info": trial.info})
        return study

    def __repr__(self) -> str:
        best = self.best
        return f"Study({len(self.trials)} trials, best {'none' if best is None else f'{best.objectives[0]:.6g}'})"

    # Asking and telling

    def ask(self) -> Trial:
        """The next trial to run. Raises SpaceExhausted at the end of the space."""
        with self._alone():
            orphan = self._orphan()
            if orphan is not None:
                return orphan
            number = len(self._trials)
            open_ = [n for n, trial in self._trials.items() if trial.state == "running"]
            values, violations = self._outcomes()
            code = self._suggester.suggest(
                self._stacked(self._told),
                values,
                [self._trials[n].state for n in self._told],
                violations,
                self._stacked(open_),
                self._foreseen.allows if self._is_constrained else None,
                self._foreseen.costs if self.goals.cost else None,
            )
            if code is None:
                if number == 0:
                    raise ConfigError("[study] no configuration is feasible: loosen the constraint or widen the space")
                raise SpaceExhausted(f"every configuration that is feasible was tried: {number} trials")
            self._foreseen.cost(code)  # what cannot be told shows before the trial runs, not with the first model
            trial = Trial(number, self.space.decode(code))
            self._shared.claims.take(number)
            self._shared.write({"ask": number, "values": trial.values})
            self._add(trial)
            return replace(trial, reporter=self._report)

    def tell(
        self,
        trial: Trial,
        value: float | Sequence[float] | None,
        state: Literal["complete", "failed", "pruned"] = "complete",
        info: Mapping[str, Any] | None = None,
    ) -> Trial:
        """The trial with its result. A value that is not finite makes a complete trial a failed one. ConfigError for a
        trial that is not running here, and for values that are not the study's."""
        with self._alone():
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
            numbers = self._numbers(known, value, state)
            if state == "complete" and not numbers:
                state = "failed"
            if state == "complete":
                self.goals.check_info(trial.number, extra)
            event: Event = {"tell": known.number, "state": state, "value": numbers[0] if numbers else None}
            if len(self.goals.directions) > 1 and state == "complete":
                event["value"] = list(numbers)
            self._shared.write({**event, "info": extra})
            ended = self._end({**event, "info": extra})
            self._shared.claims.finish(known.number)
            return ended

    def optimize(
        self,
        objective: running.Objective,
        n_trials: int,
        callback: Callable[[Study, Trial], None] | None = None,
        *,
        jobs: int = 1,
        executor: Executor | None = None,
        dask: str | None = None,
    ) -> Trial | None:
        """Runs trials until the study holds n_trials ended ones, or the space ends; the best.

        The objective returns its value (a tuple of several), or (value, info). It raises TrialFailed where a
        configuration is hopeless and TrialPruned where it stops early; any other exception ends the search, and
        that trial comes first when it goes on. With `jobs` so many trials run at once, in threads with one engine
        thread each, and are told in the order asked, so that the search is the same every time. With `dask`, the
        address of a scheduler (tcp://host:8786), they run on its workers, and the search is the same as here. With an
        `executor` of your own they run there and are told as they end. ConfigError for counts that are none.
        """
        for name, number, least in (("n_trials", n_trials, 0), ("jobs", jobs, 1)):
            if whole("study", name, number) < least:
                raise ConfigError(f"[study] {name} must be a whole number from {least}; got {number!r}")
        running.run(self, objective, n_trials, callback, jobs, executor, dask)
        return self.best

    # What is known

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial, by number."""
        with self._shared.lock:
            return tuple(self._trials[n] for n in sorted(self._trials))

    @property
    def best(self) -> Trial | None:
        """The complete trial within the limits with the best (first) objective, the first told of equals, or None."""
        pick = max if self.goals.directions[0] == "max" else min
        return pick(self._winners(), key=lambda t: t.objectives[0], default=None)

    @property
    def front(self) -> tuple[Trial, ...]:
        """The complete trials within the limits that no other beats in every objective (and the cost), the best of the
        first objective first."""
        winners = self._winners()
        table = [[*(self.goals.signs * t.objectives), *self._cost_of(t)] for t in winners]
        ranked = sorted(non_dominated(np.array(table)), key=lambda i: (table[i], winners[i].number)) if table else ()
        return tuple(winners[i] for i in ranked)

    def cost(self, trial: Trial) -> float:
        """What `cost` says of a trial's values. ConfigError in a study without."""
        if self.goals.cost is None:
            raise ConfigError("[study] has no cost: give cost=function of the values")
        return self._cost_of(trial)[0]

    def predict(self, values: Sequence[Mapping[str, Value]], objective: int = 0) -> tuple[Array, Array]:
        """The model's mean and standard deviation (n,) of an objective at configurations, its own noise left out."""
        codes = np.array([self.space.encode(v) for v in values]).reshape(-1, len(self.space.parameters))
        with self._shared.lock:
            results, _ = self._outcomes()
            states = [self._trials[n].state for n in self._told]
            mean, deviation = self._suggester.predict(self._stacked(self._told), results, states, objective, codes)
        return self.goals.signs[objective] * mean, deviation

    def _repr_html_(self) -> str:
        return study_card(self)

    # For the loops of `running`

    def next(self, n_trials: int, in_flight: int) -> Trial | bool:
        """A trial; True where others still run what is left; False where nothing is left to ask for.

        `in_flight`: how many of this study's own trials the caller has under way.
        """
        with self._alone():
            others = sum(t.state == "running" and t.number not in self._shared.claims for t in self._trials.values())
            if len(self._told) + in_flight >= n_trials:
                return False
            orphan = self._orphan()
            if orphan is not None:
                return orphan
            if len(self._told) + in_flight + others >= n_trials:
                return True
            try:
                return self.ask()
            except SpaceExhausted:
                return others > 0

    def give_up(self, trial: Trial) -> None:
        """The trial is not running any more and not told: anybody may take it."""
        with self._shared.lock:
            self._shared.claims.give_up(trial.number)

    # Inside

    def _alone(self) -> AbstractContextManager[None]:
        return self._shared.alone(self._apply)

    def _orphan(self) -> Trial | None:
        for number in sorted(self._trials):
            if self._trials[number].state == "running" and self._shared.claims.take(number):
                self._reported.pop(number, None)
                return replace(self._trials[number], reporter=self._report)
        return None

    def _numbers(self, trial: Trial, value: float | Sequence[float] | None, state: State) -> tuple[float, ...]:
        """The objectives told, all finite, or none."""
        given = () if value is None else tuple(value) if isinstance(value, Sequence) else (value,)
        if state == "complete" and given and len(given) != len(self.goals.directions):
            raise ConfigError(
                f"[trial {trial.number}] value must be one number an objective, {len(self.goals.directions)}; "
                f"got {value!r}"
            )
        if state == "pruned" and not given and trial.curve:
            given = (trial.curve[-1][1],)
        finite = all(v is not None and math.isfinite(v) for v in given)
        return tuple(float(v) for v in given) if finite and state != "failed" else ()

    def _report(self, trial: Trial, step: int, value: float) -> bool:
        number = math.nan if value is None else float(value)
        if isinstance(step, bool) or not isinstance(step, int):
            raise ConfigError(f"[trial {trial.number}] step must be a whole number; got {step!r}")
        with self._alone():
            known = self._trials[trial.number]
            if known.state != "running" or self._reported.get(trial.number, step - 1) >= step:
                raise ConfigError(f"[trial {trial.number}] steps must rise, and stop when it is told; got step {step}")
            event: Event = {"report": trial.number, "step": step, "value": number if math.isfinite(number) else None}
            self._shared.write(event, lasting=False)
            self._note(event)
            self._reported[trial.number] = step
            if not math.isfinite(number):
                return True
            if self._stopper is None:
                return False
            curves = {n: self._signed(t) for n, t in self._trials.items() if t.curve}
            return self._stopper(trial.number, step, curves)

    def _signed(self, trial: Trial) -> list[tuple[int, float]]:
        return [(step, float(self.goals.signs[0]) * value) for step, value in trial.curve]

    def _winners(self) -> list[Trial]:
        with self._shared.lock:
            told = [self._trials[n] for n in self._told]
        return [t for t in told if t.state == "complete" and self.goals.meets_limits(t)]

    def _cost_of(self, trial: Trial) -> list[float]:
        return [] if self.goals.cost is None else [self._foreseen.cost(self._codes[trial.number])]

    def _outcomes(self) -> tuple[Array, Array]:
        values = np.array([v for v, _ in self._results], dtype=np.float64)
        violations = np.array([v for _, v in self._results], dtype=np.float64)
        return values.reshape(-1, len(self.goals.directions)), violations.reshape(
            len(self._results), len(self.goals.limits)
        )

    def _stacked(self, numbers: list[int]) -> Codes:
        return np.array([self._codes[n] for n in numbers], dtype=np.float64).reshape(-1, len(self.space.parameters))

    def _apply(self, event: Event) -> None:
        if "ask" in event:
            self._add(Trial(event["ask"], event["values"]))
        elif "report" in event:
            self._note(event)
        else:
            self._end(event)

    def _add(self, trial: Trial) -> None:
        # Codes come from the values alone, as after reloading, so that both suggest the same bits.
        self._codes[trial.number] = self.space.encode(trial.values)
        self._trials[trial.number] = trial

    def _note(self, event: Event) -> None:
        trial = self._trials[event["report"]]
        value = math.nan if event["value"] is None else float(event["value"])
        before = tuple(point for point in trial.curve if point[0] < event["step"])  # others: of a run that died
        self._trials[trial.number] = replace(trial, curve=(*before, (event["step"], value)))

    def _end(self, event: Event) -> Trial:
        value, state = event["value"], event["state"]
        numbers: tuple[float, ...] = tuple(value) if isinstance(value, list) else () if value is None else (value,)
        trial = replace(
            self._trials[event["tell"]],
            state=state,
            value=numbers[0] if numbers else None,
            objectives=numbers if state == "complete" else (),
            info=event["info"],
        )
        # From what was known when it was told: later trials must not change what the model was fitted to.
        expected = self._forecast(trial) if state == "pruned" else None
        self._trials[trial.number] = trial
        self._told.append(trial.number)
        self._results.append((self.goals.minimised(trial, expected), self.goals.violations(trial)))
        return trial

    def _forecast(self, trial: Trial) -> float | None:
        if trial.value is None:
            return None
        sign = float(self.goals.signs[0])
        finished = [
            (self._signed(t), sign * t.objectives[0])
            for t in self._trials.values()
            if t.state == "complete" and t.curve
        ]
        expected = forecast(self._signed(trial) or [(0, sign * trial.value)], finished)
        return expected if math.isfinite(expected) else None
