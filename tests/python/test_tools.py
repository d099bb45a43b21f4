"""Other programs end when they take too long, and when we are stopped, with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from csim_models import needs_csim
from fixed_models import mlp
from qkdflow import Key, tools
from qkdflow.errors import ToolError

NOTES = 'echo $$ > "$0.pid"'  # a script's own number, beside it


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def appears(path: Path) -> int:
    """The number that a script has written down."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if path.exists() and (text := path.read_text().strip()):
            return int(text)
        time.sleep(0.02)
    raise AssertionError(f"{path} was never written")


def ends(process: int) -> bool:
    """Whether it is gone, or will be at once: its files are closed before it is."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.02)
    return False


def test_what_a_program_says_and_its_exit_code_come_back() -> None:
    done = tools.call("sh", ["sh", "-c", 'echo "$WORD"; echo no >&2; exit 3'], more={"WORD": "yes"})
    assert done == (3, "yes\nno\n")


@pytest.mark.parametrize("manners", ["", "trap '' TERM;"], ids=["goes when asked", "deaf"])
def test_a_tool_that_does_not_end_is_stopped_with_all_that_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, manners: str
) -> None:
    monkeypatch.setattr(tools, "GRACE", 0.2)
    slow = script(tmp_path / "slow", f"{manners} sleep 60 & echo $! > '{tmp_path / 'child'}'; sleep 60")
    with pytest.raises(ToolError, match=r"^\[slow\] must end within 5 s; .* larger reuse factor$"):
        tools.call("slow", [str(slow)], tmp_path, seconds=5)
    assert ends(appears(tmp_path / "child"))


def test_a_stopped_compiler_may_tidy_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tools, "GRACE", 60)
    text = "touch scratch; trap 'rm scratch; exit 1' TERM; touch begun; while :; do sleep 0.05; done"
    with pytest.raises(ToolError):
        tools.call("g++", [str(script(tmp_path / "g++", text))], tmp_path, seconds=5)
    assert (tmp_path / "begun").exists()
    assert not (tmp_path / "scratch").exists()


def test_a_missing_tool_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ToolError, match=r"\[Yosys\] no-such-tool must be there and run; got: No such file.*Install Yosys"
    ):
        tools.call("Yosys", ["no-such-tool", "-V"])


def test_what_a_killed_process_started_ends_too(tmp_path: Path) -> None:
    slow = script(tmp_path / "slow", f"{NOTES}; sleep 600 & echo $! > '{tmp_path / 'child.pid'}'; wait")
    text = f"from qkdflow import tools; tools.call('slow', [{str(slow)!r}])"
    with subprocess.Popen([sys.executable, "-c", text]) as process:
        try:
            numbers = [appears(tmp_path / name) for name in ("slow.pid", "child.pid")]
            until = time.monotonic() + 60
            while not guarded(numbers[0]):
                assert time.monotonic() < until, "nothing guards it"
                time.sleep(0.02)
        finally:
            process.kill()
    assert [ends(number) for number in numbers] == [True, True]


def guarded(group: int) -> bool:
    """Whether there is a process that ends this group of others after us."""
    words = [tools.GUARD.encode(), str(group).encode()]
    return any(words == command[-3:-1] for command in map(words_of, Path("/proc").glob("[0-9]*/cmdline")))


def words_of(command: Path) -> list[bytes]:
    try:
        return command.read_bytes().split(b"\0")
    except OSError:  # it has ended
        return []


@needs_csim
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_us_alone_stops_the_compiler_too(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    mlp(Key(1), (6, 3)).save(tmp_path / "frozen")
    (tmp_path / "bin").mkdir()
    compiler = script(tmp_path / "bin" / "g++", f"{NOTES}; sleep 60 & wait")
    command = [sys.executable, "-m", "qkdflow.cli", "verify", str(tmp_path / "frozen"), "--rungs", "csim"]
    environment = {**os.environ, "PATH": f"{compiler.parent}:{os.environ['PATH']}"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        number = appears(Path(f"{compiler}.pid"))
        process.send_signal(sent)
        _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert said == "qkdflow: stopped; what was finished is kept. The same command goes on from there\n"
    assert ends(number)
