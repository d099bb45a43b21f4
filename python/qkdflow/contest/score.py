"""Searches to figures: regrets in units of chance's, with bootstrap intervals over seeds and problems.

A player with fewer than five seeds on a problem gets no interval: its spread is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qkdflow._core import Key, hypervolume
from qkdflow.contest.play import Search
from qkdflow.contest.problem import Problem
from qkdflow.errors import ConfigError

Array = npt.NDArray[np.float64]
DRAWS = 2000  # of the bootstrap
CHANCE = "random"
OURS = "qkdflow"
ROUNDING = 1e-4  # an optimum is written with so many digits, more or less
LEAST = 5  # seeds of an interval: with fewer, a bootstrap is far from Student's


def _losses(searches: Sequence[Search], problem: Problem, at: int) -> dict[str, Array]:
    """Each player's losses after `at` trials, one a seed: simple regret, or the hypervolume that is missed."""
    mine = [s for s in searches if s.problem == problem.name]
    if problem.cost is None:
        least = min(min(s.values) for s in mine)
        floor = least if problem.optimum is None else problem.optimum
        if least < floor - ROUNDING * (1 + abs(floor)):
            raise ConfigError(
                f"[bench bo] {problem.name}: optimum must be the least value that there is, since the objective is "
                f"minimised; got {floor}, and a search found {least}"
            )
        return {
            player: np.array([max(min(s.values[:at]) - floor, 0.0) for s in mine if s.player == player])
            for player in {s.player for s in mine}
        }
    everything = np.array([point for s in mine for point in zip(s.values, s.costs, strict=True)])
    reference = np.array(problem.reference if problem.reference else everything.max(axis=0) * 1.1)
    whole = hypervolume(everything, reference)
    if whole <= 0:
        raise ConfigError(
            f"[bench bo] {problem.name}: reference must be worse than some (objective, cost) found, both minimised; "
            f"got {tuple(reference.tolist())}, which no search reached. What --keep kept can be scored again"
        )
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
    """Means of draws with replacement (DRAWS,), spread as means of n are: the bootstrap's own variance is (n - 1) / n
    of that, which matters at few seeds (Rao and Wu 1988)."""
    n = len(values)
    picks = (key.uniform(DRAWS * n).reshape(DRAWS, n) * n).astype(np.int64)
    mean = values.mean()
    return np.asarray(mean + math.sqrt(n / max(n - 1, 1)) * (values[picks].mean(axis=1) - mean))


@dataclass(frozen=True)
class _Standing:
    """A player on a problem, in units of chance's mean: the mean, its draws (DRAWS,), how many seeds."""

    mean: float
    draws: Array
    seeds: int


def _standings(losses: Mapping[str, Array], key: Key) -> dict[str, _Standing]:
    unit = float(losses[CHANCE].mean()) or 1.0
    chance = np.maximum(_resampled(losses[CHANCE], key.fold(CHANCE)), 1e-300)
    standings = {CHANCE: _Standing(float(losses[CHANCE].mean()) / unit, np.ones(DRAWS), len(losses[CHANCE]))}
    for player in losses:
        if player != CHANCE:
            drawn = _resampled(losses[player], key.fold(player)) / chance
            standings[player] = _Standing(float(losses[player].mean()) / unit, drawn, len(losses[player]))
    return standings


def _against(ours: Sequence[_Standing], theirs: Sequence[_Standing]) -> dict[str, Any]:
    """How much less we leave than a peer on the problems that both played, pair by pair."""
    mean, peer = (float(np.mean([s.mean for s in side])) for side in (ours, theirs))
    found: dict[str, Any] = {"problems": len(ours), "ours": mean, "theirs": peer, "less": peer - mean}
    found["ratio"] = mean / max(peer, 1e-300)
    if min(s.seeds for s in (*ours, *theirs)) < LEAST:
        return {**found, "interval": None, "interval_of_problems": None}
    less = np.array([t.draws - o.draws for o, t in zip(ours, theirs, strict=True)])
    n = len(less)
    picks = (Key(0).fold("problems").uniform(DRAWS * n).reshape(DRAWS, n) * n).astype(np.int64)
    return {
        **found,
        "interval": _interval(less.mean(axis=0)),
        "interval_of_problems": _interval(less[picks, np.arange(DRAWS)[:, None]].mean(axis=1)),
    }


def score(searches: Sequence[Search], problems: Sequence[Problem], trials: int) -> dict[str, Any]:
    """The report: problems, players, and how qkdflow stands to each peer, on what both played. Plain JSON.

    `less` is the peer's normalised regret minus ours. Its `interval` is over seeds, `interval_of_problems` over
    problems as well: what to expect of others like them. With two objectives, the regret is the hypervolume missed,
    as a share of all that anybody found; `fronts` compares it after 20 trials, in units of chance's.
    """
    players = list(dict.fromkeys(s.player for s in searches))
    report: dict[str, Any] = {"trials": trials, "problems": {}, "players": {}, "against": {}, "fronts": {}}
    single: dict[str, dict[str, _Standing]] = {}  # of the problems with one objective
    ranks: dict[str, list[float]] = {player: [] for player in players}
    for problem in problems:
        losses = _losses(searches, problem, trials)
        early = _losses(searches, problem, min(20, trials))
        key = Key(0).fold(problem.name)
        standings = _standings(losses, key)
        report["problems"][problem.name] = {
            player: {
                "loss": float(losses[player].mean()),
                "normalised": standings[player].mean,
                "loss_at_20": float(early[player].mean()),
                "seeds": standings[player].seeds,
            }
            for player in players
            if player in losses
        }
        if problem.cost is not None:
            beginnings = _standings(early, key.fold("early"))
            report["fronts"][problem.name] = {
                player: _against([beginnings[OURS]], [beginnings[player]])
                for player in players
                if player in losses and OURS in losses and player not in (OURS, CHANCE)
            }
            continue
        single[problem.name] = standings
        for player in standings:
            ranks[player].append(1 + sum(s.mean < standings[player].mean for s in standings.values()))
    for player in players:
        mine = [s for s in searches if s.player == player]
        late = [c for s in mine for c in s.cpu[-10:]]
        stands = [standings[player] for standings in single.values() if player in standings]
        sure = stands and min(s.seeds for s in stands) >= LEAST
        report["players"][player] = {
            "problems": len(stands),
            "normalised": float(np.mean([s.mean for s in stands])) if stands else None,
            "interval": _interval(np.mean([s.draws for s in stands], axis=0)) if sure else None,
            "rank": float(np.mean(ranks[player])) if stands else None,
            "repeats": float(np.mean([s.repeats for s in mine])),
            "cpu_ms": 1e3 * float(np.mean(late)) if late else None,
        }
        both = [s for s in single.values() if player in s and OURS in s]
        if both and player not in (OURS, CHANCE):
            report["against"][player] = _against([s[OURS] for s in both], [s[player] for s in both])
    return report


def _seeds(report: Mapping[str, Any], player: str) -> str:
    counts = [row[player]["seeds"] for row in report["problems"].values() if player in row]
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _cell(row: Mapping[str, Any], player: str, word: str) -> str:
    return f"{row[player][word]:.4g}" if player in row else "-"


def table(report: Mapping[str, Any]) -> str:
    """The report in columns."""
    players = list(report["players"])
    width = max([len(name) for name in report["problems"]] + [24])

    def line(label: str, cells: Iterable[str]) -> str:
        return f"{label:{width}}" + "".join(f"{cell:>14}" for cell in cells)

    lines = [line(f"loss after {report['trials']} trials", players)]
    for name, row in report["problems"].items():
        lines.append(line(name, (_cell(row, p, "loss") for p in players)))
    if report["fronts"] and report["trials"] > 20:
        lines.append("hypervolume missed after 20 trials")
        for name in report["fronts"]:
            lines.append(line(name, (_cell(report["problems"][name], p, "loss_at_20") for p in players)))
    lines.append(line("seeds", (_seeds(report, p) for p in players)))
    words = {"normalised": "normalised regret", "rank": "mean rank"} if report["against"] else {}
    if report["against"]:
        lines.append(line("of problems", (str(report["players"][p]["problems"]) for p in players)))
    for word, label in {**words, "repeats": "repeats a search", "cpu_ms": "CPU ms a suggestion"}.items():
        cells = (report["players"][p][word] for p in players)
        lines.append(line(label, ("-" if c is None else format(c, ".3f") for c in cells)))
    if report["against"]:
        intervals = (report["players"][p]["interval"] for p in players)
        lines.append(line("  95 % interval", ("-" if i is None else f"{i[0]:.3f}..{i[1]:.3f}" for i in intervals)))
    lines += [_sentence(player, found) for player, found in report["against"].items()]
    for name, row in report["fronts"].items():
        lines += [_sentence(f"{player} on {name} at 20", found) for player, found in row.items()]
    return "\n".join(lines)


def _sentence(player: str, found: Mapping[str, Any]) -> str:
    said = f"{found['ours']:.3f} against {found['theirs']:.3f} of {player}, {found['problems']} problem(s)"
    said += f": ratio {found['ratio']:.3f}, less by {found['less']:.3f}"
    if found["interval"] is None:
        return f"{said}; too few seeds for an interval"
    said += ", 95 % within {:.3f}..{:.3f} over seeds".format(*found["interval"])
    if found["problems"] > 1:
        said += ", {:.3f}..{:.3f} over problems too".format(*found["interval_of_problems"])
    return said
