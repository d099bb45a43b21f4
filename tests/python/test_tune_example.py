"""The example of architecture search, and the cluster's submit files, do what they say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_depth_kernels_widths_and_bits_are_searched_at_once(tmp_path: Path) -> None:
    journal = tmp_path / "nas.jsonl"
    command = [sys.executable, str(ROOT / "examples/architecture_search.py"), "--journal", str(journal)]
    command += ["--trials", "12", "--pulses", "1500", "--epochs", "2"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert rows
    assert all(0 < float(row[0]) <= 1 and len(row) >= 4 for row in rows)
    assert [float(row[1].replace(",", "")) for row in rows] == sorted(float(row[1].replace(",", "")) for row in rows)
    text = journal.read_text()
    assert {f'"units{i}"' in text for i in range(4)} | {f'"kernel{i}"' in text for i in range(2)} == {True}
    assert text.count('"ask"') == text.count('"tell"') == 12


@pytest.mark.parametrize("name", ["search.slurm", "search.condor"])
def test_the_submit_files_run_the_example_with_arguments_that_it_knows(name: str) -> None:
    text = (ROOT / "docs/cluster" / name).read_text()
    found = re.search(r"python (examples/\S+) ([^\"\n]+)", text)
    assert found
    source = (ROOT / found.group(1)).read_text()
    assert all(f'"{word}"' in source for word in shlex.split(found.group(2)) if word.startswith("--"))
    if name.endswith(".slurm"):
        subprocess.run(["/bin/bash", "-n", str(ROOT / "docs/cluster" / name)], check=True)
