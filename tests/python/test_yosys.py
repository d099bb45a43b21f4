"""What Yosys is asked and what its answers mean; tests/hls/gates.py runs it, which takes minutes."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
from fixed_models import mlp
from qkdflow import Key
from qkdflow.errors import ConfigError, ToolError
from qkdflow.rtl import RtlProject, write_rtl
from qkdflow.rtl.yosys import compile_gates, read_stat, synthesise, yosys_command, yosys_version

MODEL = mlp(Key(1), (4, 3, 2))


def stat(**top: int) -> str:
    modules = {
        "network": {"BUFG": 1, **top},
        "network_fc1": {"DSP48E1": 2, "LUT3": 4, "\\$paramod\\qkd_neuron": 3},
        "\\$paramod\\qkd_neuron": {"DSP48E1": 1, "FDRE": 5, "CARRY4": 2, "LUT6": 1},
        "network_fc2": {"INV": 1, "FDSE": 1, "SRL16E": 1, "RAMB36E1": 1},
    }
    counted = {name: {"num_cells_by_type": cells} for name, cells in modules.items()}
    return json.dumps({"creator": "Yosys 0.70 (git sha1 28ba3cb92)", "modules": counted})


def test_cells_are_counted_through_the_hierarchy(tmp_path: Path) -> None:
    project = write_rtl(MODEL, tmp_path / "rtl")
    found = read_stat(stat(network_fc1=1, network_fc2=1), project)
    assert (found.lut, found.ff, found.dsp, found.carry, found.srl, found.bram) == (4 + 3 + 1, 15 + 1, 5, 6, 1, 2)
    assert found.layers == {"fc1": 5, "fc2": 0}
    assert str(found).endswith("(Yosys 0.70, synthesised, not placed)")
    with pytest.raises(ToolError, match=r"every layer must be in the netlist; Yosys 0\.70 left out fc1"):
        read_stat(stat(network_fc2=1), project)
    with pytest.raises(ToolError, match="the output of stat -json is required"):
        read_stat("ERROR", project)


def test_an_old_yosys_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert yosys_version("Yosys 0.70 (git sha1 28ba3cb92)") == (0, 70)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"Yosys 0\.70 or later is required; it is not installed"):
        yosys_command()
    fake = tmp_path / "yosys"
    fake.write_text("#!/bin/sh\necho 'Yosys 0.23 (git sha1 7ce5011c24b)'\n")
    fake.chmod(0o755)
    with pytest.raises(ToolError, match=r"is 0\.23\. Debian's 0\.23 left a whole layer out"):
        yosys_command()


def test_what_is_asked_of_yosys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write_rtl(MODEL, tmp_path / "rtl")
    fake = tmp_path / "yosys"
    monkeypatch.setattr("qkdflow.rtl.yosys.yosys_command", lambda: [str(fake)])
    counted = stat(network_fc1=1, network_fc2=1)
    fake.write_text(f"#!{shutil.which('sh')}\necho \"$3\" >script\ncat >stat.json <<'END'\n{counted}\nEND\n")
    fake.chmod(0o755)
    assert synthesise(project, dsp=False).dsp == 5
    script = (project.directory / "synthesis" / "script").read_text()
    assert "synth_xilinx -family xc7 -noiopad -noclkbuf -nodsp -top network;" in script
    assert "read_verilog network.v network_fc1.v" in script
    fake.write_text("#!/bin/sh\necho 'ERROR: no such thing'\nexit 1\n")
    with pytest.raises(ToolError, match="it said: ERROR: no such thing"):
        synthesise(project)
    with pytest.raises(ConfigError, match="family must be one of"):
        synthesise(project, "ice40")


def test_gates_with_dsps_are_refused(tmp_path: Path) -> None:
    project = RtlProject.load(write_rtl(MODEL, tmp_path / "rtl").directory)
    (project.directory / "synthesis").mkdir()
    (project.directory / "synthesis" / "netlist.v").write_text("DSP48E1 #(")
    with pytest.raises(ConfigError, match="a netlist without DSPs is required"):
        compile_gates(project)
