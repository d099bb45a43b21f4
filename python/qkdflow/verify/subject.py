"""What there is to verify in a directory: a frozen network, and what it was made from and into."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError, DataError
from qkdflow.export.hls import HlsProject
from qkdflow.files import read_json
from qkdflow.fixed import FixedModel
from qkdflow.freeze import freeze
from qkdflow.models import Model, load_model
from qkdflow.overlay import RUN_FOLDER, Overlay
from qkdflow.rtl.project import NOTE, RtlProject

RANDOM_SAMPLES = 1000  # where there is no data set


@dataclass(frozen=True)
class Subject:
    """x: raw inputs, float64 (n, *input_shape), `about` which they are. What is not there is None."""

    directory: Path
    fixed: FixedModel
    x: NDArray[np.float64]
    about: str
    student: Model | None = None
    project: HlsProject | None = None
    overlay: Overlay | None = None
    rtl: RtlProject | None = None
    vendor_rtl: Path | None = None
    packed: bool = True  # of the vendor's streams
    dummies: int = 0  # samples that flush the vendor's pipeline


def load(directory: str | Path, samples: int | None = None, what: str = "verify") -> Subject:
    """A run's directory, a student that `Model.save` wrote, a frozen network, or an hls4ml project of ours.

    samples: the first so many of the run's test part, or so many random ones where there is no data set. what: the verb
    that asks. Raises DataError where the directory holds none of these.
    """
    path = Path(directory)
    if samples is not None and samples < 1:
        raise ConfigError(f"[{what}] --samples must be a whole number from 1 on; got {samples}")
    if (path / "run.json").is_file():
        return _run(path, samples, what)
    count = RANDOM_SAMPLES if samples is None else samples
    if (path / "source" / "hls.json").is_file():
        project = HlsProject.load(path)
        return Subject(path, project.fixed, _random(project.fixed, count), _drawn(count), project=project)
    found = read_json(path / "model.json") if (path / "model.json").is_file() else None
    kind = str(found.get("format")) if isinstance(found, dict) else ""
    if kind.startswith("qkdflow.model/"):
        student = load_model(path)
        fixed = freeze(student)
        return Subject(path, fixed, _random(fixed, count), _drawn(count), student)
    if kind.startswith("qkdflow.fixed/"):
        fixed = FixedModel.load(path)
        return Subject(path, fixed, _random(fixed, count), _drawn(count))
    got = "nothing there"
    if path.exists():
        got = "a folder with none of run.json, model.json and source/hls.json" if path.is_dir() else "a file"
    raise DataError(
        f"[{what} {path}] the folder of a run, a saved student, a frozen network or an hls4ml project of qkdflow is "
        f"required; got {got}"
    )


def _run(path: Path, samples: int | None, what: str) -> Subject:
    if not (path / "06_fixed" / "model.json").is_file():
        raise DataError(f"[{what} {path}] the run has frozen nothing yet. Finish it with: qkdflow run ... --out {path}")
    test = Dataset.load(path / "01_dataset").test
    x = np.asarray(test.x[:samples], dtype=np.float64)
    project, overlay = path / "07_hls" / "project", path / RUN_FOLDER
    return Subject(
        path,
        FixedModel.load(path / "06_fixed"),
        x,
        f"{len(x)} samples of the test part",
        load_model(path / "05_student") if (path / "05_student" / "model.json").is_file() else None,
        HlsProject.load(project) if (project / "source" / "hls.json").is_file() else None,
        Overlay.load(overlay) if (overlay / "manifest.json").is_file() else None,
        RtlProject.load(path / "rtl") if (path / "rtl" / NOTE).is_file() else None,
    )


def _drawn(count: int) -> str:
    return f"{count} random samples"


def _random(fixed: FixedModel, count: int) -> NDArray[np.float64]:
    """Uniform over all codes of the input type."""
    kind, shape = fixed.input_type, (count, *fixed.input_shape)
    span = kind.high_code - kind.low_code + 1
    drawn = np.floor(np.asarray(Key(0).fold("verify").uniform(math.prod(shape)), dtype=np.float64) * span)
    return kind.decode(kind.low_code + np.minimum(drawn.astype(np.int64), span - 1).reshape(shape))
