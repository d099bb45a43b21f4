"""The vendor's reports, in the formats that its tools write, and what a run's report shows of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from qkdflow.assess import Assessment
from qkdflow.errors import DataError
from qkdflow.hardware.board_report import add_board
from qkdflow.hardware.vendor_reports import (
    Resources,
    Synthesis,
    parse_csynth,
    parse_csynth_rpt,
    parse_timing,
    parse_utilization,
    read_report,
    read_reports,
    sentences,
)
from qkdflow.report import write_report
from report_example import example_report

CSYNTH = """<profile><ReportVersion><Version>{version}</Version></ReportVersion>
<UserAssignments><unit>ns</unit><Part>xc7z020-clg400-1</Part><TopModelName>net_top</TopModelName>
<TargetClockPeriod>5.00</TargetClockPeriod><ClockUncertainty>0.62</ClockUncertainty></UserAssignments>
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

CSYNTH_RPT = """
================================================================
== {tool} Report for 'net_top'
================================================================
* Version:        2022.2 (Build 3670227 on Oct 13 2022)
* Target device:  xc7z020-clg400-1

== Performance Estimates
+ Timing:
    * Summary:
    +--------+---------+----------+------------+
    |  Clock |  Target | Estimated| Uncertainty|
    +--------+---------+----------+------------+
    |ap_clk  |  5.00{ns}|  4.231{ns}|     1.35{ns}|
    +--------+---------+----------+------------+
+ Latency:
    * Summary:
    +---------+---------+
    |  Latency (cycles) |{absolute}  Interval | Pipeline|
    |   min   |   max   |{columns} min | max |   Type  |
    +---------+---------+
    |{cycles}|{seconds}   31|   31|     none|
    +---------+---------+
    + Detail:
        * Instance:
        |  grp_dense_fu_1  |  dense_latency_config2_s  |  9|  9| 45.000 ns| 45.000 ns|  1|  1|  yes|

== Utilization Estimates
* Summary:
+-----------------+---------+-------+--------+-------+-----+
|       Name      | BRAM_18K| {dsp} |   FF   |  LUT  | URAM|
+-----------------+---------+-------+--------+-------+-----+
|DSP              |        -|      -|       -|      -|    -|
|Instance         |        5|     20|    1100|   3700|    -|
+-----------------+---------+-------+--------+-------+-----+
|Total            |        5|     21|    1187|   3797|    0|
+-----------------+---------+-------+--------+-------+-----+
|Available        |      280|    220|  106400|  53200|    0|
+-----------------+---------+-------+--------+-------+-----+
|Utilization (%)  |        1|      9|       1|      7|    0|
+-----------------+---------+-------+--------+-------+-----+
+ Detail:
    * Instance:
    |Total            |        5|     20|    1100|   3700|    0|
"""

HIERARCHY = """| Tool Version : Vivado v.2019.2 (lin64) Build 2708876
| Command      : report_utilization -file util.rpt -hierarchical{flag}
| Design       : net_wrapper
| Device       : 7z020clg400-1
| Design State : Routed

Table of Contents
-----------------
1. Utilization by Hierarchy

1. Utilization by Hierarchy
---------------------------

+-------------+--------+
|   Instance  | Module | Total LUTs | Logic LUTs | LUTRAMs | SRLs | FFs | RAMB36 | RAMB18 | DSP48 Blocks |
+-------------+--------+
| net_wrapper |  (top) | {luts} | 7001 | 500 | 153 | 8333 | 2 | 1 | 35 |
|   net_i     |   net  | 7000 | 6400 | 450 | 150 | 8000 | 2 | 1 | 35 |
+-------------+--------+
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


def csynth_rpt(**changed: str) -> str:
    """As Vitis HLS writes it, but for what is changed."""
    style = {
        "tool": "Vitis HLS",
        "dsp": " DSP ",
        "ns": " ns",
        "absolute": "   Latency (absolute)  |",
        "columns": "    min    |    max    |",
        "seconds": "  0.205 us |  0.230 us |",
        "cycles": "       41|       46",
    }
    return CSYNTH_RPT.format(**{**style, **changed})


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
            0.62,
        )
    assert parse_csynth(csynth(most="undef")).latency is None


def test_the_text_of_hls_says_what_its_xml_says() -> None:
    older = {"tool": "Vivado HLS", "dsp": "DSP48E", "ns": "", "absolute": "", "columns": "", "seconds": ""}
    for style in ({}, older):
        found = parse_csynth_rpt(csynth_rpt(**style))
        assert found == replace(parse_csynth(csynth()), uncertainty_ns=1.35)
        assert parse_csynth_rpt(csynth_rpt(**style, cycles="        ?|        ?")).latency is None


def test_utilization_of_both_families() -> None:
    found = parse_utilization(UTILIZATION)
    assert (found.state, found.device) == ("Fully Placed", "xczu3eg-sfvc784-2-e")
    assert found.used == Resources(7654, 8333, 35, 2.5)
    assert found.available == Resources(70560, 141120, 360, 216)
    older = UTILIZATION.replace("CLB", "Slice").replace("Prohibited |", "").replace("          0 |     ", "     ")
    assert parse_utilization(older).used == found.used


def test_utilization_by_hierarchy_is_that_of_its_top() -> None:
    for flag, luts in (("", "7654"), (" -hierarchical_percentages", "7654(14.39%)")):
        found = parse_utilization(HIERARCHY.format(flag=flag, luts=luts))
        assert (found.state, found.top, found.stage) == ("Routed", "net_wrapper", "placed")
        assert found.used == Resources(7654, 8333, 35, 2.5)
        assert found.counts == {"lut": 7654, "ff": 8333, "dsp": 35, "bram": 5}


def test_a_stage_is_where_the_design_was_when_it_was_counted() -> None:
    for state, stage in (
        ("Synthesized", "synthesis"),
        ("Optimized", "synthesis"),
        ("Fully Placed", "placed"),
        ("Physopt postRoute", "placed"),
    ):
        assert parse_utilization(UTILIZATION.replace("Fully Placed", state)).stage == stage


def test_what_says_nothing_is_passed_over(tmp_path: Path) -> None:
    unclocked = TIMING.format(wns="NA", failing="NA")
    for name, text in (("t.rpt", unclocked), ("n.rpt", "report_power"), ("c.xml", "<project/>")):
        (tmp_path / name).write_text(text)
        assert read_report(tmp_path / name) is None
    with pytest.raises(DataError, match="there is none"):
        read_reports([tmp_path])
    with pytest.raises(DataError, match="a readable report is required"):
        read_report(tmp_path / "nowhere.rpt")
    (tmp_path / "a_csynth.rpt").write_text(csynth_rpt())
    assert list(read_reports([tmp_path], modules=True)) == [tmp_path / "a_csynth.rpt"]
    said = next(sentences(read_reports([tmp_path], modules=True)))
    assert said == "a_csynth.rpt: csynth, net_top: lut 3,797, ff 1,187, dsp 21, bram 5, latency_clk 46, ii 31"
    with pytest.raises(DataError, match="it is not there"):
        read_reports([tmp_path / "nowhere"])


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
        (parse_csynth_rpt, "== Utilization Estimates\n", "a part is missing"),
        (parse_utilization, UTILIZATION.replace("LUTs", "Lots"), "counts of LUTs and registers are required"),
        (parse_utilization, HIERARCHY.replace("Total LUTs", "Lots"), "counts of LUTs and registers are required"),
        (parse_timing, TIMING.format(wns="NA", failing="NA"), "a timing summary and a clock are required"),
        (parse_timing, TIMING.format(wns="0.1", failing="9" * 5000), "a whole, undamaged description is required"),
        (parse_utilization, UTILIZATION.replace("7654", "7654.5"), "a whole, undamaged description is required"),
        (parse_utilization, UTILIZATION.replace("70560", "few"), "a whole, undamaged description is required"),
        (parse_csynth_rpt, csynth_rpt(cycles="9" * 5000 + "|" + "9" * 5000), "a whole, undamaged description is"),
    ):
        with pytest.raises(DataError, match=message):
            parse(text)
    with pytest.raises(DataError, match="there is none"):
        read_reports([tmp_path])
    with pytest.raises(DataError, match="a readable report is required"):
        read_report(tmp_path / "nowhere.rpt")


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
