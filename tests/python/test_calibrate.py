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
from qkdflow.hardware.vendor_reports import read_reports

XML = """<?xml version="1.0" encoding="UTF-8"?>
<profile>
  <UserAssignments><unit>ns</unit><Part>xc7z020clg400-1</Part><TopModelName>{name}</TopModelName>
    <TargetClockPeriod>5.00</TargetClockPeriod><ClockUncertainty>1.35</ClockUncertainty></UserAssignments>
  <ReportVersion><Version>2022.1</Version></ReportVersion>
  <PerformanceEstimates><SummaryOfTimingAnalysis><EstimatedClockPeriod>4.1</EstimatedClockPeriod></SummaryOfTimingAnalysis>
  <SummaryOfOverallLatency><Best-caseLatency>9</Best-caseLatency>
    <Worst-caseLatency>12</Worst-caseLatency><Interval-min>1</Interval-min><Interval-max>2</Interval-max>
  </SummaryOfOverallLatency></PerformanceEstimates>
  <AreaEstimates><Resources><BRAM_18K>3</BRAM_18K><DSP>7</DSP><FF>{ff}</FF><LUT>{lut}</LUT><URAM>0</URAM></Resources>
    <AvailableResources><LUT>53200</LUT></AvailableResources></AreaEstimates>
</profile>
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

Clock       Waveform(ns)       Period(ns)      Frequency(MHz)
clk_fpga_0  {0.000 2.500}      5.000           200.000
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


def test_reports_move_the_prices_towards_them(project: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    reports = read_reports([project], modules=True)
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
    reports = read_reports([folder], modules=True)
    factors = {"fc1": 1, "fc2": 1}
    assert remember(reports, network(), target(), factors, tmp_path / "both.json") == 2
    designs = [e["design"].split("/")[1] for e in json.loads((tmp_path / "both.json").read_text())["reports"]]
    assert designs == ["fc1", "fc2"]
    with pytest.raises(ConfigError, match="at least one report"):
        remember(dict(list(reports.items())[:1]), network(), target(), factors, tmp_path / "one.json")


def test_the_reports_clock_uncertainty_is_taken(tmp_path: Path) -> None:
    (tmp_path / "csynth.xml").write_text(XML.format(name="myproject", lut=9000, ff=9000))
    found = []
    for kept in (None, 0.27, 0.125):  # the report keeps back 1.35 of 5 ns
        target = Target.of("xc7z020clg400-1", uncertainty=kept)
        remember(read_reports([tmp_path]), network(), target, {"fc1": 1, "fc2": 1}, tmp_path / f"{kept}.json")
        found.append(json.loads((tmp_path / f"{kept}.json").read_text())["reports"][0]["terms"])
    assert found[0] == found[1] != found[2]


def test_placed_counts_never_move_the_prices(project: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.json"
    remember(read_reports([project / "utilization.rpt"]), network(), target(), {"fc1": 1, "fc2": 1}, table)
    found = calibrate(table)
    assert found.errors == {}
    assert estimate_for(network(), target(), 1, found.table) == estimate_for(network(), target(), 1)


def test_a_clock_that_differs_is_refused(project: Path, tmp_path: Path) -> None:
    reports = read_reports([project / "myproject_csynth.xml"])
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
    assert "at least one csynth.xml" in capsys.readouterr().err


@pytest.mark.parametrize(
    "entry",
    [
        3,
        {},
        {"design": "d", "stage": "csynth", "terms": [], "counts": {}},
        {"design": "d", "stage": "csynth", "terms": {"lut": {}, "ff": {"a|b": "1"}}, "counts": {}},
        {"design": "d", "stage": [], "terms": {"lut": {}, "ff": {}}, "counts": {}},
        {"design": "d", "stage": "csynth", "terms": {"lut": {}, "ff": {}}, "counts": {"lut": 10**400}},
        {"design": "d", "stage": "placed", "terms": {"lut": {}, "ff": {}}, "counts": {"lut": True}},
    ],
    ids=str,
)
def test_a_damaged_table_is_refused(entry: object, tmp_path: Path) -> None:
    path = tmp_path / "reports.json"
    path.write_text(json.dumps({"format": "qkdflow.reports/2", "reports": [entry]}))
    with pytest.raises(DataError, match="report 0: design, stage, terms and counts are required"):
        calibrate(path)
