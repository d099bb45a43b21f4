"""`qkdflow bench bo`: problems plug in, searches are counted right, figures follow from them, errors teach."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from qkdflow.cli import main
from qkdflow.contest.functions import ACKLEY_MIX6, BRANIN, FUNC3C, HARTMANN6, LEVY_MIX, MICHALEWICZ5
from qkdflow.contest.play import Kept, Search, play
from qkdflow.contest.players import Entry, Ours, Peer, Random
from qkdflow.contest.problem import Problem
from qkdflow.contest.score import score

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
    assert main([*command, "--environments", str(tmp_path)]) == 0
    report = json.loads(capsys.readouterr().out)
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
        (["--problems", str(tmp_path / "none.py")], "main, second or a Python file"),
        (["--peers", "nobody"], "--peers must be of"),
        (["--seeds", "x"], "--seeds must be numbers"),
        (["--trials", "0"], "--trials must be 1 or more"),
        (["--only", "nothing"], "--only must name problems"),
    ]:
        assert main(["bench", "bo", "--environments", str(tmp_path), *words]) == 2
        assert text in capsys.readouterr().err


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


def test_figures_follow_from_the_searches() -> None:
    problem = Problem("p", lambda hp: hp.Float("x", 0, 1), lambda v: 0.0, 1.0)

    def search(player: str, seed: int, values: list[float]) -> Search:
        return Search(player, "p", seed, values, [], [0.002] * len(values), 0)

    searches = [search("random", s, [9.0, 5.0]) for s in range(4)]
    searches += [search("qkdflow", s, [3.0, 2.0]) for s in range(4)]
    searches += [search("peer", s, [6.0, 3.0 + s]) for s in range(4)]
    report = score(searches, [problem], 2)
    assert report["problems"]["p"]["qkdflow"]["normalised"] == 1 / 4
    assert report["players"]["peer"]["normalised"] == pytest.approx(3.5 / 4)
    assert report["against"]["peer"]["ratio"] == pytest.approx(1 / 3.5)
    low, high = report["against"]["peer"]["interval"]
    assert 1 / 5 <= low < 1 / 3.5 < high <= 1 / 2
    assert report["players"]["qkdflow"]["rank"] == 1
    assert report["players"]["qkdflow"]["cpu_ms"] == pytest.approx(2)
