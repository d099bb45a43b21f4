"""The whole line in a run directory, resumable: what `qkdflow run` does."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from qkdflow import baselines, importers, stages
from qkdflow._core import Key
from qkdflow.assess import Assessment
from qkdflow.config import Budget, RunConfig
from qkdflow.datasets import Dataset
from qkdflow.datasets.load import files_of
from qkdflow.errors import DataError
from qkdflow.export.csim import compare, compile_csim, compiler_problem
from qkdflow.export.hls import HlsProject
from qkdflow.files import read_json, write_json
from qkdflow.fixed import FixedModel
from qkdflow.hardware.simulated import simulated_device
from qkdflow.models import History, Model, load_model
from qkdflow.overlay import Overlay
from qkdflow.progress import progress
from qkdflow.report.card import RunReport
from qkdflow.runs import Run, Step, open_run
from qkdflow.stages import Trained
from qkdflow.summary import Report
from qkdflow.tune import Study
from qkdflow.tune.journal import has_results


class _Artifact(Protocol):
    def save(self, folder: Path, /) -> None: ...


A = TypeVar("A", bound=_Artifact)
_JOURNAL = "journal.jsonl"
_PIECE = 1 << 20  # bytes of a file that are hashed at once


@dataclass(frozen=True, repr=False)
class RunResult:
    """What a run directory holds, loaded."""

    path: Path
    dataset: Dataset
    teacher: Model
    student: Model
    fixed: FixedModel
    hls: HlsProject
    overlay: Overlay
    assessment: Assessment
    report: RunReport

    def __repr__(self) -> str:
        student = self.report["student"]
        return f"RunResult({self.path}: {student['parameters']} parameters, {student['accuracy_test']:.4f} on test)"

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


def run(config: RunConfig, out: str | Path, dask: str | None = None) -> RunReport:
    """Walks the whole line into `out` and returns the report. What is already there is not computed again.

    `dask`: the scheduler whose workers run the searches' trials, config.jobs at a time; the results are the same.
    """
    with open_run(Path(out), config.to_dict(), _steps(config)) as directory:
        return RunReport(directory.path, _Line(directory, config, dask).walk())


def load_run(out: str | Path) -> RunResult:
    """The artefacts of a finished run. DataError where a stage is missing or damaged."""
    path = Path(out)
    report = load_report(path)
    return RunResult(
        path,
        Dataset.load(path / "01_dataset"),
        load_model(path / "03_teacher"),
        load_model(path / "05_student"),
        FixedModel.load(path / "06_fixed"),
        HlsProject.load(path / "07_hls" / "project"),
        Overlay.load(path / "08_overlay"),
        Assessment.load(path / "09_assessment"),
        report,
    )


def load_report(path: Path) -> RunReport:
    """report.json of a finished run. DataError where there is none."""
    if not (path / "report.json").exists():
        raise DataError(f"[{path}] holds no finished run. Finish it with: qkdflow run ... --out {path}")
    return RunReport(path, read_json(path / "report.json"))


def _steps(config: RunConfig) -> list[Step]:
    """The stages of a run, and which settings each depends on."""
    work, hls = config.work, config.to_dict()["hls"]
    data = {
        "data": config.data,
        "label": config.label,
        "seed": config.seed,
        "samples": work.samples,
        "train_rows": work.train_rows,
        "image_size": config.image_size,
        **({} if config.is_simulated else {"sha256": file_digest(config.data)}),
    }
    trees = find_spec("sklearn") is not None
    linear = {"epochs": work.baseline_epochs, "least_steps": work.least_steps, "trees": trees}
    # What RunConfig.estimate reads beside the constraints: scores of students depend on it.
    estimated = {} if config.limited is None else {"hls": hls}
    students = {
        "bits": config.bits,
        "sparsity": config.sparsity,
        "max_parameters": config.max_parameters,
        "digits": config.digits,
        "constraints": config.constraints,
        "cost": config.cost,
        "trials": work.student_trials,
        "epochs": work.student_trial_epochs,
        "jobs": config.jobs,
        "network": config.student_network,
        "augmentation": asdict(config.augmentation),
        **estimated,
    }
    student = {
        "epochs": work.student_epochs,
        "least_steps": work.least_steps,
        "restarts": work.student_restarts,
        **estimated,
    }
    compiled = {"hls": hls, "compiler": compiler_problem(config.hls.backend) is None}
    return [
        Step("01_dataset", data, remade_for=None),
        Step("01_baselines", linear, aside=True, remade_for=None),
        *_teacher_steps(config),
        Step("04_student_search", students, begun=_has_trials),
        Step("05_student", student),
        Step("06_fixed", {}),
        # A wrong reuse factor must not cost a search.
        Step("07_hls", compiled, remade_for=("hls",)),
        Step("08_overlay", {"transport": config.transport}, remade_for=("hls", "transport")),
        Step("09_assessment", {}, remade_for=("hls", "transport")),
    ]


def _teacher_steps(config: RunConfig) -> list[Step]:
    if config.teacher is not None:
        folder = Path(config.teacher)
        files = [folder / "model.json", folder / "model.npz"] if folder.is_dir() else importers.parts(folder)
        return [Step("03_teacher", {"teacher": [file_digest(file) for file in files]})]
    searched = {
        "trials": config.work.teacher_trials,
        "epochs": config.work.teacher_trial_epochs,
        "jobs": config.jobs,
        "network": config.teacher_network,
        "augmentation": asdict(config.augmentation),
    }
    pretext = {**_pretext(config.work), "network": config.teacher_network}
    return [
        *([Step("02_pretext", pretext)] if config.pretrains else []),
        Step("02_teacher_search", searched, begun=_has_trials),
        Step("03_teacher", {"epochs": config.work.teacher_epochs, "least_steps": config.work.least_steps}),
    ]


def _pretext(work: Budget) -> dict[str, int]:
    return {"samples": work.pretext_samples, "epochs": work.pretext_epochs}


def _has_trials(folder: Path) -> bool:
    return has_results(folder / _JOURNAL)


class _Line:
    """The stages of one run; each method computes a folder, or loads it."""

    def __init__(self, directory: Run, config: RunConfig, dask: str | None) -> None:
        self.run, self.config, self.work, self.dask = directory, config, config.work, dask

    def key(self, stage: str) -> Key:
        return Key(self.config.seed).fold(stage)

    def walk(self) -> dict[str, Any]:
        data = self.dataset()
        if self.config.teacher is not None:  # refused before anything is trained
            stages.given_teacher(self.config.teacher, data)
        stages.check_limit(data, self.config)
        report = Report(self.config, data)
        report.baselines(*self.baselines(data))
        if self.config.teacher is None:
            base = self.pretrained(report) if self.config.pretrains else None
            study = self.teacher_search(data, base)
            report.search("teacher_search", study)
            teacher = self.teacher(data, study, base)
        else:
            teacher = self.given_teacher(data)
        logits = stages.teacher_logits(teacher.model, data)
        study = self.student_search(data, logits)
        report.search("student_search", study)
        stages.check_project(data, study, self.config)
        student = self.student(data, logits, study)
        fixed = self.run.stage(
            "06_fixed",
            lambda d: _saved(stages.freeze(student.model, data.class_names), d),
            FixedModel.load,
        )
        report.networks(teacher, student, fixed)
        project, verified = self.hls(data, fixed)
        report.part("hls", verified)
        overlay = self.overlay(data, fixed, project)
        report.part("assessment", self.assess(overlay, project).to_dict())
        return report.write(self.run)

    def dataset(self) -> Dataset:
        with progress("dataset", 1) as bar:
            data = self.run.stage("01_dataset", lambda d: _saved(stages.dataset(self.config), d), Dataset.load)
            bar.update(1)
        return data

    def baselines(self, data: Dataset) -> tuple[Trained, dict[str, Any] | None]:
        def compute(folder: Path) -> tuple[Trained, dict[str, Any] | None]:
            linear = stages.train_linear(data, self.work, self.key("linear"))
            trees = baselines.boosted_trees(data, self.config.seed % 2**32)  # scikit-learn's seeds have 32 bits
            bar.update(2)
            _save_trained(linear, folder / "linear")
            write_json(folder / "boosted_trees.json", trees)
            return linear, trees

        def load(folder: Path) -> tuple[Trained, dict[str, Any] | None]:
            return _load_trained(folder / "linear"), read_json(folder / "boosted_trees.json")

        with progress("baselines", 2) as bar:
            return self.run.stage("01_baselines", compute, load)

    def pretrained(self, report: Report) -> Model:
        def compute(folder: Path) -> Trained:
            trained = stages.pretrain(self.config, self.key("pretext"))
            bar.update(1, stages.best_accuracy(trained.history))
            return _save_trained(trained, folder)

        with progress("pretext", 1) as bar:
            base = self.run.stage("02_pretext", compute, _load_trained)
        found = {"task": "textures", **_pretext(self.work), "accuracy_valid": stages.best_accuracy(base.history)}
        report.part("pretext", found)
        return base.model

    def teacher_search(self, data: Dataset, base: Model | None) -> Study:
        with progress("teacher search", self.work.teacher_trials) as bar:

            def search(folder: Path) -> Study:
                journal, key = folder / _JOURNAL, self.key("teacher search")
                return stages.search_teacher(data, self.config, key, journal, bar.update, self.dask, base)

            return self.run.stage("02_teacher_search", search, search)

    def teacher(self, data: Dataset, study: Study, base: Model | None) -> Trained:
        def compute(folder: Path) -> Trained:
            trained = stages.train_teacher(data, study, self.config, self.key("teacher"), base)
            bar.update(1, stages.best_accuracy(trained.history))
            return _save_trained(trained, folder)

        with progress("teacher", 1) as bar:
            return self.run.stage("03_teacher", compute, _load_trained)

    def given_teacher(self, data: Dataset) -> Trained:
        path = str(self.config.teacher)

        def compute(folder: Path) -> Trained:
            return _save_trained(Trained(stages.given_teacher(path, data), History({})), folder)

        return self.run.stage("03_teacher", compute, _load_trained)

    def student_search(self, data: Dataset, logits: NDArray[np.float32]) -> Study:
        with progress("student search", self.work.student_trials) as bar:

            def search(folder: Path) -> Study:
                journal, key = folder / _JOURNAL, self.key("student search")
                return stages.search_student(data, logits, self.config, key, journal, bar.update, self.dask)

            return self.run.stage("04_student_search", search, search)

    def student(self, data: Dataset, logits: NDArray[np.float32], study: Study) -> Trained:
        def compute(folder: Path) -> Trained:
            trained = stages.train_student(data, logits, study, self.config, self.key("student"), bar.update)
            return _save_trained(trained, folder)

        with progress("student", self.work.student_restarts) as bar:
            return self.run.stage("05_student", compute, _load_trained)

    def hls(self, data: Dataset, fixed: FixedModel) -> tuple[HlsProject, dict[str, Any]]:
        """The hls4ml project and, where a compiler is there, its csim against the emulator on the whole test part."""
        missing = compiler_problem(self.config.hls.backend)

        def compute(folder: Path) -> tuple[HlsProject, dict[str, Any]]:
            project = stages.write_hls(fixed, folder / "project", self.config.hls)
            if missing:
                verified: dict[str, Any] = {"not_run": missing}
            else:
                csim = compile_csim(project)
                outputs, mismatches = compare(fixed.predict(data.test.x), csim.predict(data.test.x))
                verified = {
                    "outputs_compared": outputs,
                    "mismatches": mismatches,
                    "seconds_to_compile": csim.seconds_to_compile,
                }
            verified["warnings"] = list(project.warnings)
            write_json(folder / "verified.json", verified)
            bar.update(1)
            return project, verified

        def load(folder: Path) -> tuple[HlsProject, dict[str, Any]]:
            return HlsProject.load(folder / "project"), read_json(folder / "verified.json")

        with progress("hls project and csim", 1) as bar:
            return self.run.stage("07_hls", compute, load)

    def overlay(self, data: Dataset, fixed: FixedModel, project: HlsProject) -> Overlay:
        transport = self.config.transport
        return self.run.stage(
            "08_overlay",
            lambda d: stages.build_overlay(fixed, data, d, project, transport),
            Overlay.load,
        )

    def assess(self, overlay: Overlay, project: HlsProject) -> Assessment:
        def compute(folder: Path) -> Assessment:
            done = stages.assess(overlay, simulated_device(overlay.directory, project))
            bar.update(done.samples, done.accuracy)
            return _saved(done, folder)

        with progress("assessment", overlay.samples) as bar:
            return self.run.stage("09_assessment", compute, Assessment.load)


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes, or of the names, sizes and bytes of what a folder's data set is read from.

    DataError where they cannot be read.
    """
    path, digest = Path(path), hashlib.sha256()
    try:
        for name in files_of(path):
            with name.open("rb") as file:
                if name != path:
                    size = os.fstat(file.fileno()).st_size
                    digest.update(f"{name.relative_to(path).as_posix()}\0{size}\0".encode())
                while piece := file.read(_PIECE):
                    digest.update(piece)
    except OSError as error:
        raise DataError(f"[{error.filename or path}] must be a readable file: {error.strerror}") from error
    return digest.hexdigest()


def _saved(artifact: A, folder: Path) -> A:
    artifact.save(folder)
    return artifact


def _save_trained(trained: Trained, folder: Path) -> Trained:
    trained.model.save(folder)
    write_json(folder / "history.json", trained.history.history)
    return trained


def _load_trained(folder: Path) -> Trained:
    return Trained(load_model(folder), History(read_json(folder / "history.json")))
