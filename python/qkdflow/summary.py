"""What a run found, gathered into the report: the test part is looked at here, and nowhere before."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow import _core
from qkdflow.accuracy import confusion_matrix
from qkdflow.compression import FLOAT_BITS
from qkdflow.config import RunConfig
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError
from qkdflow.files import read_json
from qkdflow.fixed import FixedModel
from qkdflow.freeze import inexact_layers
from qkdflow.hardware.estimator import estimate
from qkdflow.report import activation_summary, layer_rows, pulse_summary, weight_summary, write_report
from qkdflow.runs import Run
from qkdflow.stages import Trained
from qkdflow.tune import Study


class Report:
    """Collects the parts of report.json in the order in which the line makes them."""

    def __init__(self, config: RunConfig, data: Dataset) -> None:
        self.config, self.data = config, data
        parts = {name: len(getattr(data, name).y) for name in ("train", "valid", "test")}
        self.parts: dict[str, Any] = {
            "dataset": {
                "name": data.name,
                "source": _source(config),
                "samples": data.samples,
                "classes": data.classes,
                "class_names": data.class_names,
                "split": parts,
                "constant_features": data.constant_features,
                "pulses": pulse_summary(data),
            }
        }

    def part(self, name: str, value: dict[str, Any]) -> None:
        self.parts[name] = value

    def baselines(self, linear: Trained, trees: dict[str, Any] | None) -> None:
        self.parts["baselines"] = {
            "linear": {
                "accuracy_test": self._accuracy(linear.model.logits(self.data.test.x)),
                "parameters": linear.model.count_params(),
            },
            "boosted_trees": trees or {"not_run": "scikit-learn is not installed"},
        }

    def search(self, name: str, study: Study) -> None:
        self.parts[name] = search_part(study)

    def networks(self, teacher: Trained, student: Trained, fixed: FixedModel) -> None:
        """Teacher in float32; the student is the frozen network, whose integers the hardware computes with."""
        x = self.data.test.x
        teacher_logits, student_logits = teacher.model.logits(x), fixed.predict(x)
        parameters = teacher.model.count_params()
        self.parts["teacher"] = {
            "parameters": parameters,
            "accuracy_test": self._accuracy(teacher_logits),
            "layers": [{"name": layer.name, "kind": type(layer).__name__} for layer in teacher.model.layers],
            "confusion_test": self._confusion(teacher_logits),
            "history": teacher.history.history,
        }
        self.parts["student"] = {
            "parameters": fixed.parameters,
            "nonzero": fixed.nonzero,
            "bits": fixed.bits,
            "sparsity": fixed.sparsity,
            "accuracy_test": self._accuracy(student_logits),
            "layers": layer_rows(fixed),
            "confusion_test": self._confusion(student_logits),
            "history": student.history.history,
            "weights": weight_summary(fixed),
            "activations": activation_summary(fixed, x),
        }
        self.parts["compression_ratio"] = parameters / fixed.parameters
        self.parts["size_bits"] = {"teacher": FLOAT_BITS * parameters, "student": fixed.size_bits}
        self.parts["estimate"] = estimate_part(self.config, fixed)
        trained, exact = student.model.logits(x), student.model.exact_logits(x)
        inexact = inexact_layers(student.model, fixed)
        self.parts["float_vs_fixed"] = {
            "samples": len(x),
            "accuracy_test": self._accuracy(trained),
            "class_changes": _other_classes(trained, student_logits),
            **(
                {"inexact_layers": list(inexact), "exact_class_changes": _other_classes(exact, student_logits)}
                if inexact
                else {"exact_mismatches": int(np.count_nonzero(exact != student_logits))}
            ),
        }

    def write(self, run: Run) -> dict[str, Any]:
        """report.json and report.html in the run's directory."""
        config = self.config.to_dict()
        hls = {k: v for k, v in config.pop("hls").items() if v is not None}
        hls["part"] = self.config.hls.part_name
        self.parts["hls"] = {**hls, **self.parts["hls"]}
        whole = {
            **self.parts,
            "timings": run.timings,
            "versions": _versions(),
            "seed": self.config.seed,
            "budget": self.config.budget,
            "config": config,
            **_measured(run),
        }
        return write_report(run.path, whole)

    def _accuracy(self, logits: ArrayLike) -> float:
        return float(np.mean(np.argmax(logits, axis=1) == self.data.test.y))

    def _confusion(self, logits: ArrayLike) -> list[list[int]]:
        found: list[list[int]] = confusion_matrix(
            self.data.test.y, np.argmax(logits, axis=1), self.data.classes
        ).tolist()
        return found


def _measured(run: Run) -> dict[str, Any]:
    """What boards and vendors' tools said of this hand-over, in the report that is already there."""
    if "08_overlay" in run.made or not (run.path / "report.json").exists():
        return {}
    there = read_json(run.path / "report.json")
    return {name: there[name] for name in ("board", "vendor") if name in there}


def _other_classes(some: NDArray[Any], others: NDArray[Any]) -> int:
    return int(np.count_nonzero(some.argmax(axis=1) != others.argmax(axis=1)))


def estimate_part(config: RunConfig, fixed: FixedModel) -> dict[str, Any]:
    """What the run's hls4ml project needs of its part, or why the estimator cannot tell."""
    hls = config.hls
    try:
        return estimate(
            fixed,
            part=hls.part_name,
            clock_ns=hls.clock_ns,
            reuse_factor=hls.reuse_factor,
            strategy=hls.strategy,
            io=hls.io_type,
        ).to_dict()
    except ConfigError as error:
        return {"not_run": str(error).removeprefix("[estimate] ")}


def search_part(study: Study) -> dict[str, Any]:
    """A search in report.json: its trials, and what its model is made anew from."""
    trials = [
        {
            "number": t.number,
            "values": t.values,
            "objective": t.value,
            "state": t.state,
            "parameters": t.info.get("parameters"),
        }
        for t in study.trials
    ]
    best = study.best
    number = None if best is None else best.number
    return {
        "trials": trials,
        "best": next((t for t in trials if t["number"] == number), None),
        "space": study.space.to_list(),
        "seed": study.seed,
    }


def _source(config: RunConfig) -> str:
    if config.is_simulated:
        page = config.data.partition("-")[0] if config.data.startswith("pest") else config.data
        source = f"Synthetic: simulated, with the parameters in docs/datasets/{page}.md."
    elif config.data.lower().endswith(".csv"):
        source = f"Read from {Path(config.data).name}, label column {config.label}."
    else:
        source = f"Read from {Path(config.data).name}."
    rows = config.work.train_rows
    return f"{source} At most {rows:,} rows of the train part were trained on." if rows else source


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("qkdflow", "numpy", "hls4ml")}
    return {
        **found,
        "python": platform.python_version(),
        "simd": _core.simd_level(),
        "oneDNN": ".".join(map(str, _core.onednn_version())),
    }
