"""The vendor's reports, in the formats that its tools write, and what a run's report shows of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from qkdflow.assess import Assessment
from qkdflow.errors import DataError
from qkdflow.hardware.board_report import add_board
from qkdflow.hardware.vendor_reports import (
    Resources,
    Synthesis,
    parse_csynth,
    parse_timing,
    parse_utilization,
    read_reports,
)
from qkdflow.report import write_report
from report_example import example_report

CSYNTH = """<profile><ReportVersion><Version>{version}</Version></ReportVersion>
<UserAssignments><unit>ns</unit><Part>xc7z020-clg400-1</Part><TopModelName>net_top</TopModelName>
<TargetClockPeriod>5.00</TargetClockPeriod></UserAssignments>
<PerformanceEstimates><SummaryOfTimingAnalysis><EstimatedClockPeriod>4.231</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency><Best-caseLatency>{least}</Best-caseLatency><Worst-caseLatency>{most}</Worst-caseLatency>
<Interval-min>31</Interval-min><Interval-max>31</Interval-max></SummaryOfOverallLatency></PerformanceEstimates>
<AreaEstimates><Resources><BRAM_18K>5</BRAM_18K><{dsp}>21</{dsp}><FF>1187</FF><LUT>3797</LUT><URAM>0</URAM></Resources>
<AvailableResources><BRAM_18K>280</BRAM_18K><{dsp}>220</{dsp}><FF>106400</FF><LUT>53200</LUT><URAM>0</URAM>
</AvailableResources></AreaEstimates></profile>"""

UTILIZATION = """| Tool Version : Vivado v.2022.2 (lin64) Build 3671981
| Command      : report_utilization -file utilization.rpt
| Device       : xczu3eg-sfvc784-2-e
| Design State : Fully Placed

+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| CLB LUTs*                  |  7654 |     0 |          0 |     70560 | 10.85 |
|   LUT as Logic             |  7379 |     0 |          0 |     70560 | 10.46 |
| CLB Registers              |  8333 |     0 |          0 |    141120 |  5.90 |
| Block RAM Tile             |   2.5 |     0 |          0 |       216 |  1.16 |
| DSPs                       |    35 |     0 |          0 |       360 |  9.72 |
+----------------------------+-------+-------+------------+-----------+-------+
"""

TIMING = """| Tool Version : Vivado v.2022.2 (lin64) Build 3671981
| Command      : report_timing_summary -file timing.rpt

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)
    -------      -------  ---------------------  -------------------      -------      -------
     {wns}        0.000                      {failing}                44188        0.016        0.000

Clock       Waveform(ns)       Period(ns)      Frequency(MHz)
-----       ------------       ----------      --------------
clk_fpga_0  {{0.000 5.000}}      10.000          100.000
"""


def csynth(version: str = "2022.2", least: str = "41", most: str = "46", dsp: str = "DSP") -> str:
    return CSYNTH.format(version=version, least=least, most=most, dsp=dsp)


def test_csynth() -> None:
    for version, dsp in (("2019.1", "DSP48E"), ("2022.2", "DSP"), ("2024.1", "DSP")):
        found = parse_csynth(csynth(version, dsp=dsp))
        assert found == Synthesis(
            f"HLS {version}",
            "xc7z020-clg400-1",
            "net_top",
            5.0,
            4.231,
            (41, 46),
            (31, 31),
            Resources(3797, 1187, 21, 2.5, 0),
            Resources(53200, 106400, 220, 140, 0),
        )
    assert parse_csynth(csynth(most="undef")).latency is None


def test_utilization_of_both_families() -> None:
    found = parse_utilization(UTILIZATION)
    assert (found.state, found.device) == ("Fully Placed", "xczu3eg-sfvc784-2-e")
    assert found.used == Resources(7654, 8333, 35, 2.5)
    assert found.available == Resources(70560, 141120, 360, 216)
    older = UTILIZATION.replace("CLB", "Slice").replace("Prohibited |", "").replace("          0 |     ", "     ")
    assert parse_utilization(older).used == found.used


def test_timing() -> None:
    found = parse_timing(TIMING.format(wns="0.226", failing=0))
    assert (found.wns_ns, found.period_ns, found.is_met) == (0.226, 10.0, True)
    assert not parse_timing(TIMING.format(wns="-1.250", failing=17)).is_met


def test_what_is_not_a_report_is_refused(tmp_path: Path) -> None:
    for parse, text, message in (
        (parse_csynth, "<profile>", "well-formed XML is required"),
        (parse_csynth, "<!DOCTYPE x [<!ENTITY a 'b'>]><profile/>", "without a DTD or entities"),
        (parse_csynth, "<profile/>", "ReportVersion/Version is required"),
        (parse_csynth, csynth().replace("5.00", "fast"), "numbers are required"),
        (parse_utilization, UTILIZATION.replace("LUTs", "Lots"), "rows for LUTs and registers are required"),
        (parse_timing, TIMING.format(wns="NA", failing="NA"), "a timing summary and a clock are required"),
    ):
        with pytest.raises(DataError, match=message):
            parse(text)
    with pytest.raises(DataError, match="there is none"):
        read_reports(tmp_path)


def test_a_runs_report_shows_them(tmp_path: Path) -> None:
    write_report(tmp_path, example_report())
    assert "On the board" not in (tmp_path / "report.html").read_text()
    (tmp_path / "reports/deep").mkdir(parents=True)
    (tmp_path / "reports/deep/csynth.xml").write_text(csynth())
    (tmp_path / "reports/utilization.rpt").write_text(UTILIZATION)
    (tmp_path / "reports/timing.rpt").write_text(TIMING.format(wns="-0.100", failing=3))
    (tmp_path / "reports/other.rpt").write_text("report_power")
    speed = {
        "samples": 40,
        "inferences_per_s": 123456.7,
        "latency_us": {50: 90.0, 90: 95.0, 99: 150.0},
        "driver_share": 0.25,
    }
    found = Assessment("axi_dma_0", 40, 160, 2, 7, 0.95, ((1, 2), (3, 4)), ("a", "b"), 0.1, 0.975, speed)
    add_board(tmp_path, found, tmp_path / "reports")
    page = (tmp_path / "report.html").read_text()
    for text in (
        "On the board",
        "axi_dma_0",
        "97.50",
        "123,457 inferences/s in batches of 40; 25 % of the time in the driver",
        "p50 90, p90 95, p99 150",
        "7,654 (10.8 %)",
        "latency 41 to 46 cycles, interval 31 to 31 cycles",
        "worst slack -0.100 ns at a period of 10.000 ns; 3 end points FAIL",
    ):
        assert text in page, text
    assert "say nothing about hardware" not in page
    saved = json.loads((tmp_path / "report.json").read_text())
    assert [one["kind"] for one in saved["vendor"]] == ["synthesis", "timing", "utilization"]
    add_board(tmp_path, Assessment("simulated axi_dma_0", 1, 4, 0, None, 1.0, ((1,),), ("a",), 0.1, 1.0, speed))
    assert "A simulated board: these times say nothing about hardware." in (tmp_path / "report.html").read_text()
