"""Compression methods side by side at equal budgets, in a directory in which they resume: `qkdflow compress`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow import plots, stages, teachers
from qkdflow._core import Key
from qkdflow.accuracy import margin
from qkdflow.compression import FLOAT_BITS, CompressionConfig
from qkdflow.datasets import Dataset
from qkdflow.errors import DataError
from qkdflow.files import digest, read_json, write_atomic, write_json
from qkdflow.models import Model, load_model
from qkdflow.progress import progress
from qkdflow.runs import Run, Step, open_run

COLUMNS = ("method", "accuracy (test)", "parameters", "zeros", "bits", "EBOPs", "bytes", "teacher's bytes over these")


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is compared: one student on one data set, under one teacher where there is one."""

    student: Model
    data: Dataset
    teacher: Model | None
    config: CompressionConfig
    seed: int = 0
    teacher_config: CompressionConfig | None = None  # how the teacher is compressed before it teaches
    teacher_bits: int = 8
    seeds: int = 1  # trainings of each method from different keys; accuracies are reported as mean and spread

    def run(self, methods: Sequence[str], out: str | Path) -> dict[str, Any]:
        """Trains what is not there yet; writes compress.json, compress.md and compress.svg, and returns the first."""
        configs = [replace(self.config, method=m) for m in methods]
        with open_run(Path(out), self._settings(), self._steps(configs, Path(out))) as directory:
            teacher, compressed = self._teacher(directory)
            logits = None
            if teacher is not None and any(c.distils for c in configs):
                logits = stages.teacher_logits(teacher, self.data)
            rows: list[list[dict[str, Any]]] = []
            with progress("compress", len(configs) * self.seeds) as bar:
                for config in configs:
                    found = []
                    for seed in range(self.seeds):
                        found.append(self._one(directory, config, seed, teacher, logits))
                        bar.update(self.seeds * len(rows) + len(found), found[-1]["accuracy_valid"])
                    rows.append(found)
            report = self._report([_row(found) for found in rows])
            if compressed:
                report["teacher_compressed"] = compressed
            write_json(directory.path / "compress.json", report)
            write_atomic(directory.path / "compress.md", markdown(report))
            plots.accuracy_against_size(report).savefig(directory.path / "compress.svg")
        return report

    def _teacher(self, directory: Run) -> tuple[Model | None, dict[str, Any]]:
        """Who teaches, and what compressing it changed."""
        teacher, config = self.teacher, self.teacher_config
        if teacher is None or config is None:
            return teacher, {}

        def compute(folder: Path) -> tuple[Model, dict[str, Any]]:
            key = Key(self.seed).fold("compress teacher")
            made = stages.compress_teacher(teacher, self.data, self.teacher_bits, config, key)
            found = teachers.before_after(teacher, made, self.data, folder)
            write_json(folder / "facts.json", found)
            return made.model, found

        def load(folder: Path) -> tuple[Model, dict[str, Any]]:
            return load_model(folder / "after"), dict(read_json(folder / "facts.json"))

        return directory.stage("teacher", compute, load)

    def _one(
        self,
        directory: Run,
        config: CompressionConfig,
        seed: int,
        teacher: Model | None,
        logits: NDArray[np.float32] | None,
    ) -> dict[str, Any]:
        def compute(folder: Path) -> dict[str, Any]:
            key = Key(self.seed).fold("compress").fold(seed)
            try:
                made = stages.compress(self.student, self.data, logits, config, key, teacher=teacher)
            except DataError as error:
                raise DataError(f"[seed {seed} of 0 to {self.seeds - 1}] {error}") from error
            made.model.save(folder / "model")
            if made.fixed is not None:
                made.fixed.save(folder / "fixed")
            write_json(folder / "history.json", made.trained.history.history)
            facts = made.facts(self.data)
            write_json(folder / "facts.json", facts)
            return facts

        return directory.stage(_name(config.method, seed), compute, lambda d: dict(read_json(d / "facts.json")))

    def _steps(self, configs: Sequence[CompressionConfig], path: Path) -> list[Step]:
        """All aside: other methods or seeds, more or fewer, leave what is there."""
        names = {_name(config.method, seed) for config in configs for seed in range(self.seeds)}
        names |= {folder.name for folder in path.glob("*_*") if folder.name.rpartition("_")[2].isdigit()}
        settings, steps = self._settings(), []
        for name in sorted(names):
            method, _, seed = name.rpartition("_")
            steps.append(Step(name, {**settings, "method": method, "seed": int(seed)}, aside=True))
        return [Step("teacher", settings, aside=True), *steps]

    def _settings(self) -> dict[str, Any]:
        config = {k: v for k, v in asdict(self.config).items() if k != "method"}
        return {
            **config,
            "seed": self.seed,
            "teacher_config": None if self.teacher_config is None else asdict(self.teacher_config),
            "teacher_bits": self.teacher_bits,
            "student": _topology(self.student),
            "teacher": None if self.teacher is None else _topology(self.teacher),
            "teacher_weights": None if self.teacher is None else digest(self.teacher.get_weights().values),
            "data": digest((self.data.x, self.data.y, *self.data.indices)),
            "input_type": str(self.data.input_type),
            "class_names": list(self.data.class_names),
        }

    def _report(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        report: dict[str, Any] = {
            "data": self.data.name,
            "samples_test": len(self.data.test.x),
            "seed": self.seed,
            "settings": {k: v for k, v in asdict(self.config).items() if k != "method"},
            "methods": rows,
        }
        if self.teacher is not None:
            parameters = self.teacher.count_params()
            _, accuracy = self.teacher.evaluate(*self.data.test)
            report["teacher"] = {
                "accuracy_test": accuracy,
                "parameters": parameters,
                "size_bits": FLOAT_BITS * parameters,
            }
        return report


def _name(method: str, seed: int) -> str:
    return f"{method}_{seed}"


def markdown(report: dict[str, Any]) -> str:
    """A table of the methods, and one line about what was equal."""
    teacher = report.get("teacher")
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS)]
    if teacher:
        cells = ["teacher", f"{teacher['accuracy_test']:.4f}", f"{teacher['parameters']:,}", "", "float32", ""]
        cells += [f"{teacher['size_bits'] / 8:,.0f}", ""]
        lines.append(f"| {' | '.join(cells)} |")
    for row in report["methods"]:
        spread = f" ± {row['accuracy_test_std']:.4f}" if row["seeds"] > 1 else ""
        bits = "float32" if row["bits"] == FLOAT_BITS else str(row["bits"])
        ratio = f"{teacher['size_bits'] / row['size_bits']:.1f}" if teacher else ""
        cells = [row["method"], f"{row['accuracy_test']:.4f}{spread}", f"{row['parameters']:,}"]
        cells += [f"{100 * row['sparsity']:.1f} %", bits, "" if row["ebops"] is None else f"{row['ebops']:,}"]
        cells += [f"{row['size_bits'] / 8:,.0f}", ratio]
        lines.append(f"| {' | '.join(cells)} |")
    first = report["methods"][0]
    batch = report["settings"]["batch_size"]
    equal = f"{first['epochs']} epochs, {first['steps']:,} optimiser steps of {batch} samples"
    lines += ["", f"{report['data']}, {report['samples_test']:,} test samples, seeds {first['seeds']}. Each: {equal}."]
    if first["seeds"] > 1:
        lines.append(
            "Accuracies: mean ± standard deviation over the seeds; zeros are the least of them, sizes the most."
        )
    else:
        least = min(row["accuracy_test"] for row in report["methods"])
        chance = margin(least, least, report["samples_test"])
        lines.append(f"One seed each: differences below {chance:.4f} may be chance. Give --seeds for more.")
    for row in report["methods"]:
        if row["failing"]:
            lines.append(f"{row['method']} came to nothing: {row['failing']}. Raise --bits, or lower --learning-rate.")
    compressed = report.get("teacher_compressed")
    return "\n".join(lines) + "\n" + (f"\n{teachers.markdown(compressed)}" if compressed else "")


def _row(found: list[dict[str, Any]]) -> dict[str, Any]:
    """One method over its seeds: means, the spread (standard deviation) of accuracies, the least sparsity, and the most
    of what a seed costs: learned bits and removed neurons differ."""
    row = dict(found[0])
    for name in ("accuracy_test", "accuracy_valid"):
        values = np.array([f[name] for f in found])
        row[name], row[f"{name}_std"] = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    for name in ("parameters", "bits", "size_bits", "ebops"):
        row[name] = None if row[name] is None else max(f[name] for f in found)
    failing = next((f"seed {seed}, {f['failing']}" for seed, f in enumerate(found) if f.get("failing")), None)
    return {**row, "sparsity": min(f["sparsity"] for f in found), "seeds": len(found), "failing": failing}


def _topology(model: Model) -> dict[str, Any]:
    layers = [layer.config() for layer in model.layers]
    return {"layers": layers, "inbound": {name: list(sources) for name, sources in model.inbound.items()}}
