"""`qkdflow doctor`: found where it is, missing where it is not, and what that means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from qkdflow import cli, doctor
from qkdflow.doctor import Finding, diagnose
from qkdflow.rtl.verilator import Verilator


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all of PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def finding(name: str) -> Finding:
    return next(f for f in diagnose().findings if f.name == name)


def install(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_without_tools_everything_is_missing_and_says_what_it_is_for(path: Path) -> None:
    assert finding("g++").found is None
    assert finding("vivado") == Finding("vivado", None, "block design and bitstream", "AMD's Vivado")


def test_a_tool_on_path_tells_its_version(path: Path) -> None:
    install(path, "vivado", 'echo; echo "vivado v2024.1 (64-bit)"')
    assert finding("vivado").found == "vivado v2024.1 (64-bit)"


def test_a_tool_that_fails_is_named_by_its_place(path: Path) -> None:
    install(path, "vivado", "exit 1")
    assert finding("vivado").found == str(path / "vivado")


def test_verilator_and_yosys_are_found_where_rtl_finds_them(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(path, "verilator_bin", 'echo "Verilator 5.036 2025-04-27"')
    monkeypatch.setattr(doctor, "find_verilator", lambda: Verilator(path / "verilator_bin", path))
    assert finding("verilator").found == "Verilator 5.036 2025-04-27"
    monkeypatch.setattr(doctor, "find_verilator", lambda: None)
    assert finding("verilator").found is None
    install(path, "yosys", 'echo "Yosys 0.71 (git sha1 0)"')
    monkeypatch.setattr(doctor, "yosys_command", lambda: [str(path / "yosys")])
    assert finding("yosys").found == "Yosys 0.71 (git sha1 0)"


def test_a_remote_board_is_found_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNQ_REMOTE_DEVICES", "192.168.2.99")
    assert finding("board").found == "PYNQ_REMOTE_DEVICES=192.168.2.99"


def test_the_verb_prints_all_of_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "vivado        no   would enable block design and bitstream: AMD's Vivado" in text
    assert cli.main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {k: found["findings"][0][k] for k in ("name", "found")} == {"name": "g++", "found": None}
    assert found["engine"]["qkdflow"]
