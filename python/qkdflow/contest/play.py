"""Everybody's searches on every problem."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from threading import Lock

from qkdflow.contest.players import Entry, Suggest, Told
from qkdflow.contest.problem import Problem
from qkdflow.errors import ConfigError


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


class Kept:
    """Searches in a file of JSON lines, so that a long run goes on where it was stopped; without a path, nowhere."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._lock = path, Lock()
        self._found: dict[tuple[str, str, int, int], Search] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                search = Search(**entry["search"])
                self._found[search.player, search.problem, search.seed, entry["trials"]] = search

    def get(self, player: str, problem: str, seed: int, trials: int) -> Search | None:
        return self._found.get((player, problem, seed, trials))

    def of(self, players: Sequence[str], problems: Sequence[Problem], trials: int) -> list[Search]:
        """What there is of these, the players in this order."""
        names = {problem.name for problem in problems}
        found = [search for key, search in sorted(self._found.items()) if key[1] in names and key[3] == trials]
        return [search for player in players for search in found if search.player == player]

    def add(self, search: Search, trials: int) -> None:
        if self._path is None:
            return
        with self._lock, open(self._path, "a") as file:
            file.write(json.dumps({"trials": trials, "search": asdict(search)}) + "\n")


def play(entry: Entry, problem: Problem, seeds: Sequence[int], trials: int, kept: Kept | None = None) -> list[Search]:
    """A player's searches on a problem, one a seed, in one process of its own where it is a peer."""
    kept = kept or Kept(None)
    searches = {seed: kept.get(entry.name, problem.name, seed, trials) for seed in seeds}
    missing = [seed for seed, search in searches.items() if search is None]
    if missing:
        player = entry.begin()
        try:
            for seed in missing:
                search = _search(entry.name, player.search(problem, seed), problem, seed, trials)
                kept.add(search, trials)
                searches[seed] = search
        finally:
            player.close()
    return [search for search in searches.values() if search is not None]


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
        if not all(map(math.isfinite, results)):
            raise ConfigError(f"[bench bo] {problem.name} must give finite numbers; got {results} for {values}")
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
    kept: Kept | None = None,
) -> list[Search]:
    """All of them, `jobs` at a time; a player has no entry for a problem of more objectives than it takes."""
    done: list[Search] = []
    with ThreadPoolExecutor(jobs) as pool:
        games = []
        for entry, problem in product(entries, problems):
            if problem.objectives > entry.objectives:
                tick(f"{entry.name} has no entry for {problem.name}: it takes one objective")
            else:
                games.append((entry, problem))
        # The dear players, who have the fewest seeds, begin: a long game at the end would run alone.
        order = sorted(games, key=lambda game: len(seeds(game[0])))
        futures = {(e.name, p.name): pool.submit(play, e, p, seeds(e), trials, kept) for e, p in order}
        for entry, problem in games:
            done += futures[entry.name, problem.name].result()
            tick(f"{entry.name} on {problem.name}")
    return done
