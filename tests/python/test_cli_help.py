"""What `--help` shows is what the parser takes, and what a shell completes is what there is."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from qkdflow import cli
from qkdflow.cli.examples import EXITS

ROOT = Path(__file__).parents[2]
PAGES = sorted(p for p in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")) if "\nqkdflow " in p.read_text())
VERBS = sorted(cli.helps())
EXAMPLES = [
    (name, re.split(r" {2,}|\s>\s", line.strip())[0])
    for name, text in cli.helps().items()
    for line in text.partition("examples:\n")[2].partition("\n\n")[0].splitlines()
]


@pytest.mark.parametrize("name", VERBS)
def test_every_help_has_examples_of_its_own(name: str) -> None:
    mine = [command for owner, command in EXAMPLES if owner == name]
    assert mine
    assert all(command.startswith(name) for command in mine)


@pytest.mark.parametrize(("name", "command"), EXAMPLES, ids=[command for _, command in EXAMPLES])
def test_an_example_is_a_command_that_the_parser_takes(name: str, command: str) -> None:
    parser, _ = cli.commands()
    parser.parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])
def test_what_the_documentation_types_is_a_command_that_the_parser_takes(page: Path) -> None:
    parser, _ = cli.commands()
    blocks = page.read_text(encoding="utf-8").split("```")[1::2]
    for line in "\n".join(blocks).splitlines():
        command = re.split(r"\s#|\s>\s|\s\|\s", line)[0]
        if re.match("qkdflow [a-z-]", command):  # and not what one printed
            parser.parse_args([word for word in shlex.split(command)[1:] if word != "..."])


def test_the_exit_codes_are_in_the_help_and_in_the_documentation() -> None:
    codes = re.findall(r"^  (\d+) ", EXITS, re.MULTILINE)
    assert codes == ["0", "1", "2", "130", "141"]
    assert EXITS in cli.helps()["qkdflow"]
    page = (ROOT / "docs/command_line.md").read_text()
    assert re.findall(r"^\| (\d+) ", page, re.MULTILINE) == codes


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ex", "export explain"),
        ("run --bo", "--board"),
        ("run --board pynq-z", "pynq-z1 pynq-z2"),
        ("run --board pynq-z2 --part xc7z020clg400", "xc7z020clg400-1"),
        ("init mnist", "mnist-mlp mnist-cnn"),
        ("bench tr", "train"),
        ("bench train --workload psd-t", "psd-teacher-b32"),
        ("export runs/psd --to q", "qonnx"),
        ("verify fold", "folder"),
        ("inspect fi", "file.h5"),
        ("completion f", "fish"),
    ],
)
def test_bash_completes(typed: str, offered: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.h5").touch()
    ask = """
    complete -p qkdflow >/dev/null || exit 3
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    $(complete -p qkdflow | sed 's/.*-F \\([^ ]*\\).*/\\1/')
    echo "${COMPREPLY[@]}"
    """
    words = ["bash", "-c", script("bash", capsys) + ask, "bash", "qkdflow", *typed.split()]
    found = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) == set(offered.split())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_can_read_their_scripts(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(script(shell, capsys))
    subprocess.run([shell, "-n", str(tmp_path / "script")], check=True)


def test_fish_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fish = shutil.which("fish")
    if fish is None:
        pytest.skip("fish is not installed")
    (tmp_path / "script").write_text(script("fish", capsys))
    ask = f"source {tmp_path}/script; complete -C 'qkdflow run --board pynq-z'"
    said = subprocess.run([fish, "-c", ask], capture_output=True, text=True, check=True).stdout
    assert [line.split("\t")[0] for line in said.splitlines()] == ["pynq-z1", "pynq-z2"]
