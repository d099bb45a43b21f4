"""Searches to figures: regrets in units of chance's, with bootstrap intervals over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from qkdflow._core import Key, hypervolume
from qkdflow.contest.play import Search
from qkdflow.contest.problem import Problem

Array = npt.NDArray[np.float64]
DRAWS = 2000  # of the bootstrap
CHANCE = "random"
OURS = "qkdflow"


def _losses(searches: Sequence[Search], problem: Problem, at: int) -> dict[str, Array]:
    """Each player's losses after `at` trials, one a seed: simple regret, or the hypervolume that is missed."""
    mine = [s for s in searches if s.problem == problem.name]
    if problem.cost is None:
        floor = problem.optimum
        if floor is None:
            floor = min(min(s.values) for s in mine)
        return {
            player: np.array([max(min(s.values[:at]) - floor, 0.0) for s in mine if s.player == player])
            for player in {s.player for s in mine}
        }
    everything = np.array([point for s in mine for point in zip(s.values, s.costs, strict=True)])
    reference = np.array(problem.reference if problem.reference else everything.max(axis=0) * 1.1)
    whole = hypervolume(everything, reference)
    return {
        player: np.array(
            [
                1 - hypervolume(np.array([s.values[:at], s.costs[:at]]).T, reference) / whole
                for s in mine
                if s.player == player
            ]
        )
        for player in {s.player for s in mine}
    }


def _interval(draws: Array) -> list[float]:
    return [round(float(q), 4) for q in np.quantile(draws, [0.025, 0.975])]


def _resampled(values: Array, key: Key) -> Array:
    """Means of draws with replacement (DRAWS,)."""
    n = len(values)
    picks = (key.uniform(DRAWS * n).reshape(DRAWS, n) * n).astype(np.int64)
    return np.asarray(values[picks].mean(axis=1))


def score(searches: Sequence[Search], problems: Sequence[Problem], trials: int) -> dict[str, Any]:
    """The report: problems, players, and how qkdflow stands to each peer. Plain JSON."""
    players = list(dict.fromkeys(s.player for s in searches))
    single = [p for p in problems if p.cost is None]
    report: dict[str, Any] = {"trials": trials, "problems": {}, "players": {}, "against": {}}
    shares: dict[str, Array] = {}  # normalised regret of each player, means of the draws (DRAWS,)
    means: dict[str, list[float]] = {player: [] for player in players}
    ranks: dict[str, list[float]] = {player: [] for player in players}
    for problem in problems:
        losses = _losses(searches, problem, trials)
        early = _losses(searches, problem, min(20, trials))
        unit = float(losses[CHANCE].mean()) or 1.0
        report["problems"][problem.name] = {
            player: {
                "loss": float(losses[player].mean()),
                "normalised": float(losses[player].mean() / unit),
                "loss_at_20": float(early[player].mean()),
                "seeds": len(losses[player]),
            }
            for player in players
        }
        if problem.cost is not None:
            continue
        order = sorted(players, key=lambda p, losses=losses: float(losses[p].mean()))  # type: ignore[misc]
        chance = _resampled(losses[CHANCE], Key(0).fold(problem.name).fold(CHANCE))
        for player in players:
            means[player].append(float(losses[player].mean()) / unit)
            ranks[player].append(1 + order.index(player))
            key = Key(0).fold(problem.name).fold(player)
            drawn = _resampled(losses[player], key) if player != CHANCE else chance
            shares[player] = shares.get(player, np.zeros(DRAWS)) + drawn / np.maximum(chance, 1e-300) / len(single)
    for player in players:
        mine = [s for s in searches if s.player == player]
        late = [c for s in mine for c in s.cpu[-10:]]
        report["players"][player] = {
            "normalised": float(np.mean(means[player])) if single else None,
            "interval": _interval(shares[player]) if single else None,
            "rank": float(np.mean(ranks[player])) if single else None,
            "repeats": float(np.mean([s.repeats for s in mine])),
            "cpu_ms": 1e3 * float(np.mean(late)) if late else None,
        }
    if single and OURS in shares:
        for player in players:
            if player not in (OURS, CHANCE):
                ratios = shares[OURS] / np.maximum(shares[player], 1e-300)
                ratio = np.mean(means[OURS]) / max(float(np.mean(means[player])), 1e-300)
                report["against"][player] = {"ratio": float(ratio), "interval": _interval(ratios)}
    return report


def table(report: Mapping[str, Any]) -> str:
    """The report in columns."""
    players = list(report["players"])
    width = max([len(name) for name in report["problems"]] + [24])
    lines = [f"{'loss after ' + str(report['trials']) + ' trials':{width}}" + "".join(f"{p:>14}" for p in players)]
    for name, row in report["problems"].items():
        lines.append(f"{name:{width}}" + "".join(f"{row[p]['loss']:>14.4g}" for p in players))
    lines.append(
        f"{'seeds':{width}}" + "".join(f"{next(iter(report['problems'].values()))[p]['seeds']:>14}" for p in players)
    )
    for word, label in (
        ("normalised", "normalised regret"),
        ("rank", "mean rank"),
        ("repeats", "repeats a search"),
        ("cpu_ms", "CPU ms a suggestion"),
    ):
        cells = (report["players"][p][word] for p in players)
        lines.append(f"{label:{width}}" + "".join(f"{'-' if c is None else format(c, '.3f'):>14}" for c in cells))
    intervals = (report["players"][p]["interval"] for p in players)
    lines.append(
        f"{'  95 % interval':{width}}"
        + "".join(f"{'-' if i is None else f'{i[0]:.3f}..{i[1]:.3f}':>14}" for i in intervals)
    )
    for player, ratio in report["against"].items():
        low, high = ratio["interval"]
        lines.append(f"qkdflow / {player}: {ratio['ratio']:.3f}, 95 % within {low:.3f}..{high:.3f}")
    return "\n".join(lines)
