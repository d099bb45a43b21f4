"""The dask-jobqueue script of docs/cluster, with commands in place of SLURM's and HTCondor's that run jobs here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed: pip install qkdflow[dask]")

SCRIPT = Path(__file__).parents[2] / "docs/cluster/dask_cluster.py"
# Like sbatch, it keeps a copy: dask-jobqueue deletes the file as soon as the command has returned.
SBATCH = """#!/bin/sh
cp "$1" "$0.job"
sh "$0.job" > "$0.log" 2>&1 &
echo "Submitted batch job 77"
"""
CONDOR_SUBMIT = """#!{python}
import re, subprocess, sys
from pathlib import Path
text = Path(sys.argv[-1]).read_text()
fields = dict(re.findall(r"^(\\w+) = (.*)$", text, re.M))
arguments = re.fullmatch(r"\\"-c '(.*)'\\"", fields["Arguments"]).group(1)
subprocess.Popen([fields["Executable"], "-c", arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print("1 job(s) submitted to cluster 77.")
"""
COMMAND = """
import sys
from distributed import Client
with Client(sys.argv[-1], timeout=60) as client:
    print("sum", client.submit(sum, [19, 23]).result(timeout=60))
"""


@pytest.mark.parametrize(("kind", "submit", "text"), [("slurm", "sbatch", SBATCH), ("htcondor", "condor_submit", "")])
def test_a_command_gets_workers_that_the_submit_file_starts(tmp_path: Path, kind: str, submit: str, text: str) -> None:
    for name, script in (
        (submit, text or CONDOR_SUBMIT.format(python=sys.executable)),
        ("scancel", ""),
        ("condor_rm", ""),
    ):
        (tmp_path / name).write_text(script or "#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [sys.executable, SCRIPT, kind, "--workers", "1", "--patience", "80"]
    command += ["--", sys.executable, "-c", COMMAND]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert "sum 42" in done.stdout, done.stderr
    assert done.returncode == 0


def test_a_pool_that_starts_no_worker_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "sbatch").write_text("#!/bin/sh\necho Submitted batch job 77\n")
    (tmp_path / "scancel").write_text("#!/bin/sh\n")
    for name in ("sbatch", "scancel"):
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [sys.executable, SCRIPT, "slurm", "--patience", "0.1", "--", "true"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert "no worker within 0.1 s: look at squeue and at the jobs' logs, or give --patience" in done.stderr


def test_the_submit_file_is_shown() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "slurm", "--show"], capture_output=True, text=True, timeout=100)
    for line in ("#SBATCH --cpus-per-task=1", "#SBATCH --requeue", "export OMP_NUM_THREADS=1", "#SBATCH -t 02:00:00"):
        assert line in done.stdout
