"""Trains every workload here and in PyTorch, burst by burst in turn, and prints the ratios. Called by `run`."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from results import machine

HERE = Path(__file__).parent
TARGETS = {  # PyTorch's seconds over ours on one thread
    "psd-student-b32": 90,
    "psd-student-b256": 22,
    "psd-teacher-b32": 10,
    "mnist-cnn-student-b64": 4,
    "pest-cnn-teacher-64px-b32": 1.5,
    "resnet20-cifar-b128": 1.3,
    "vgg16-64px-b16": 1,
    "mobilenetv2-96px-b16": 1.7,
}
SCALED = list(TARGETS)[-4:]  # must gain 1.7 on a second core
PROCESSES = 3  # of each side: where its memory lies decides some per cent of a process's speed
QUICK = ["psd-student-b32", "psd-student-b256", "psd-teacher-b32", "mnist-cnn-student-b64", "mobilenetv2-96px-b16"]


class Side:
    """A process that trains on request."""

    def __init__(self, python: str, script: str, first: dict[str, Any]) -> None:
        self.said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - until the process ends; PyTorch talks a lot
        self.process = subprocess.Popen(
            [python, str(HERE / script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said, text=True
        )
        self.about = self.ask(first)

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.said.seek(0)
            raise ChildProcessError(f"exit code {code}: {self.said.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def summary(bursts: list[dict[str, float]]) -> dict[str, float]:
    """Milliseconds a step: the least and the median, on the wall and of the CPU."""
    return {
        f"{clock}_{what.__name__}_ms": 1e3 * what(b[clock] for b in bursts)
        for clock in ("wall", "cpu")
        for what in (min, statistics.median)
    }


def compare(name: str, torch: str, threads: int, rounds: int, seconds: float, compiled: bool) -> dict[str, Any]:
    burst, two = ({"threads": n, "seconds": seconds} for n in (threads, 2))
    pairs, both = [], []
    for _ in range(PROCESSES):
        ours = Side(sys.executable, "qkdflow_side.py", {"workload": name})
        theirs = Side(torch, "torch_peer.py", {"workload": name, "compile": False})
        pairs += [(ours.ask(burst), theirs.ask(burst)) for _ in range(rounds)]
        if threads == 1 and name in SCALED:
            both += [(ours.ask(burst)["wall"], ours.ask(two)["wall"]) for _ in range(rounds)]
        ours.close()
        theirs.close()
    scaling = statistics.median(one / other for one, other in both) if both else None
    ratios = {clock: sorted(b[clock] / a[clock] for a, b in pairs) for clock in ("wall", "cpu")}
    mine = summary([a for a, _ in pairs])
    return {
        "workload": name,
        "threads": threads,
        "qkdflow": mine,
        "torch": summary([b for _, b in pairs]),
        "torch_channels_last": theirs.about["channels_last"],
        "torch_compile": compile_time(name, torch, burst, rounds) if compiled else None,
        "ratio": {clock: {"least": r[0], "median": statistics.median(r), "most": r[-1]} for clock, r in ratios.items()},
        "target": TARGETS.get(name) if threads == 1 else None,
        "two_threads": scaling,
        "gflop_per_s": 1e3 * ours.about["gflop"] / mine["wall_min_ms"],
        "memory_mb": {"qkdflow": ours.about["memory_mb"], "torch": theirs.about["memory_mb"]},
        "parameters_mb": 4e-6 * ours.about["parameters"],
        "load": os.getloadavg()[0],
    }


def compile_time(name: str, torch: str, burst: dict[str, Any], rounds: int) -> dict[str, float] | None:
    try:
        side = Side(torch, "torch_peer.py", {"workload": name, "compile": True})
        bursts = [side.ask(burst) for _ in range(rounds)]
        side.close()
    except ChildProcessError as error:  # Inductor needs a C++ compiler, for one
        print(f"torch.compile of {name}: {str(error).strip().splitlines()[-1]}", file=sys.stderr, flush=True)
        return None
    return summary(bursts)


def text(r: dict[str, Any]) -> str:
    compiled = r["torch_compile"]
    cells = [
        r["workload"],
        f"{r['qkdflow']['wall_median_ms']:.4g}",
        f"{r['torch']['wall_median_ms']:.4g}",
        f"{compiled['wall_median_ms']:.4g}" if compiled else "-",
        " ".join(f"{r['ratio']['wall'][k]:.3g}" for k in ("least", "median", "most")),
        f"{r['ratio']['cpu']['median']:.3g}",
        f"{r['target']:g}" if r["target"] else "-",
        f"{r['two_threads']:.2f}" if r["two_threads"] else "-",
        f"{r['gflop_per_s']:.0f}",
        f"{r['memory_mb']['qkdflow']:.3g} / {r['memory_mb']['torch']:.3g}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", required=True, help="the Python of PyTorch's environment")
    parser.add_argument("--workloads", help="comma-separated; all where not given")
    parser.add_argument("--quick", action="store_true", help="five workloads, few and short bursts, nothing compiled")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--json", type=Path, help="where everything measured is written")
    args = parser.parse_args()
    names = args.workloads.split(",") if args.workloads else QUICK if args.quick else [*TARGETS, "jet-student-b1024"]
    rounds, seconds = (1, 0.3) if args.quick else (3, 1.0)
    line = Side(args.torch, "torch_peer.py", {"rooflines": args.threads}).about
    print(
        f"{args.threads} thread(s); a 2048^3 matmul {line['matmul_gflop_per_s']:.0f} GFLOP/s, a copy of 134 MB"
        f" {line['copy_gb_per_s']:.1f} GB/s (read and written); load {os.getloadavg()[0]:.1f}\n"
    )
    heads = ["workload", "qkdflow ms", "torch ms", "compiled ms", "ratio: least median most", "CPU ratio", "target"]
    heads += ["2 threads", "GFLOP/s", "MB: qkdflow / torch"]
    print("| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads), flush=True)
    results = []
    for name in names:
        results.append(compare(name, args.torch, args.threads, rounds, seconds, not (args.no_compile or args.quick)))
        print(text(results[-1]), flush=True)
    if args.json:
        about = {"torch": line.pop("torch"), **machine()}
        args.json.write_text(json.dumps({**about, "rooflines": line, "results": results}, indent=1) + "\n")


main()
