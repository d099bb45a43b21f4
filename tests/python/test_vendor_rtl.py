"""Verilog as Vitis and Vivado HLS write it, against the emulator; the designs are written by hand in that style."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixed_models import codes
from qkdflow import FixedPoint, Key
from qkdflow.cli import main
from qkdflow.errors import ConfigError, ToolError
from qkdflow.fixed import FixedDense, FixedModel
from qkdflow.rtl import Measured, compile_vendor_rtl, verilator_problem
from qkdflow.rtl.harness import Interface, build_harness
from qkdflow.rtl.vendor import find_design
from qkdflow.rtl.vendor.interface import interface
from qkdflow.rtl.vendor.simulation import float_cores
from qkdflow.verify import verify

needs_verilator = pytest.mark.skipif(verilator_problem() is not None, reason=str(verilator_problem()))

BYTE, WEIGHT, SUM = FixedPoint(6, 6), FixedPoint(4, 4), FixedPoint(12, 12)
WEIGHTS, BIAS = np.array([[3, -2], [1, 5]]), np.array([1, -7])
DENSE = FixedDense("fc", WEIGHTS, BIAS, WEIGHT, FixedPoint(4, 4), SUM)
FIXED = FixedModel("net", (2,), BYTE, (DENSE,), ("a", "b"))

MUL = """`timescale 1 ns / 1 ps
module net_mul_6s_4s(din0, din1, dout);
parameter dout_WIDTH = 32'd1;
input [5:0] din0;
input [3:0] din1;
output [dout_WIDTH - 1:0] dout;
assign dout = $signed(din0) * $signed(din1);
endmodule
"""
BODY = """
reg [3:0] w [0:3];
initial $readmemh("./net_w.dat", w);
wire [11:0] p0, p1, p2, p3;
net_mul_6s_4s #(.dout_WIDTH(12)) U0(.din0(x[5:0]), .din1(w[0]), .dout(p0));
net_mul_6s_4s #(.dout_WIDTH(12)) U1(.din0(x[HIGH+5:HIGH]), .din1(w[1]), .dout(p1));
net_mul_6s_4s #(.dout_WIDTH(12)) U2(.din0(x[5:0]), .din1(w[2]), .dout(p2));
net_mul_6s_4s #(.dout_WIDTH(12)) U3(.din0(x[HIGH+5:HIGH]), .din1(w[3]), .dout(p3));
reg [11:0] a0, a1, b0, b1, s0, s1;
reg v1, v2;
always @(posedge ap_clk) if (enable) begin
  a0 <= p0; a1 <= p1; b0 <= p2; b1 <= p3;
  s0 <= a0 + a1 + 12'd1; s1 <= b0 + b1 - 12'd7;
end
"""
HEADER = '(* CORE_GENERATION_INFO="net_net,hls_ip_2022_1,{HLS_INPUT_TYPE=cxx,HLS_SYN_LAT=2,HLS_SYN_TPT=1}" *)\n'
SCALAR = (
    HEADER
    + """module net (ap_clk, ap_rst, ap_start, ap_done, ap_idle, ap_ready, x, y_0, y_0_ap_vld, y_1, y_1_ap_vld);
input   ap_clk;  // input [7:0] not_a_port;
input   ap_rst;
input   ap_start;
output   ap_done;
output   ap_idle;
output   ap_ready;
input  [11:0] x;
output  [11:0] y_0;
output   y_0_ap_vld;
output  [11:0] y_1;
output   y_1_ap_vld;
localparam HIGH = 6;
wire enable = 1'b1;
"""
    + BODY
    + """
always @(posedge ap_clk)
  if (ap_rst) begin v1 <= 0; v2 <= 0; end
  else if (enable) begin v1 <= ap_start; v2 <= v1; end
assign ap_ready = ap_start;
assign ap_idle = ~ap_start & ~v1;
assign ap_done = v2 & enable;
assign y_0_ap_vld = ap_done;
assign y_1_ap_vld = ap_done;
assign y_0 = s0;
assign y_1 = s1;
endmodule
"""
)
STREAM = (
    HEADER.replace("HLS_SYN_LAT=2", "HLS_SYN_LAT=none")
    + """module net (ap_clk, ap_rst_n, x_TDATA, x_TVALID, x_TREADY, y_TDATA, y_TVALID, y_TREADY);
input   ap_clk;
input   ap_rst_n;
input  [15:0] x_TDATA;
input   x_TVALID;
output   x_TREADY;
output  [31:0] y_TDATA;
output   y_TVALID;
input   y_TREADY;
wire [15:0] x = x_TDATA;
localparam HIGH = 8;
wire enable = y_TREADY | ~v2;
"""
    + BODY
    + """
always @(posedge ap_clk)
  if (~ap_rst_n) begin v1 <= 0; v2 <= 0; end
  else if (enable) begin v1 <= x_TVALID; v2 <= v1; end
assign x_TREADY = enable;
assign y_TVALID = v2;
assign y_TDATA = {{4{s1[11]}}, s1, {4{s0[11]}}, s0};
endmodule
"""
)


def write(folder: Path, top: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.v").write_text(top)
    (folder / "net_mul_6s_4s.v").write_text(MUL)
    (folder / "net_w.dat").write_text("\n".join(f"{w & 15:x}" for w in WEIGHTS.T.reshape(-1)) + "\n")
    return folder


def sample() -> np.ndarray:
    return codes(Key(1), BYTE, (500, 2))


@needs_verilator
def test_ports_with_ap_vld(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "prj" / "solution1" / "syn" / "verilog", SCALAR + '`include "net_hls_deadlock_detector.vh"\n')
    rtl = compile_vendor_rtl(tmp_path, FIXED)
    assert (rtl.run(sample()) == FIXED.run(sample())).all()
    assert rtl.measure() == Measured(2, 1) == (rtl.design.latency_clk, rtl.design.ii)
    assert (rtl.predict(np.zeros((3, 2))) == [1, -7]).all()
    FIXED.save(tmp_path / "06_fixed")
    words = ["verify", str(tmp_path / "06_fixed"), "--rtl", str(tmp_path / "prj"), "--rungs", "rtl", "--samples", "40"]
    assert main(words) == 0
    assert (
        "net, 2 clocks, one result every 1, simulated; csynth says 2 and 1; 0 of 20 outputs change with stalls and "
        "random registers"
    ) in capsys.readouterr().out


@needs_verilator
def test_a_stream(tmp_path: Path) -> None:
    rtl = compile_vendor_rtl(write(tmp_path, STREAM), FIXED)
    assert (rtl.run(sample()) == FIXED.run(sample())).all()
    assert rtl.measure() == (2, 1)
    assert rtl.design.latency_clk is None


# Takes a word while it is reset, as Vivado HLS 2019.1's streams do where the word is valid then.
EARLY = STREAM.replace("begin v1 <= 0; v2 <= 0; end", "begin v1 <= x_TVALID; v2 <= 0; end")


CHAIN = (
    SCALAR.replace("ap_start, ap_done", "ap_start, ap_continue, ap_done")
    .replace("input   ap_start;", "input   ap_start;\ninput   ap_continue;")
    .replace("enable = 1'b1", "enable = ap_continue")
)


@needs_verilator
@pytest.mark.parametrize(
    "design", [SCALAR, CHAIN, STREAM, EARLY], ids=["ap_ctrl_hs", "ap_ctrl_chain", "streams", "taken in reset"]
)
def test_stalls_and_random_registers_change_nothing(tmp_path: Path, design: str) -> None:
    rtl = compile_vendor_rtl(write(tmp_path, design), FIXED)
    for seed, stalls in enumerate([(0.5, 0.0), (0.0, 0.5), (0.9, 0.9), (0.0, 0.0)]):
        assert (rtl.run(sample(), stalls=stalls, key=Key(seed)) == FIXED.run(sample())).all()
    with pytest.raises(ConfigError, match=r"stalls must be shares of clocks.*have a key; got \(0.5, 0.5\)"):
        rtl.run(sample(), stalls=(0.5, 0.5))


@needs_verilator
def test_faults_that_only_stalls_or_random_registers_show(tmp_path: Path) -> None:
    FIXED.save(tmp_path / "fixed")
    register = STREAM.replace("always @(posedge ap_clk) if (enable)", "reg r;\nalways @(posedge ap_clk) if (enable)")
    for name, design in (
        ("source", STREAM.replace("v1 <= x_TVALID", "v1 <= 1")),  # takes what is not offered
        ("register", register.replace("a0 <= p0;", "a0 <= p0 ^ r;").replace("end\n", "r <= r; end\n", 1)),
    ):
        write(tmp_path / name, design)
        (outcome,) = verify(tmp_path / "fixed", ("rtl",), 400, tmp_path / name).outcomes
        assert outcome.outputs == 800 + 200
        assert 20 < outcome.mismatches <= 200
        assert f"; {outcome.mismatches} of 200 outputs change with stalls" in outcome.note
        assert outcome.difference is None
    write(tmp_path / "sink", STREAM.replace("y_TREADY | ~v2", "1'b1"))  # gives what is not taken
    with pytest.raises(ToolError, match=r"net: with stalls it took 100 of 100 samples and gave \d\d results, then"):
        verify(tmp_path / "fixed", ("rtl",), 400, tmp_path / "sink")


@needs_verilator
def test_a_wrong_weight_and_a_pipeline_that_keeps_its_last_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Vivado HLS 2019.1 writes pipelines that move on only when a new sample comes."""
    folder = write(tmp_path / "net", SCALAR.replace("enable = 1'b1", "enable = ap_start"))
    rtl = compile_vendor_rtl(folder, FIXED)
    with pytest.raises(ToolError, match=r"net: the last 2 of 500 results never come out.*dummies=2"):
        rtl.run(sample())
    assert (rtl.run(sample(), dummies=2) == FIXED.run(sample())).all()
    FIXED.save(tmp_path / "fixed")
    words = ["verify", str(tmp_path / "fixed"), "--rtl", str(folder), "--rungs", "rtl", "--samples", "40"]
    assert main(words) == 2
    assert "the last 2 of 40 results never come out" in capsys.readouterr().err
    assert main([*words, "--dummies", "2"]) == 0
    assert "rtl   emulator       100           0  net, 2 clocks" in capsys.readouterr().out
    (folder / "net_w.dat").write_text("3\n1\nf\n5\n")  # -2 became -1
    assert main([*words, "--dummies", "2"]) == 1
    said = capsys.readouterr().out
    assert "rtl: first at layer fc, sample 0, element [1]" in said
    assert "likely cause: unknown; this rung shows logits alone" in said


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", SCALAR)
    (folder / "net_w.dat").unlink()
    with pytest.raises(ConfigError, match=r"must hold every table its modules read; missing: \./net_w\.dat"):
        compile_vendor_rtl(folder, FIXED)
    with pytest.raises(ConfigError, match=r"a folder with \.v files, or one with syn/verilog"):
        find_design(tmp_path / "nothing")
    write(tmp_path / "b", SCALAR)
    with pytest.raises(ConfigError, match="a module other is required"):
        find_design(tmp_path / "b", "other")
    dense = replace(DENSE, result_type=FixedPoint(16, 16))
    wide = replace(FIXED, input_type=FixedPoint(9, 9), layers=(dense,))
    with pytest.raises(ConfigError, match=r"net's input must carry 2 codes of 9 bits .*; x has 12 bits"):
        compile_vendor_rtl(tmp_path / "b", wide)


@needs_verilator
def test_a_missing_module_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, SCALAR)
    (folder / "net_mul_6s_4s.v").unlink()
    with pytest.raises(ConfigError, match=r"must hold every module; no file has net_mul_6s_4s\. Copy"):
        compile_vendor_rtl(folder, FIXED)


def test_the_top_is_what_no_other_module_has(tmp_path: Path) -> None:
    folder = write(tmp_path, SCALAR.replace(HEADER, ""))
    design = find_design(folder)
    assert (design.top, design.latency_clk, design.ii) == ("net", None, None)
    assert design.ports.inputs == {"ap_clk": 1, "ap_rst": 1, "ap_start": 1, "x": 12}
    assert design.ports.outputs["y_1"] == 12


def test_codes_in_words(tmp_path: Path) -> None:
    """A stream of 32-bit words: four codes of a byte share one, or each has its own, as a manifest says."""
    folder = write(tmp_path, STREAM.replace("[15:0] x_TDATA", "[31:0] x_TDATA"))
    six = FixedPoint(6, 6)
    for packed, beats in ((True, [(0, 0), (0, 8), (0, 16), (0, 24), (1, 0)]), (False, [(i, 0) for i in range(5)])):
        values = interface(find_design(folder), 5, six, 2, SUM, packed)
        (side,) = values["inputs"]
        assert [(e.beat, e.at) for e in side.elements] == beats
        assert side.beats == beats[-1][0] + 1
        assert [side.data for side in values["outputs"]] == ["y_TDATA"]


@needs_verilator
def test_stand_ins_for_float_cores(tmp_path: Path) -> None:
    text = "net_fexp_32ns_32ns_32_8_full_dsp_1_ip U0 (\n net_fpext_32ns_64_2_no_dsp_1_ip U1 (\n module net_x_ip("
    cores = float_cores(text)
    assert sorted(cores) == ["net_fexp_32ns_32ns_32_8_full_dsp_1_ip.v", "net_fpext_32ns_64_2_no_dsp_1_ip.v"]
    assert "6 clocks behind its input" in cores["net_fexp_32ns_32ns_32_8_full_dsp_1_ip.v"]
    for name, core in float_cores(text.replace("_8_full", "_2_full")).items():  # without a clock
        (tmp_path / name).write_text(core)
    (tmp_path / "floats.v").write_text(
        """module floats(input clk, resetn, in_valid, in_last, out_ready, output in_ready, out_valid, out_last,
    input [31:0] in_data, output [95:0] out_data);
  assign in_ready = out_ready, out_valid = in_valid, out_last = in_last;
  net_fexp_32ns_32ns_32_2_full_dsp_1_ip e(.s_axis_a_tvalid(1'b1), .s_axis_a_tdata(in_data), .m_axis_result_tvalid(),
    .m_axis_result_tdata(out_data[31:0]));
  net_fpext_32ns_64_2_no_dsp_1_ip w(.s_axis_a_tvalid(1'b1), .s_axis_a_tdata(in_data), .m_axis_result_tvalid(),
    .m_axis_result_tdata(out_data[95:32]));
endmodule
"""
    )
    special = [0.0, -0.0, 1.0, -1.0, 88.72, 88.73, 1e9, -87.3, -87.4, -1e9, np.inf, -np.inf, np.nan]
    x = np.concatenate([special, 20 * np.asarray(Key(1).normal(500))]).astype(np.float32)
    ports = Interface("floats", 1, 32, 3, 32, False)
    harness = build_harness(ports, sorted(tmp_path.glob("*.v")), tmp_path, patience=100)
    _, came = harness.drive(x.view(np.uint32).astype(np.int64)[:, np.newaxis], np.zeros(len(x), dtype=bool), len(x))
    words = came.codes.astype(np.uint32)
    with np.errstate(over="ignore", under="ignore"):
        exact = np.exp(x.astype(np.float64)).astype(np.float32)
    exact[exact < np.finfo(np.float32).tiny] = 0  # the core has no subnormal numbers
    assert np.array_equal(words[:, 0].view(np.float32), exact, equal_nan=True)
    wide = np.ascontiguousarray(words[:, 1:]).view(np.float64)[:, 0]
    assert np.array_equal(wide, x.astype(np.float64), equal_nan=True)
