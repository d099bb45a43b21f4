"""A disk that is full, and a folder that is read-only: one line says so, and what was there goes on as it was.

    python tests/faults/disk.py

A run goes to a small tmpfs in a mount namespace of its own. It fills again and again, at another place every time, and
gets a little more room after each: it must end like an undisturbed run. Then that run's folders become read-only.
Exits with 1 where a promise did not hold, with 77 where this machine lets nobody make namespaces.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kill import contents
from victim import EFFORT

FIRST, GROWTH = 24, 1.5  # KiB
STARTS = 30  # at most, until there is room for a run: 24 KiB * 1.5**30 are gigabytes
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
# `qkdflow` without scikit-learn's time; without a compiler too, as PATH is empty.
MAIN = """
from qkdflow import baselines, cli
baselines.boosted_trees = lambda data, seed: None
raise SystemExit(cli.main())
"""
INSIDE = "inside a namespace"
LONGEST = 900  # seconds of one program; a run takes half a minute on an idle machine


def demand(holds: bool, what: str) -> None:
    if not holds:
        print(f"disk: {what}", file=sys.stderr)
        sys.exit(1)


def start(command: Sequence[str], longest: float = LONGEST, **more: Any) -> subprocess.CompletedProcess[str]:
    """`subprocess.run`, as text; what does not end in `longest` seconds is stopped, and that is a failure."""
    try:
        return subprocess.run(command, text=True, timeout=longest, **more)
    except subprocess.TimeoutExpired:
        demand(False, f"[{' '.join(command)[:200]}] must end within {longest:,} s; it was stopped")
        raise


def run(out: Path, *, powerless: bool = False) -> tuple[int, str]:
    """The exit code of `qkdflow run`, and what it said on standard error."""
    settings = [f"--set=effort.{name}={value}" for name, value in EFFORT.items()]
    command = [sys.executable, "-c", MAIN, "run", "psd", "--out", str(out), "--max-parameters=400", *settings]
    if powerless and os.geteuid() == 0:  # root writes where it may not
        command = [shutil.which("setpriv") or "setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    environment = {**os.environ, "PATH": "", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = start(command, env=environment, capture_output=True)
    return done.returncode, done.stderr


def one_line(said: str, words: tuple[str, ...]) -> bool:
    short = said.count("\n") == 1 and len(said) < 400
    return short and said.startswith("qkdflow: [") and any(word in said for word in words)


def finished(folder: Path) -> dict[str, str]:
    """What the stages that are complete hold."""
    found = contents(folder) if folder.exists() else {}
    return {name: digest for name, digest in found.items() if f"{name.split('/')[0]}/stage.json" in found}


def full(wanted: dict[str, str], mount: Path) -> None:
    command = shutil.which("mount") or "mount"
    start([command, "-t", "tmpfs", "-o", f"size={FIRST}k", "tmpfs", str(mount)], check=True)
    room, lines, out = float(FIRST), set(), mount / "out"
    while True:
        before = finished(out)
        code, said = run(out)
        if code == 0:
            break
        demand(code == 2 and one_line(said, ("No space left on device", "the disk is full")), f"exit {code}: {said}")
        demand(before.items() <= finished(out).items(), f"at {room:.0f} KiB finished stages changed")
        lines.add(said.split(": ", 1)[1].split(";")[0].strip())
        room *= GROWTH
        start([command, "-o", f"remount,size={room:.0f}k", str(mount)], check=True)
    differing = {name for name, _ in contents(out).items() ^ wanted.items()}
    demand(not differing, f"after the disk had been full the run ended otherwise: {sorted(differing)}")
    print(f"full disk: stopped {len(lines)} times, then the same run in {room:.0f} KiB")
    for line in sorted(lines):
        print(f"  {line}")


def read_only(wanted: dict[str, str], out: Path) -> None:
    (out / "report.json").unlink()
    shutil.rmtree(out / "09_assessment")
    left = contents(out)
    folders = [out, *(p for p in out.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    code, said = run(out, powerless=True)
    demand(code == 2 and one_line(said, ("Permission denied", "Read-only file system")), f"exit {code}: {said}")
    demand(contents(out) == left, "a read-only run changed")
    print(f"read-only folder: {said}", end="")
    for folder in folders:
        folder.chmod(0o755)
    code, said = run(out)
    demand(code == 0 and contents(out) == wanted, f"after it had been read-only the run ended otherwise: {said}")


def main() -> int:
    if sys.argv[1:2] == [INSIDE]:
        full(json.loads(sys.stdin.read()), Path(sys.argv[2]))
        return 0
    with tempfile.TemporaryDirectory() as root:
        out, mount = Path(root) / "out", Path(root) / "mount"
        code, said = run(out)
        demand(code == 0, f"the undisturbed run: {said}")
        wanted = contents(out)
        read_only(wanted, out)
        if start([*NAMESPACE, "true"], capture_output=True).returncode != 0:
            print("disk: the full disk was not tried: this user may not make namespaces")
            return 77
        mount.mkdir()
        command = [*NAMESPACE, sys.executable, __file__, INSIDE, str(mount)]
        return start(command, STARTS * LONGEST, input=json.dumps(wanted)).returncode


if __name__ == "__main__":
    sys.exit(main())
