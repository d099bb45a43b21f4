"""The loops that run a study's trials: one after the other, several at once, or in somebody else's processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Literal

from qkdflow._core import set_threads
from qkdflow.tune.cluster import on_workers
from qkdflow.tune.trial import Trial, TrialFailed, TrialPruned

if TYPE_CHECKING:
    from qkdflow.tune.study import Study

Result = float | Sequence[float]
Objective = Callable[[Trial], Result | tuple[Result, Mapping[str, Any]]]  #: its value(s), or (value(s), info)
Outcome = tuple[Result | None, Literal["complete", "failed", "pruned"], Mapping[str, Any]]
Callback = Callable[["Study", Trial], None]

PAUSE = 0.05  # seconds between looks at whether another process is done


def outcome(objective: Objective, trial: Trial) -> Outcome:
    """Runs a trial; what to tell."""
    try:
        result: Any = objective(trial)
    except TrialFailed as failure:
        return None, "failed", {"error": str(failure)}
    except TrialPruned:
        return None, "pruned", {}
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Mapping):
        return result[0], "complete", result[1]
    return result, "complete", {}


def run(
    study: Study,
    objective: Objective,
    n_trials: int,
    callback: Callback | None,
    jobs: int,
    executor: Executor | None,
    dask: str | None,
) -> None:
    """See Study.optimize."""
    if dask is not None:

        def body(remote: Executor, sent: Any) -> None:
            _pooled(study, sent, n_trials, callback, jobs, remote, in_order=True)

        on_workers(dask, objective, body)
    elif executor is not None:
        _pooled(study, objective, n_trials, callback, jobs, executor, in_order=False)
    elif jobs > 1:
        # Networks of this size are faster on one thread each than on several.
        with ThreadPoolExecutor(jobs, initializer=set_threads, initargs=(1,)) as threads:
            _pooled(study, objective, n_trials, callback, jobs, threads, in_order=True)
    else:
        _one_by_one(study, objective, n_trials, callback)


def _one_by_one(study: Study, objective: Objective, n_trials: int, callback: Callback | None) -> None:
    while (trial := study.next(n_trials, 0)) is not False:
        if trial is True:
            time.sleep(PAUSE)
            continue
        try:
            ended = study.tell(trial, *outcome(objective, trial))
        except BaseException:
            study.give_up(trial)
            raise
        if callback is not None:
            callback(study, ended)


def _pooled(
    study: Study,
    objective: Objective,
    n_trials: int,
    callback: Callback | None,
    jobs: int,
    executor: Executor,
    in_order: bool,
) -> None:
    flight: dict[Future[Outcome], Trial] = {}  # in the order asked
    try:
        while True:
            waiting = False
            while len(flight) < jobs and (trial := study.next(n_trials, len(flight))) is not False:
                if trial is True:
                    waiting = True
                    break
                flight[executor.submit(outcome, objective, trial)] = trial
            if not flight and not waiting:
                return
            if not flight:
                time.sleep(PAUSE)
                continue
            done = next(iter(flight))
            if not in_order:
                ready, _ = wait(flight, return_when=FIRST_COMPLETED)
                done = min(ready, key=lambda future: flight[future].number)
            result = done.result()
            ended = study.tell(flight[done], *result)
            del flight[done]
            if callback is not None:
                callback(study, ended)
    finally:  # only what was not told is left
        for future, trial in flight.items():
            future.cancel()
            study.give_up(trial)
