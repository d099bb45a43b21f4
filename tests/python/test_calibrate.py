"""A user's own reports: read under their stage, added to the local table, refitted to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixed_models import mlp
from qkdflow import Key, cli
from qkdflow.errors import ConfigError, DataError
from qkdflow.fixed import FixedModel
from qkdflow.hardware.estimator import Target, estimate_for
from qkdflow.hardware.estimator.calibrate import calibrate, remember
from qkdflow.hardware.estimator.reports import find_reports, read_report

XML = """<?xml version="1.0" encoding="UTF-8"?>
<profile>
  <UserAssignments><unit>ns</unit><Part>xc7z020clg400-1</Part><TopModelName>{name}</TopModelName>
    <TargetClockPeriod>5.00</TargetClockPeriod><ClockUncertainty>1.35</ClockUncertainty></UserAssignments>
  <PerformanceEstimates><SummaryOfOverallLatency><Best-caseLatency>9</Best-caseLatency>
    <Worst-caseLatency>12</Worst-caseLatency><Interval-min>1</Interval-min><Interval-max>2</Interval-max>
  </SummaryOfOverallLatency></PerformanceEstimates>
  <AreaEstimates><Resources><BRAM_18K>3</BRAM_18K><DSP>7</DSP><FF>{ff}</FF><LUT>{lut}</LUT><URAM>0</URAM></Resources>
    <AvailableResources><LUT>53200</LUT></AvailableResources></AreaEstimates>
</profile>
"""
RPT = """
* Target device:    xc7z020-clg400-1
+ Timing:
    +--------+---------+----------+------------+
    |  Clock |  Target | Estimated| Uncertainty|
    |ap_clk  |  5.00 ns|  3.236 ns|     1.35 ns|
    +--------+---------+----------+------------+
+ Latency:
    * Summary:
    |  Latency (cycles) |   Latency (absolute)  |  Interval | Pipeline|
    |   min   |   max   |    min    |    max    | min | max |   Type  |
    |       40|       41|  0.200 us |  0.205 us |    1|    2|      yes|
== Utilization Estimates
* Summary:
+-----------------+---------+-----+--------+--------+-----+
|       Name      | BRAM_18K| DSP |   FF   |   LUT  | URAM|
+-----------------+---------+-----+--------+--------+-----+
|Instance         |       16|  177|   30000|   31000|    -|
+-----------------+---------+-----+--------+--------+-----+
|Total            |       16|  177|   34282|   31704|    0|
+-----------------+---------+-----+--------+--------+-----+
"""
UTILISATION = """
| Command      : report_utilization -file utilization.rpt
| Design       : myproject
| Device       : xc7z020clg400-1
| Design State : {state}
| Slice LUTs                 | 1000 |     0 |          0 |     53200 | 1.88 |
| Slice Registers            | 2000 |     0 |          0 |    106400 | 1.88 |
| Block RAM Tile             |  2.5 |     0 |          0 |       140 | 1.79 |
| DSPs                       |    7 |     0 |          0 |       220 | 3.18 |
"""
TIMING = """
| Command      : report_timing_summary
    WNS(ns)      TNS(ns)  TNS Failing Endpoints
    -------      -------  ---------------------
      0.226        0.000                      0
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of reports of a network whose LUTs came out at 1.5 times our estimate."""
    total = estimate_for(network(), target(), 1).total
    folder = tmp_path / "reports"
    folder.mkdir()
    text = XML.format(name="myproject", lut=round(1.5 * total.lut.value), ff=total.ff.value)
    (folder / "myproject_csynth.xml").write_text(text)
    (folder / "utilization.rpt").write_text(UTILISATION.format(state="Synthesized"))
    (folder / "timing.rpt").write_text(TIMING)
    (folder / "notes.rpt").write_text("not a report")
    return folder


def network() -> FixedModel:
    return mlp(Key(3), (30, 12, 5))


def target() -> Target:
    return Target.of("xc7z020clg400-1")


def read(path: Path, text: str, name: str) -> object:
    (path / name).write_text(text)
    return read_report(path / name)


def test_each_kind_of_report_is_read(tmp_path: Path) -> None:
    xml = read(tmp_path, XML.format(name="top", lut=100, ff=200), "a_csynth.xml")
    assert xml.counts == {"lut": 100, "ff": 200, "dsp": 7, "bram": 3, "latency_clk": 12, "ii": 2}
    assert (xml.stage, xml.name, xml.part, xml.clock_ns) == ("csynth", "top", "xc7z020clg400-1", 5.0)
    assert xml.uncertainty == pytest.approx(0.27)
    rpt = read(tmp_path, RPT, "b_csynth.rpt")
    assert rpt.counts == {"bram": 16, "dsp": 177, "ff": 34282, "lut": 31704, "latency_clk": 41, "ii": 2}
    assert (rpt.stage, rpt.clock_ns) == ("csynth", 5.0)
    synthesised = read(tmp_path, UTILISATION.format(state="Synthesized"), "u.rpt")
    assert (synthesised.stage, synthesised.counts) == ("synthesis", {"lut": 1000, "ff": 2000, "bram": 5, "dsp": 7})
    assert read(tmp_path, UTILISATION.format(state="Fully Placed"), "p.rpt").stage == "placed"
    timing = read(tmp_path, TIMING, "t.rpt")
    assert (timing.counts, timing.slack_ns) == ({}, 0.226)


def test_reports_move_the_prices_towards_them(project: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    reports = [r for p in find_reports([str(project)]) if (r := read_report(p))]
    assert len(reports) == 3
    factors = {"fc1": 1, "fc2": 1}
    assert remember(reports, network(), target(), factors, table) == 2
    assert remember(reports, network(), target(), factors, table) == 0  # known already
    found = calibrate(table)
    before, after = found.errors["lut"]
    assert before == pytest.approx(1 / 3, abs=0.05)
    assert after < before
    calibrated = estimate_for(network(), target(), 1, found.table).total
    assert calibrated.lut.value > estimate_for(network(), target(), 1).total.lut.value
    assert found.corrections["synthesis"]["dsp"] == 1.0
    assert "csynth" not in found.corrections


def test_layers_are_told_apart_only_where_all_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    for number in (2, 4):
        name = f"dense_latency_config{number}_s"
        (folder / f"{name}_csynth.xml").write_text(XML.format(name=name, lut=1000 * number, ff=500))
    reports = [r for p in find_reports([str(folder)]) if (r := read_report(p))]
    factors = {"fc1": 1, "fc2": 1}
    assert remember(reports, network(), target(), factors, tmp_path / "both.json") == 2
    designs = [e["design"].split("/")[1] for e in json.loads((tmp_path / "both.json").read_text())["reports"]]
    assert designs == ["fc1", "fc2"]
    with pytest.raises(ConfigError, match="at least one report"):
        remember(reports[:1], network(), target(), factors, tmp_path / "one.json")


def test_placed_counts_never_move_the_prices(project: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    report = read_report(project / "utilization.rpt")
    remember([report], network(), target(), {"fc1": 1, "fc2": 1}, table)
    found = calibrate(table)
    assert found.errors == {}
    assert estimate_for(network(), target(), 1, found.table) == estimate_for(network(), target(), 1)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.xml", "<profile><AreaEstimates>", "damaged"),
        ("a.xml", "<profile></profile>", "AreaEstimates"),
        ("a.xml", '<!DOCTYPE p [<!ENTITY e "x">]><profile></profile>', "DTD"),
        ("a.rpt", "== Utilization Estimates\n", "Total row"),
        ("a.rpt", "report_utilization\n", "row of LUTs"),
        ("a.rpt", "report_timing_summary\n", "WNS"),
    ],
)
def test_a_damaged_report_is_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, name)


def test_a_clock_that_differs_is_refused(project: Path, tmp_path: Path) -> None:
    reports = [read_report(project / "myproject_csynth.xml")]
    with pytest.raises(ConfigError, match="--clock 5"):
        remember(reports, network(), Target.of("xc7z020clg400-1", clock_ns=10), {"fc1": 1, "fc2": 1}, tmp_path / "t")


def test_the_command_says_before_and_after(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QKDFLOW_REPORTS", str(tmp_path / "table.json"))
    network().save(tmp_path / "net")
    arguments = ["estimate", str(tmp_path / "net"), "--part", "xc7z020clg400-1"]
    assert cli.main([*arguments, "--calibrated"]) == 2
    assert "no report was added yet" in capsys.readouterr().err
    assert cli.main([*arguments, "--calibrate", str(project)]) == 0
    said = capsys.readouterr().out
    assert "LUT: mean error against csynth 3" in said
    assert "synthesis over csynth: " in said
    assert cli.main([*arguments, "--json"]) == cli.main([*arguments, "--calibrated", "--json"]) == 0
    shipped, calibrated = (json.loads(line)["total"]["lut"]["value"] for line in capsys.readouterr().out.splitlines())
    assert calibrated > shipped
    assert cli.main([*arguments, "--calibrate", str(project / "notes.rpt")]) == 2
    assert "at least one report with counts" in capsys.readouterr().err
