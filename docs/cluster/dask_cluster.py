"""A command with workers of a SLURM or HTCondor pool beside it, by dask-jobqueue (in the extra `dask`).

    python docs/cluster/dask_cluster.py slurm --workers 32 -- qkdflow run psd --out runs/psd --jobs 32

Submits a job for each worker, runs the command with `--dask ADDRESS` behind it, and ends the jobs with it. `--show`
prints the submit file and submits nothing. Run it on a login node: the scheduler and the study are here.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Any

from dask_jobqueue import HTCondorCluster, SLURMCluster


def cluster_of(kind: str, memory: str, walltime: str) -> Any:
    options: dict[str, Any] = {
        "cores": 1,  # a tiny network trains fastest on one thread; more workers, not wider ones
        "memory": memory,
        "job_script_prologue": ["export OMP_NUM_THREADS=1"],
        "scheduler_options": {"dashboard_address": ":0"},
    }
    if kind == "slurm":
        return SLURMCluster(walltime=walltime, job_extra_directives=["--requeue"], **options)
    return HTCondorCluster(disk="1GB", **options)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("slurm", "htcondor"))
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--walltime", default="02:00:00", help="of a SLURM job; its trial runs again elsewhere")
    parser.add_argument("--patience", type=float, default=86400, help="seconds in the queue until the first worker")
    parser.add_argument("--show", action="store_true", help="print the submit file and stop")
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    args, command = parser.parse_args(words[:split]), words[split + 1 :]
    if not args.show and not command:
        parser.error("the command is missing: ... -- qkdflow run ...")
    with cluster_of(args.kind, args.memory, args.walltime) as cluster:
        if args.show:
            print(cluster.job_script())
            return 0
        cluster.scale(jobs=args.workers)
        try:
            cluster.wait_for_workers(1, timeout=args.patience)
        except TimeoutError:
            queue = {"slurm": "squeue", "htcondor": "condor_q"}[args.kind]
            cure = f"look at {queue} and at the jobs' logs, or give --patience"
            print(f"[dask_cluster] no worker within {args.patience:g} s: {cure}", file=sys.stderr)
            return 1
        return subprocess.run([*command, "--dask", cluster.scheduler_address], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
