"""Everybody's searches on every problem."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from qkdflow.contest.players import Entry, Suggest, Told
from qkdflow.contest.problem import Problem


@dataclass(frozen=True)
class Search:
    """One search: what each trial gave, the CPU seconds of each suggestion, and how many trials were repeats."""

    player: str
    problem: str
    seed: int
    values: list[float]
    costs: list[float]
    cpu: list[float]
    repeats: int


def play(entry: Entry, problem: Problem, seeds: Sequence[int], trials: int) -> list[Search]:
    """A player's searches on a problem, one a seed, in one process of its own where it is a peer."""
    player = entry.begin()
    try:
        return [_search(entry.name, player.search(problem, seed), problem, seed, trials) for seed in seeds]
    finally:
        player.close()


def _search(name: str, hands: tuple[Suggest, Told], problem: Problem, seed: int, trials: int) -> Search:
    suggest, tell = hands
    search = Search(name, problem.name, seed, [], [], [], 0)
    seen: set[str] = set()
    for _ in range(trials):
        suggested = suggest()
        if suggested is None:
            break
        values, cpu = suggested
        results = [problem.objective(values)]
        search.values.append(results[0])
        if problem.cost is not None:
            results.append(problem.cost(values))
            search.costs.append(results[1])
        search.cpu.append(cpu)
        seen.add(json.dumps(values, sort_keys=True))
        tell(results)
    return Search(name, problem.name, seed, search.values, search.costs, search.cpu, len(search.values) - len(seen))


def tournament(
    entries: Sequence[Entry],
    problems: Sequence[Problem],
    seeds: Callable[[Entry], Sequence[int]],
    trials: int,
    jobs: int,
    tick: Callable[[str], None],
) -> list[Search]:
    """All of them, `jobs` at a time."""
    done: list[Search] = []
    with ThreadPoolExecutor(jobs) as pool:
        games = [(e, p) for e in entries for p in problems]
        futures = [pool.submit(play, e, p, seeds(e), trials) for e, p in games]
        for (entry, problem), future in zip(games, futures, strict=True):
            done += future.result()
            tick(f"{entry.name} on {problem.name}")
    return done
