"""Accuracies and compression ratios that must not fall: `python -m pytest tests/regression`, all of it with `-m full`.

Beside each floor stand the value measured and its CPU seconds, all threads, on a shared two-core x86-64 with AVX-512.
Budget quick, seed 0; `full` holds the paper budget and the ten folds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from lines import Walked, walk
from qkdflow import hypermodels, settings, stages
from qkdflow.comparison import Comparison
from qkdflow.compression import CompressionConfig
from qkdflow.tune import HyperParameters

sys.path.append(str(Path(__file__).parents[1] / "bench"))
from skip_removal import images, measured

SHARED = Path(os.environ.get("QKDFLOW_SHARED", Path(__file__).parents[3] / "shared")) / "data"
MNIST, CLYC = SHARED / "mnist", SHARED / "clyc/clyc.csv"
CIFAR = SHARED / "cifar10/cifar10-jpeg.tar.xz"


@pytest.fixture(scope="module")
def cifar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not CIFAR.exists():
        pytest.skip(f"no {CIFAR}")
    folder = tmp_path_factory.mktemp("cifar")
    with tarfile.open(CIFAR) as archive:
        archive.extractall(folder, filter="data")
    return folder


def floors(walked: Walked, *, student: float, teacher: float, ratio: float, sparsity: float) -> None:
    assert walked.student >= student
    assert walked.teacher >= teacher
    assert walked.ratio >= ratio
    assert walked.sparsity >= sparsity


def test_psd() -> None:
    """Measured 99.56 %, 524 parameters, 27.8x, 20.6 % zeros; teacher 99.67 %; linear 95.44 %; 13 s."""
    walked = walk("psd")
    floors(walked, student=0.990, teacher=0.993, ratio=20.0, sparsity=0.2)
    assert walked.parameters <= 529
    assert walked.linear <= 0.97


def test_gamma_neutron() -> None:
    """Measured 99.78 %, 852 parameters, 17.1x, 30.0 % zeros; teacher 99.56 %; linear 93.44 %; 13 s. Synthetic."""
    walked = walk("gamma-neutron")
    floors(walked, student=0.985, teacher=0.99, ratio=10.0, sparsity=0.3)
    assert walked.parameters <= 950
    assert walked.linear <= 0.97


@pytest.mark.skipif(not MNIST.exists(), reason=f"no {MNIST}")
def test_mnist_mlp() -> None:
    """Measured 90.33 %, 7,199 parameters, 24.8x, 49.1 % zeros; teacher 97.45 %; linear 92.33 %; 53 s."""
    walked = walk("mnist-mlp", data=str(MNIST))
    floors(walked, student=0.88, teacher=0.965, ratio=20.0, sparsity=0.49)
    assert walked.parameters <= 8847


@pytest.mark.skipif(not MNIST.exists(), reason=f"no {MNIST}")
def test_mnist_cnn() -> None:
    """Measured 96.15 %, 972 parameters, 2.1x, 48.0 % zeros; teacher 97.31 %; linear 91.14 %; 17 s."""
    walked = walk("mnist-cnn", data=str(MNIST))
    floors(walked, student=0.94, teacher=0.95, ratio=1.4, sparsity=0.48)
    assert walked.parameters <= 3816


def test_resnet20(cifar: Path) -> None:
    """Measured 38.32 %, 19,344 parameters, 14.2x, 30.0 % zeros; teacher 43.45 %; linear 24.96 %;
    57 s. Of 2,000 images."""
    walked = walk("resnet20", data=str(cifar))
    floors(walked, student=0.34, teacher=0.36, ratio=13.7, sparsity=0.3)
    assert walked.parameters <= 20_000


def test_quantisation_aware_training_beats_calibration(tmp_path: Path) -> None:
    """One student of 4 bits, the same epochs. Measured 99.39 % and 97.28 % (float32: 99.47 %), two seeds; 3 s."""
    config = settings.make_config(settings.preset("psd"))
    data = stages.dataset(config)
    student = hypermodels.student_family(data, 4, None, {})(HyperParameters())
    once = CompressionConfig(epochs=12)
    rows = Comparison(student, data, None, once, seeds=2).run(["q", "ptq"], tmp_path)["methods"]
    aware, calibrated = (row["accuracy_test"] for row in rows)
    print(f"\nq {aware:.4f}, ptq {calibrated:.4f}")
    assert aware >= 0.985
    assert aware >= calibrated + 0.005
    assert rows[0]["steps"] == rows[1]["steps"]


@pytest.mark.full
def test_psd_paper() -> None:
    """Measured (README.md): 99.70 %, 529 parameters, 45.0x, 20.1 % zeros; teacher 99.77 %; the whole row with
    its five seeds 4 CPU minutes. A drop of 0.74 points is the letter's."""
    walked = walk("psd", budget="paper")
    floors(walked, student=0.9905, teacher=0.995, ratio=27.0, sparsity=0.2)
    assert walked.teacher - walked.student <= 0.0074


# At the paper budget. Measured by docs/results, the run's own student or the median over seeds; the CPU time is that of
# the whole row, its five (images of pests: three) seeds and the compiler in it.
#                  student  parameters  ratio   zeros  teacher
# gamma-neutron    99.88 %         938   27.8  30.2 %  99.85 %  38 s; synthetic
# mnist-mlp        91.34 %       8,087   17.9  49.1 %  97.83 %  3.5 min; one seed of five: 83.32 %
# mnist-cnn        98.64 %       2,224    7.0  48.1 %  99.05 %  19 min
# mnist-cnn, 1762  98.21 %       1,154   13.5  49.2 %  99.06 %  14 min
# pest-cnn         99.58 %       1,842    292  50.1 %  98.01 %  63 min; synthetic
# vgg16            99.01 %       1,842   8044  60.1 %  99.88 %  94 min; synthetic; one seed of three: 91.30 %
# mobilenetv2      99.44 %       1,834   1860  50.0 %  99.26 %  14 min; synthetic; two of the 540 images are 0.4 points
# resnet20         64.10 %      19,344   14.2  31.4 %  76.02 %  33 min; CIFAR-10, 10,000 of its images
PAPER: list[tuple[str, dict[str, object], dict[str, float]]] = [
    ("gamma-neutron", {}, {"student": 0.985, "teacher": 0.99, "ratio": 6.7, "sparsity": 0.3}),
    ("mnist-mlp", {}, {"student": 0.88, "teacher": 0.97, "ratio": 16.0, "sparsity": 0.49}),
    ("mnist-cnn", {}, {"student": 0.98, "teacher": 0.985, "ratio": 4.0, "sparsity": 0.48}),
    (
        "mnist-cnn",
        {"bits": 8, "sparsity": 0.49, "max_parameters": 1762},
        {"student": 0.97, "teacher": 0.985, "ratio": 8.8, "sparsity": 0.49},
    ),
    ("pest-cnn", {}, {"student": 0.96, "teacher": 0.96, "ratio": 145.0, "sparsity": 0.5}),
    ("vgg16", {}, {"student": 0.96, "teacher": 0.975, "ratio": 4620.0, "sparsity": 0.6}),
    ("mobilenetv2", {}, {"student": 0.97, "teacher": 0.97, "ratio": 742.0, "sparsity": 0.5}),
    ("resnet20", {}, {"student": 0.60, "teacher": 0.73, "ratio": 13.7, "sparsity": 0.3}),
]


@pytest.mark.full
@pytest.mark.parametrize(("name", "given", "least"), PAPER)
def test_the_paper_budget(
    name: str, given: dict[str, object], least: dict[str, float], request: pytest.FixtureRequest
) -> None:
    if name.startswith("mnist"):
        if not MNIST.exists():
            pytest.skip(f"no {MNIST}")
        given = {**given, "data": str(MNIST)}
    if name == "resnet20":
        given = {**given, "data": str(request.getfixturevalue("cifar"))}
    walked = walk(name, budget="paper", **given)
    floors(walked, **least)
    most = settings.make_config(settings.merged(settings.preset(name), given)).max_parameters
    assert most is not None
    assert walked.parameters <= most


@pytest.mark.full
@pytest.mark.skipif(not CLYC.exists(), reason=f"no {CLYC}")
@pytest.mark.parametrize(
    ("changes", "accuracy", "parameters", "sparsity"),
    [
        ([], 0.993, 170, 0.2),
        (["digits=2", "max_parameters=40", "sparsity=0", "student_network.pool=[8]"], 0.99, 40, 0.0),
    ],
)
def test_clyc_in_ten_folds(changes: list[str], accuracy: float, parameters: int, sparsity: float) -> None:
    """Measured: docs/results/clyc.md; three seeds took 1.6 and 2.7 CPU minutes."""
    script = Path(__file__).parents[1] / "bench/clyc_folds.py"
    words = [word for change in changes for word in ("--set", change)]
    done = subprocess.run([sys.executable, script, CLYC, *words], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["accuracy"]["student"] >= accuracy
    assert found["student"]["parameters"][1] <= parameters
    assert found["student"]["least_sparsity"] >= sparsity
    if "digits=2" in changes:
        assert found["student"]["most_dsp"] == 0


@pytest.mark.full
def test_a_resnet_loses_its_skips_and_not_its_accuracy(cifar: Path) -> None:
    """The first seed of docs/results/skips-20.json. Measured there 73.34 % with skips, 63.37 without, 69.51 distilled,
    73.99 where they were removed in training, at 8 bits 74.09; 23 CPU minutes."""
    found = measured(20, images(cifar, 8000), 24, 0)
    print(f"\n{found}")
    assert found["skips"]["float"] >= 0.71
    assert found["none + KD"]["float"] > found["none"]["float"]  # over seeds 0.9 to 6.1 points
    assert found["removal"]["float"] >= found["none"]["float"] + 0.04  # 7.5 to 10.6
    assert found["removal"]["8"] >= found["removal"]["float"] - 0.01
