"""`qkdflow bench bo`: problems plug in, searches are counted right, figures follow from them, errors teach."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from qkdflow.cli import main
from qkdflow.contest import trained
from qkdflow.contest.functions import ACKLEY_MIX6, BRANIN, FUNC3C, HARTMANN6, LEVY_MIX, MICHALEWICZ5
from qkdflow.contest.play import Kept, Search, play, tournament
from qkdflow.contest.players import Entry, Ours, Peer, Random
from qkdflow.contest.problem import Problem
from qkdflow.contest.score import score, table
from qkdflow.contest.sets import named
from qkdflow.errors import ConfigError

FILE = """
def space(hp):
    hp.Int("n", 1, 6)
    hp.Float("x", 0, 1)

def objective(values):
    return abs(values["n"] - 4) + values["x"]

optimum = 0.0
"""
PEER = """
import sys
sys.path.insert(0, {folder!r})
from protocol import result, searches

for search in searches():
    number = 0
    while result({{"n": 1 + number % 6, "x": 0.5}}, 0.25) is not None:
        number += 1
"""
PEERS = Path(__file__).parents[1] / "bench/bo_peers"


def test_a_file_of_plain_python_plugs_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text(FILE)
    command = ["bench", "bo", "--problems", str(file), "--peers", "none", "--seeds", "3", "--trials", "10", "--json"]
    command += ["--environments", str(tmp_path), "--keep", str(tmp_path / "kept.jsonl")]
    assert main(command) == 0
    report = json.loads(capsys.readouterr().out)
    assert main([*command, "--score"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again == {word: report[word] for word in again}
    assert set(report) - set(again) == {"seconds", "load"}
    row = report["problems"]["mine"]
    assert row["qkdflow"]["seeds"] == row["random"]["seeds"] == 3
    assert row["random"]["normalised"] == pytest.approx(1)
    assert 0 <= row["qkdflow"]["loss"] < row["random"]["loss"]
    assert report["players"]["qkdflow"]["repeats"] == 0
    assert report["players"]["qkdflow"]["cpu_ms"] > 0


def test_what_is_asked_for_wrongly_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "half.py"
    file.write_text("def space(hp):\n    hp.Int('n', 1, 2)\n")
    for words, text in [
        (["--problems", str(file)], "must define objective"),
        (["--problems", str(tmp_path / "none.py")], "main, second, fronts or a Python file"),
        (["--peers", "nobody"], "--peers must be of"),
        (["--peers", "nobody", "--score"], "--peers must be of"),
        (["--seeds", "x"], "--seeds must be numbers"),
        (["--trials", "0"], "--trials must be 1 or more"),
        (["--only", "nothing"], "--only must name problems"),
        (["--score"], "--score needs --keep FILE"),
    ]:
        assert main(["bench", "bo", "--environments", str(tmp_path), *words]) == 2
        assert text in capsys.readouterr().err


def test_what_problems_need_is_told_before_a_search(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained._diabetes.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    only = ["--only", "branin,trees_diabetes", "--seeds", "1", "--trials", "1", "--peers", "none"]
    assert main(["bench", "bo", *only]) == 2
    told = capsys.readouterr().err
    assert "pip install scikit-learn" in told
    assert "branin" not in told


def test_the_functions_have_the_optima_that_are_written_beside_them() -> None:
    at = {
        "branin": (BRANIN, {"x": 3.141593, "y": 2.275}),
        "hartmann6": (HARTMANN6, dict(zip([f"x{i}" for i in range(6)], HARTMANN_BEST, strict=True))),
        "ackley": (ACKLEY_MIX6, {"x0": 2, "x1": -3, "x2": 1, "x3": 1.37, "x4": -2.41, "x5": 0.53}),
        "func3c": (FUNC3C, {"h1": "camel", "h2": "camel", "h3": "camel", "x": 0.0449, "y": -0.3563}),
        "levy": (LEVY_MIX, {"x0": 1, "x1": 1, "x2": 1.0, "x3": 1.0, "kind": "b"}),
        "michalewicz": (
            MICHALEWICZ5,
            {"x0": 2.202906, "x1": 1.570796, "x2": 1.284992, "x3": 1.923058, "x4": 1.720470},
        ),
    }
    for name, (problem, values) in at.items():
        problem.learned().encode(values)
        assert problem.optimum is not None
        assert problem.objective(values) == pytest.approx(problem.optimum, abs=2e-3), name


HARTMANN_BEST = (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573)


def test_a_peer_in_another_process_plays_by_the_protocol(tmp_path: Path) -> None:
    script = tmp_path / "peer.py"
    script.write_text(PEER.format(folder=str(PEERS)))
    module = tmp_path / "mine.py"
    module.write_text(FILE)
    problem = Problem("p", lambda hp: [hp.Int("n", 1, 6), hp.Float("x", 0, 1)], lambda v: float(v["n"]), 0.0)
    entry = Entry("peer", 2, lambda: Peer(Path(sys.executable), script, "peer"))
    searches = play(entry, problem, [0, 1], 8)
    for search in searches:
        assert search.values == [1, 2, 3, 4, 5, 6, 1, 2]
        assert search.repeats == 2
        assert search.cpu == [0.25] * 8
    kept = tmp_path / "kept.jsonl"
    first = play(entry, problem, [0], 8, Kept(kept))
    nobody = Entry("peer", 2, lambda: pytest.fail("what is kept was played again"))
    assert play(nobody, problem, [0], 8, Kept(kept)) == first == searches[:1]
    assert len(play(entry, problem, [0, 1], 8, Kept(kept))) == 2
    assert len(kept.read_text().splitlines()) == 2
    for begin in (Ours, Random):
        (search,) = play(Entry("x", 1, begin), problem, [0], 5)
        assert len(search.values) == 5


def _one(player: str, problem: str, seed: int, values: list[float], costs: list[float] | None = None) -> Search:
    return Search(player, problem, seed, values, costs or [], [0.002] * len(values), 0)


def _problem(name: str, **words: Any) -> Problem:
    return Problem(name, lambda hp: hp.Float("x", 0, 1), lambda v: float(v["x"]), 1.0, **words)


def test_figures_follow_from_the_searches() -> None:
    searches = [_one("random", "p", s, [9.0, 5.0]) for s in range(5)]
    searches += [_one("qkdflow", "p", s, [3.0, 2.0]) for s in range(5)]
    searches += [_one("peer", "p", s, [9.0, 3.0 + s]) for s in range(5)]
    report = score(searches, [_problem("p")], 2)
    assert report["problems"]["p"]["qkdflow"]["normalised"] == 1 / 4
    assert report["players"]["peer"]["normalised"] == pytest.approx(4 / 4)
    against = report["against"]["peer"]
    assert against["ratio"] == pytest.approx(1 / 4)
    assert against["less"] == pytest.approx(3 / 4)
    # Regrets 2, 3, 4, 5, 6: the mean's standard error is sqrt(2.5 / 5) = 0.707, of chance's four 0.177; the interval is
    # twice two of these wide, not the bootstrap's own sqrt(4 / 5) of that.
    low, high = against["interval"]
    assert 3 / 4 - 2.2 * 0.177 < low < 3 / 4 - 1.7 * 0.177
    assert 3 / 4 + 1.7 * 0.177 < high < 3 / 4 + 2.2 * 0.177
    assert report["players"]["qkdflow"]["rank"] == 1
    assert report["players"]["qkdflow"]["cpu_ms"] == pytest.approx(2)


def test_what_a_problem_says_wrongly_of_itself_is_refused() -> None:
    searches = [_one(player, "p", 0, [0.5, 2.0], [3.0, 3.0]) for player in ("random", "qkdflow")]
    with pytest.raises(ConfigError, match=r"p: optimum must be the least value .* got 1.0, and a search found 0.5"):
        score(searches, [_problem("p")], 2)
    front = _problem("p", cost=lambda v: 3.0, reference=(0.4, 10.0))
    with pytest.raises(ConfigError, match=r"p: reference must be worse .* got \(0.4, 10.0\), which no search reached"):
        score(searches, [front], 2)
    nowhere = replace(front, objective=lambda v: float("nan"))
    with pytest.raises(ConfigError, match=r"p must give finite numbers; got \[nan, 3.0\] for \{'x': "):
        play(Entry("random", 1, Random), nowhere, range(1), 2)


def test_what_was_not_played_enough_is_not_claimed() -> None:
    """Four seeds give no interval; a problem that a peer did not play does not count against it, nor for it."""
    problems = [_problem("p"), _problem("q"), _problem("f", cost=lambda v: 0.0, reference=(10.0, 10.0))]
    searches = [_one("random", name, s, [9.0, 5.0 + s]) for name in "pq" for s in range(5)]
    searches += [_one("qkdflow", name, s, [3.0, 2.0]) for name in "pq" for s in range(5)]
    searches += [_one("enough", "p", s, [6.0, 3.0]) for s in range(5)] + [
        _one("fewer", name, s, [6.0, 3.0]) for name in "pq" for s in range(4)
    ]
    searches += [_one(player, "f", s, [5.0], [5.0]) for player in ("random", "fewer") for s in range(5)]
    searches += [_one("qkdflow", "f", s, [0.0], [5.0]) for s in range(5)]
    report = score(searches, problems, 2)
    assert report["players"]["fewer"]["interval"] is None
    assert report["against"]["fewer"]["interval"] is None
    assert report["against"]["fewer"]["problems"] == 2
    assert report["players"]["enough"]["problems"] == report["against"]["enough"]["problems"] == 1
    assert report["against"]["enough"]["interval"] is not None
    front = report["fronts"]["f"]["fewer"]
    assert report["problems"]["f"]["fewer"]["loss"] == 0.5  # the front reaches 5 times 10, this one 5 times 5 of it
    assert (front["ours"], front["theirs"]) == (0, 1)
    assert "enough" not in report["fronts"]["f"]
    text = table(report)
    assert "fewer, 2 problem(s): ratio 0.500, less by 0.167; too few seeds for an interval" in text
    assert "0.000 against 1.000 of fewer on f at 20, 1 problem(s)" in text


def test_a_peer_of_one_objective_has_no_entry_where_there_are_two() -> None:
    one, two = _problem("one"), _problem("two", cost=lambda v: -float(v["x"]), known_cost=False)
    entries = [Entry("ours", 1, Ours), Entry("single", 1, Random, objectives=1)]
    said: list[str] = []
    searches = tournament(entries, [one, two], lambda e: [0], 8, 1, said.append)
    assert [(s.player, s.problem) for s in searches] == [("ours", "one"), ("ours", "two"), ("single", "one")]
    assert "single has no entry for two: it takes one objective" in said
    assert [a + b for a, b in zip(searches[1].values, searches[1].costs, strict=True)] == [0] * 8  # told of both


def test_the_fronts_are_where_they_are_said_to_be() -> None:
    kursawe, zdt3, network = named("fronts")
    for problem, values, point in [
        (kursawe, {"x0": 0.0, "x1": 0.0, "x2": 0.0}, (-20.0, 0.0)),  # the front's end, by hand
        (zdt3, {"x0": 0.25, **{f"x{i}": 0.0 for i in range(1, 6)}}, (0.25, 1 - 0.5 - 0.25)),
    ]:
        assert problem.cost is not None
        problem.learned().encode(values)
        assert (problem.objective(values), problem.cost(values)) == pytest.approx(point)
    assert network.objectives == 2
    assert not network.known_cost
