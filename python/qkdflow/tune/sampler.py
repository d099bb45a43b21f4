"""qkdflow's optimiser behind Optuna's studies (4.5 to 5.x): storages, dashboard, pruners and workers are Optuna's.

    study = open_study("psd", "sqlite:///psd.db", direction="maximize", sampler=QKDSampler(seed=0))
    study.optimize(objective, n_trials=40)

Of Optuna only what is public and two methods of its storages (trials' system attributes) are used.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from qkdflow._core import Key, Suggester
from qkdflow.errors import ConfigError
from qkdflow.tune.goals import Array
from qkdflow.tune.parameters import ChoiceParameter, Condition, FloatParameter, IntParameter, Parameter, numeric
from qkdflow.tune.space import Codes, Space

ATTRIBUTE = "qkdflow:suggested:"
LONGEST = 2000  # characters of a system attribute that every storage takes
CONSTRAINTS = "constraints"  # where Optuna's own samplers keep theirs
ATTEMPTS = 20
# A bare @ in an address's password: SQLAlchemy takes the rest for host, database or options, which the driver's error
# then prints. One in an option cannot be told from it, and can be written %40 too.
BARE_AT = re.compile(r"://[^:/]*:[^@]*@.*@", re.DOTALL)

Tree = Mapping[str, tuple[str, Sequence[Any]]]  #: child: (parent, the parent's values under which it is active)


def open_study(
    name: str,
    storage: Any,
    *,
    sampler: optuna.samplers.BaseSampler | None = None,
    attempts: int = ATTEMPTS,
    **options: Any,
) -> optuna.Study:
    """The study of a name, made where it is missing; `sampler` None: QKDSampler(). Workers that start at once may race
    to make an SQLite file's tables, and Optuna lets all but one fail: they try again. Options are those of
    optuna.create_study.
    Raises ConfigError, which does not quote the address, where its password holds an @ that is not written %40.
    """
    if isinstance(storage, str) and BARE_AT.search(storage):
        raise ConfigError(
            f"[open_study] study {name!r}: a storage address must have one @, before its host; got more (the address "
            "is not shown, it may hold a password). Write every other @ as %40"
        )
    options = {"load_if_exists": True, "sampler": sampler or QKDSampler(), **options}
    for attempt in range(attempts):
        try:
            return optuna.create_study(study_name=name, storage=storage, **options)
        except Exception as error:
            if attempt == attempts - 1 or not _is_race(error):
                raise
            time.sleep(0.05 * (attempt + 1))
    raise AssertionError("unreachable")


def _is_race(error: BaseException | None) -> bool:
    while error is not None:
        if type(error).__name__ == "IntegrityError" or "already exists" in str(error) or "is locked" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


class QKDSampler(optuna.samplers.BaseSampler):
    """Gaussian-process search over all parameters that the study has seen, conditional ones included.

    Which parameters a value brings with it is learned from the trials, or told by `tree`. Categories that are
    numbers are ordered. `constraints_func(trial)` gives numbers that are met where <= 0 (Optuna's convention); with
    Optuna 5, `trial.set_constraint` does the same. Suggestions are a function of seed, trial number and storage.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        tree: Tree | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
            raise ConfigError(f"[QKDSampler] seed must be a whole number from 0 to 2^64 - 1; got {seed!r}")
        self._seed = seed
        self._tree = dict(tree or {})
        self._constraints_func = constraints_func
        self._suggesters: dict[str, Suggester] = {}

    def reseed_rng(self) -> None:
        """Nothing to do: workers differ by the trials that they are given."""

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The union over all trials; a parameter whose distribution changed keeps the latest."""
        union: dict[str, BaseDistribution] = {}
        for other in study.get_trials(deepcopy=False):
            if other.number < trial.number:
                union.update(other.distributions)
        return union

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        for _ in range(ATTEMPTS):
            trials = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
            mapping = _Mapping(search_space, trials, self._tree)
            key = json.dumps(mapping.space.to_list())
            if key not in self._suggesters:
                self._suggesters = {key: mapping.space.suggester(self._seed)}
            code = _suggest(self._suggesters[key], mapping, study, trials)
            if code is None:  # every configuration was tried: again, at random
                return {}
            params = mapping.params(code)
            _store(study, trial, params)
            # Another worker may have suggested the same meanwhile: the later trial looks again.
            rivals = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            if not any(t.number < trial.number and _suggested(t) == params for t in rivals):
                return params
        return params

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A uniform value, of a parameter that no earlier trial had."""
        parameter = _parameter(param_name, param_distribution, ())
        u = float(Key(self._seed).fold("optuna").fold(trial.number).fold(param_name).uniform(1)[0])
        levels = parameter.levels
        value = parameter.value_at(u if levels is None else float(int(u * levels)))
        return _external(param_distribution, value)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        if self._constraints_func is not None and state in (TrialState.COMPLETE, TrialState.PRUNED):
            numbers = [float(c) for c in self._constraints_func(trial)]
            study._storage.set_trial_system_attr(trial._trial_id, CONSTRAINTS, numbers)


class _Mapping:
    """Optuna's parameters as a space of ours, and back."""

    def __init__(self, distributions: Mapping[str, BaseDistribution], trials: Sequence[FrozenTrial], tree: Tree):
        self.distributions = dict(distributions)
        seen = [t.params for t in trials if t.params and t.state.is_finished()]
        conditions = {name: _condition(name, self.distributions, seen, tree) for name in self.distributions}
        order: list[str] = []
        while len(order) < len(conditions):  # parents first; a circle is no condition
            ready = [n for n, c in conditions.items() if n not in order and (not c or c[0].parent in order)]
            if not ready:
                ready = [next(n for n in conditions if n not in order)]
                conditions[ready[0]] = ()
            order += ready
        self.space = Space(tuple(_parameter(n, self.distributions[n], conditions[n]) for n in order))

    def code(self, params: Mapping[str, Any]) -> Codes:
        """What a trial did not say is at its default where it counts."""
        values: dict[str, Any] = {}
        for parameter in self.space.parameters:
            if not self.space.is_active(parameter, values):
                continue
            value = parameter.default
            if parameter.name in params:
                inside = _internal(self.distributions[parameter.name], params[parameter.name])
                try:
                    parameter.code_of(inside)
                    value = inside
                except ConfigError:
                    pass  # of a distribution that has changed since
            values[parameter.name] = value
        return self.space.encode(values)

    def params(self, code: Codes) -> dict[str, Any]:
        inside = self.space.decode(code)
        return {name: _external(self.distributions[name], value) for name, value in inside.items()}


def _parameter(name: str, distribution: BaseDistribution, conditions: tuple[Condition, ...]) -> Parameter:
    """Begun in its middle: Optuna's parameters have no defaults."""
    if isinstance(distribution, FloatDistribution):
        low, high, step = distribution.low, distribution.high, distribution.step
        sampling = "log" if distribution.log else "linear"
        made: Parameter = FloatParameter(name, low, conditions, low, high, step, sampling)
    elif isinstance(distribution, IntDistribution):
        sampling = "log" if distribution.log else "linear"
        step_ = 1 if distribution.log else distribution.step
        low_ = distribution.low
        made = IntParameter(name, low_, conditions, low_, distribution.high, step_, sampling)
    elif isinstance(distribution, CategoricalDistribution):
        if _ordered(distribution):
            choices: Any = distribution.choices
            made = ChoiceParameter(name, choices[0], conditions, choices, True)
        else:
            levels = tuple(range(len(distribution.choices)))
            made = ChoiceParameter(name, 0, conditions, levels, False)
    else:
        raise ConfigError(f"[QKDSampler] {name}: no such distribution here: {distribution!r}")
    levels_ = made.levels
    middle = made.value_at(0.5 if levels_ is None else float(levels_ // 2))
    return type(made)(**{**vars(made), "default": middle})


def _ordered(distribution: BaseDistribution) -> bool:
    """Whether it is one of different numbers."""
    if not isinstance(distribution, CategoricalDistribution):
        return True
    choices = distribution.choices
    return numeric([c for c in choices if c is not None]) and None not in choices and len(set(choices)) == len(choices)


def _internal(distribution: BaseDistribution, value: Any) -> Any:
    return value if _ordered(distribution) else int(distribution.to_internal_repr(value))


def _external(distribution: BaseDistribution, value: Any) -> Any:
    return value if _ordered(distribution) else distribution.to_external_repr(value)


def _condition(
    name: str, distributions: Mapping[str, BaseDistribution], seen: Sequence[Mapping[str, Any]], tree: Tree
) -> tuple[Condition, ...]:
    """The parent, asked for before, whose values tell the trials that have the parameter from those that do not."""
    if name in tree and tree[name][0] in distributions:
        parent, values = tree[name]
        return (Condition(parent, tuple(_internal(distributions[parent], v) for v in values)),)
    with_it = [p for p in seen if name in p]
    without = [p for p in seen if name not in p]
    if not with_it or not without:
        return ()
    for parent in with_it[0]:
        if parent == name:
            break
        levels = _parameter(parent, distributions[parent], ()).levels
        if levels is None or levels > LONGEST or not all(parent in p for p in with_it):
            continue
        inactive = {_internal(distributions[parent], p[parent]) for p in without if parent in p}
        active = {_internal(distributions[parent], p[parent]) for p in with_it}
        if inactive and not inactive & active:
            # Values not seen yet are taken to be as the closest seen (numbers), or to have it (categories).
            made = _parameter(parent, distributions[parent], ())
            every = [made.value_at(float(k)) for k in range(levels)]
            return (Condition(parent, tuple(v for v in every if _has_it(v, active, inactive))),)
    return ()


def _has_it(value: Any, active: set[Any], inactive: set[Any]) -> bool:
    if value in active or value in inactive:
        return value in active
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return bool(min(abs(value - a) for a in active) <= min(abs(value - i) for i in inactive))
    return True


def _suggest(
    suggester: Suggester, mapping: _Mapping, study: optuna.Study, trials: Sequence[FrozenTrial]
) -> Codes | None:
    ended = [t for t in trials if t.state.is_finished() and t.params]
    running = [r for t in trials if t.state == TrialState.RUNNING and (r := {**_suggested(t), **t.params})]
    signs = np.array([1.0 if d == StudyDirection.MINIMIZE else -1.0 for d in study.directions])
    limits = [_constraints(t) for t in ended]
    width = max((len(c) for c in limits), default=0)
    dimensions = len(mapping.space.parameters)
    return suggester.suggest(
        np.array([mapping.code(t.params) for t in ended]).reshape(-1, dimensions),
        np.array([_values(t, signs) for t in ended], dtype=np.float64).reshape(-1, len(signs)),
        [_STATES[t.state] for t in ended],
        np.array([c + [np.nan] * (width - len(c)) for c in limits], dtype=np.float64).reshape(len(ended), width),
        np.array([mapping.code(r) for r in running]).reshape(-1, dimensions),
        None,
        None,
    )


_STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


def _values(trial: FrozenTrial, signs: Array) -> list[float]:
    """To be minimised; of a pruned trial the last that it reported."""
    if trial.state == TrialState.COMPLETE and trial.values is not None:
        return [float(s * v) for s, v in zip(signs, trial.values, strict=True)]
    if trial.state == TrialState.PRUNED and trial.intermediate_values and len(signs) == 1:
        return [float(signs[0] * trial.intermediate_values[max(trial.intermediate_values)])]
    return [float("nan")] * len(signs)


def _constraints(trial: FrozenTrial) -> list[float]:
    named: Any = getattr(trial, "constraints", None)  # Optuna 5
    if isinstance(named, Mapping):
        return [float(named[name]) for name in sorted(named)]
    return [float(c) for c in trial.system_attrs.get(CONSTRAINTS) or []]


def _store(study: optuna.Study, trial: FrozenTrial, params: Mapping[str, Any]) -> None:
    text = json.dumps(params)
    for part in range(0, len(text), LONGEST):
        name = f"{ATTRIBUTE}{part // LONGEST}"
        study._storage.set_trial_system_attr(trial._trial_id, name, text[part : part + LONGEST])


def _suggested(trial: FrozenTrial) -> dict[str, Any]:
    """What this sampler suggested to a trial that runs; nothing where it was another's."""
    parts: list[str] = []
    while (name := f"{ATTRIBUTE}{len(parts)}") in trial.system_attrs:
        parts.append(trial.system_attrs[name])
    try:
        found = json.loads("".join(parts) or "{}")
    except ValueError:  # half written
        return {}
    return found if isinstance(found, dict) else {}
