"""Constraints of a search: what they refuse, what they cost, and how a refusal is explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixed_graphs import GRAPHS
from fixed_models import mlp
from qkdflow import Key, cli, datasets
from qkdflow.config import RunConfig
from qkdflow.errors import ConfigError, DataError
from qkdflow.explain import run_config, students
from qkdflow.export.hls import HlsConfig
from qkdflow.files import write_json
from qkdflow.hardware import estimate
from qkdflow.hardware.estimator.constraints import COST_WEIGHT, Constraints
from qkdflow.rtl import Measured, RtlProject

FOUND = estimate(mlp(Key(3), (30, 12, 5)), part="xc7z020clg400-1")


def test_a_limit_is_a_share_of_the_part_or_clocks() -> None:
    dsp, clocks = FOUND.total.dsp.value, FOUND.total.latency_clk.value
    roomy = Constraints.of({"dsp": (dsp + 1) / 220, "latency_clk": clocks})
    assert roomy.refusals(FOUND) == []
    assert roomy.score(0.9, FOUND) == 0.9
    tight = Constraints.of({"dsp": 0.0, "latency_clk": clocks - 1})
    assert [why.split(":")[0] for why in tight.refusals(FOUND)] == [
        f"dsp {dsp:,} of 0 allowed (constraints dsp=0 of xc7z020clg400-1's 220)",
        f"latency_clk {clocks} of {clocks - 1} allowed (constraints latency_clk={clocks - 1})",
    ]
    assert tight.score(0.9, FOUND) < 0.9 - 1


def test_a_convolutional_network_is_held_to_its_constraints() -> None:
    hls = HlsConfig(board="pynq-z2", io_type="io_stream", strategy={"fc7": "Resource"}, reuse_factor={"fc7": 3})
    config = RunConfig("psd", constraints={"ii": 10, "bram": 1.0}, cost="ff", hls=hls)
    found = config.estimate(GRAPHS["conv2d"](Key(5)))
    assert {layer.name: layer.reuse_factor for layer in found.layers if layer.has_weights}["fc7"] == 3
    (why,) = config.limited.refusals(found)
    assert why.endswith("of them in conv1")
    assert config.limited.score(0.9, found) < 0.9 - 1


def test_a_hopeful_refusal_blames_a_layer_for_a_part_of_the_same_count() -> None:
    for hopeful in (False, True):
        (why,) = Constraints.of({"lut": 0.0}).refusals(FOUND, hopeful)
        used, worst = (int(text.replace(",", "")) for text in (why.split()[1], why.rpartition(": ")[2].split()[0]))
        assert 0 < worst <= used


def test_a_cost_takes_a_little_and_less_of_a_smaller_network() -> None:
    small = estimate(mlp(Key(3), (30, 4, 5)), part="xc7z020clg400-1")
    cost = Constraints.of({}, "lut")
    assert 0.9 - COST_WEIGHT < cost.score(0.9, FOUND) < cost.score(0.9, small) < 0.9


@pytest.mark.parametrize(
    ("settings", "cost", "message"),
    [
        ({"luts": 0.5}, None, "must be part, lut"),
        ({"lut": 1.5}, None, "a share of the part"),
        ({"lut": -0.1}, None, "a share of the part"),
        ({"lut": "half"}, None, "a share of the part"),
        ({"lut": True}, None, "a share of the part"),
        ({"ii": -1}, None, "clocks"),
        ({"part": "xc7z020clg400-9"}, None, "known part"),
        ({}, "power", "must be one of lut"),
    ],
)
def test_a_senseless_constraint_is_refused(settings: dict[str, object], cost: str | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RunConfig("psd", constraints=settings, cost=cost)


def test_a_run_without_constraints_has_none() -> None:
    assert RunConfig("psd").limited is None
    assert RunConfig("psd", cost="dsp").limited is not None


def test_the_constraints_part_is_the_one_that_is_estimated() -> None:
    config = RunConfig("psd", constraints={"part": "xc7a35tcpg236-1"}, hls=HlsConfig(board="pynq-z2"))
    assert config.estimate(mlp(Key(3), (8, 3))).part.name == "xc7a35tcpg236-1"


def test_what_cannot_be_estimated_is_refused_at_birth_and_only_where_it_is_asked_for() -> None:
    limit = {"lut": 0.5}
    for hls, message in (
        (HlsConfig("Quartus"), "only AMD's parts"),
        (HlsConfig(strategy="Unrolled"), "Latency or Resource.*got 'Unrolled'"),
        (HlsConfig(strategy={"fc1": "Unrolled"}), "Latency or Resource.*got 'Unrolled'"),
    ):
        RunConfig("psd", hls=hls)
        with pytest.raises(ConfigError, match=message):
            RunConfig("psd", hls=hls, constraints=limit)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory with a search of two students, the second refused."""
    config = RunConfig("psd", constraints={"lut": 0.1}, digits=2, cost="lut")
    write_json(tmp_path / "run.json", {"config": config.to_dict()})
    needs = {"lut": 4000, "ff": 1, "dsp": 0, "bram": 0, "latency_clk": 9, "ii": 1}
    more = {**needs, "lut": 6000}
    events = [
        {"qkdflow_study": 1},
        {"ask": 0, "values": {"depth": 1}},
        {"tell": 0, "state": "complete", "value": 0.97, "info": {"accuracy": 0.98, "estimate": needs, "refused": []}},
        {"ask": 1, "values": {"depth": 2}},
        {
            "tell": 1,
            "state": "complete",
            "value": 0.8,
            "info": {"accuracy": 0.99, "estimate": more, "refused": ["lut"]},
        },
        {"ask": 2, "values": {"depth": 2}},
        {"tell": 2, "state": "failed", "value": None, "info": {}},
    ]
    (tmp_path / "04_student_search").mkdir()
    text = "".join(json.dumps(event) + "\n" for event in events)
    (tmp_path / "04_student_search" / "journal.jsonl").write_text(text)
    return tmp_path


def test_refused_students_are_read_from_the_journal(run: Path) -> None:
    first, second = students(run)
    assert (first.refused, second.refused) == ([], ["lut"])
    assert (second.accuracy, second.needs["lut"], second.values) == (0.99, 6000, {"depth": 2})
    assert run_config(run).limited == Constraints.of({"lut": 0.1}, "lut")
    assert run_config(run).digits == 2


def test_explain_and_pareto_are_commands(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", str(run)]) == 0
    assert capsys.readouterr().out == "trial 1: accuracy 0.9900, lut\n"
    assert cli.main(["explain", str(run), "--trial", "0"]) == 0
    assert "meets every constraint" in capsys.readouterr().out
    assert cli.main(["explain", str(run), "--trial", "7"]) == 2
    assert "must be one of 0, 1" in capsys.readouterr().err
    assert cli.main(["plot", "pareto", str(run), "--out", str(run / "pareto.svg")]) == 0
    assert (run / "pareto.svg").stat().st_size > 1000
    assert cli.main(["plot", "pareto", str(run), "--cost", "watts"]) == 2
    assert cli.main(["plot", "pareto", str(run), "--out", "x.doc"]) == 2
    with pytest.raises(DataError, match="a student search is required"):
        students(run / "nowhere")


def test_a_student_never_trained_is_asked_of_the_estimator(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    datasets.psd.simulate(Key(0), 400).save(run / "01_dataset")
    assert cli.main(["explain", str(run), "--values", "depth=2,fc1=20,fc2=20"]) == 0
    assert "refused before training: lut " in capsys.readouterr().out
    assert cli.main(["explain", str(run), "--values", "depth=1,fc1=2"]) == 0
    assert capsys.readouterr().out == "would be tried\n"
    assert cli.main(["explain", str(run), "--values", "fc1"]) == 2
    assert cli.main(["explain", str(run), "--values", "fc7=3"]) == 2
    assert "must name depth, fc1" in capsys.readouterr().err


def test_the_reuse_factor_plot_is_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mlp(Key(3), (30, 12, 5)).save(tmp_path)
    (tmp_path / "rtl.csv").write_text("reuse_factor,latency_clk,mhz\n16,30,100\n")
    arguments = ["plot", "reuse-factor", str(tmp_path), "--out", str(tmp_path / "f.svg")]
    assert cli.main([*arguments, "--measured", str(tmp_path / "rtl.csv")]) == 0
    assert "RTL simulated" in (tmp_path / "f.svg").read_text()
    assert cli.main([*arguments, "--boards", "pynq-z9"]) == 2
    assert cli.main([*arguments, "--mhz", "0"]) == 2
    assert cli.main([*arguments, "--measured", str(tmp_path / "nowhere.csv")]) == 2
    (tmp_path / "rtl.csv").write_text("reuse_factor,latency_clk,mhz\n0,30,100\n")
    assert cli.main([*arguments, "--measured", str(tmp_path / "rtl.csv")]) == 2
    (tmp_path / "rtl.csv").write_text("rf\n1\n")
    assert cli.main([*arguments, "--measured", str(tmp_path / "rtl.csv")]) == 2
    assert "reuse_factor, latency_clk, mhz" in capsys.readouterr().err


def test_the_reuse_factor_plot_simulates_our_own_verilog(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Simulated:
        """In place of a compiled simulation, which test_rtl measures: its closed form."""

        def __init__(self, project: RtlProject, top: str) -> None:
            assert top == "core"
            self.project = project

        def measure(self) -> Measured:
            return Measured(self.project.latency_clk, self.project.ii)

    monkeypatch.setattr("qkdflow.rtl.compile_rtl", Simulated)
    mlp(Key(3), (30, 12, 5)).save(tmp_path)
    arguments = ["plot", "reuse-factor", str(tmp_path), "--reuse-factor", "1,7", "--out", str(tmp_path / "f.svg")]
    assert cli.main([*arguments, "--simulate"]) == 0
    assert "factor 1: 8 clocks\nsimulated at reuse factor 7: 20 clocks\n" in capsys.readouterr().out
    assert "RTL simulated, 200 MHz" in (tmp_path / "f.svg").read_text()
