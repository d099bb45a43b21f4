"""Optimisers behind one protocol: ask for values, tell the result, count the CPU seconds that suggesting took.

A peer is a script that an interpreter of an environment of its own runs: a line of JSON comes in for a search
({"space", "seed", "directions"}), then lines {"values", "cpu"} go out and {"value"} come back, until {"end"}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Protocol

from qkdflow._core import Key
from qkdflow.contest.problem import Problem, Values
from qkdflow.errors import ConfigError, ToolError
from qkdflow.tools import call
from qkdflow.tune import Space, SpaceExhausted, Study, Value

Suggest = Callable[[], "tuple[Values, float] | None"]  #: values and CPU seconds; None at the end of the space
Told = Callable[[list[float]], object]


class Player(Protocol):
    """One optimiser in one process."""

    def search(self, problem: Problem, seed: int) -> tuple[Suggest, Told]: ...
    def close(self) -> None: ...


class Ours:
    def search(self, problem: Problem, seed: int) -> tuple[Suggest, Told]:
        is_told = problem.objectives == 1 or problem.known_cost
        study = Study(
            problem.space,
            direction="min" if is_told else ["min", "min"],
            seed=seed,
            cost=problem.cost if is_told else None,
            reference=problem.reference,
        )
        trial: list[Any] = []

        def suggest() -> tuple[Values, float] | None:
            begun = time.thread_time()
            try:
                trial[:] = [study.ask()]
            except SpaceExhausted:
                return None
            return trial[0].values, time.thread_time() - begun

        return suggest, lambda values: study.tell(trial[0], values[0] if is_told else values)

    def close(self) -> None:
        pass


class Random:
    def search(self, problem: Problem, seed: int) -> tuple[Suggest, Told]:
        space, key, asked = problem.learned(), Key(seed).fold("random"), [0]

        def suggest() -> tuple[Values, float] | None:
            asked[0] += 1
            return draw(space, key.fold(asked[0])), 0.0

        return suggest, lambda values: None

    def close(self) -> None:
        pass


def draw(space: Space, key: Key) -> Values:
    """A uniform configuration."""
    values: dict[str, Value] = {}
    for parameter, u in zip(space.parameters, key.uniform(len(space.parameters)), strict=True):
        if space.is_active(parameter, values):
            levels = parameter.levels
            values[parameter.name] = parameter.value_at(float(u) if levels is None else float(int(u * levels)))
    return values


class Peer:
    def __init__(self, python: Path, script: Path, word: str) -> None:
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}
        environment = {**os.environ, **threads, "KERAS_BACKEND": "torch", "PYTHONWARNINGS": "ignore"}
        self.name = word
        self._errors = TemporaryFile("w+")  # noqa: SIM115 (a pipe would fill up and stop the peer)
        self._process = subprocess.Popen(
            [str(python), str(script), word],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment,
        )

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101, for mypy
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _died(self) -> ToolError:
        self._errors.seek(0)
        last = self._errors.read().strip().splitlines()[-1:]
        return ToolError(f"[bench bo] {self.name} ended: {last[0] if last else 'no message'}")

    def search(self, problem: Problem, seed: int) -> tuple[Suggest, Told]:
        self._send({"space": problem.learned().to_list(), "seed": seed, "directions": problem.objectives})
        results: list[list[float]] = []

        def suggest() -> tuple[Values, float] | None:
            if results:
                self._send({"value": results.pop()})
            assert self._process.stdout is not None  # noqa: S101, for mypy
            line = self._process.stdout.readline()
            if not line:
                raise self._died()
            answer = json.loads(line)
            return (answer["values"], answer["cpu"]) if answer["values"] else None

        return suggest, results.append

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()


@dataclass(frozen=True)
class Entry:
    """A player's name, the seeds that it plays by default, how to begin, and how many objectives it takes at most."""

    name: str
    seeds: int
    begin: Callable[[], Player]
    objectives: int = 2


# The environment, its packages, the seeds of the default run (the dear ones play fewer), the objectives that it takes
# (KerasTuner sums several: no front).
PEERS = {
    "optuna_tpe": ("optuna", "optuna", 10, 2),
    "optuna_gp": ("optuna", "optuna torch scipy", 5, 2),
    "keras_tuner": ("keras_tuner", "keras keras-tuner torch six kt-legacy grpcio protobuf scikit-learn scipy", 3, 1),
    "botorch": ("botorch", "botorch torch", 3, 1),
}


def check_peers(names: Iterable[str]) -> None:
    """ConfigError where a name is no peer's."""
    for name in names:
        if name not in PEERS:
            raise ConfigError(f"[bench bo] --peers must be of {', '.join(PEERS)}; got {name!r}")


def entry(name: str, environments: Path, scripts: Path) -> Entry:
    """The player of a name that `check_peers` let pass; a peer's environment is made where it is missing."""
    if name == "qkdflow":
        return Entry(name, 20, Ours)
    if name == "random":
        return Entry(name, 20, Random)
    folder, packages, seeds, objectives = PEERS[name]
    script = scripts / f"{folder}_peer.py"
    if not script.exists():
        raise ToolError(f"[bench bo] {script} is missing: give --scripts, the checkout's tests/bench/bo_peers")
    python = environments / folder / "bin/python"
    if not python.exists():
        for command in (
            [sys.executable, "-m", "venv", folder],
            [str(python), "-m", "pip", "install", *packages.split()],
        ):
            done = call("bench bo", command, environments, cure="Make it by hand")
            if done.code:
                last = done.said.strip().splitlines()[-1:]
                raise ToolError(f"[bench bo] cannot make the environment of {name}: {last[0] if last else command}")
    return Entry(name, seeds, lambda: Peer(python, script, name), objectives)
