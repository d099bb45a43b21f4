"""The applications that `qkdflow run NAME` knows: settings beside the defaults, and the work of each budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qkdflow.datasets import SIMULATORS
from qkdflow.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Application:
    """Settings of RunConfig by name; `effort` has, by budget, what differs from that budget.

    data: what must be given where no simulator draws it.
    """

    about: str
    settings: Mapping[str, Any]
    effort: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    data: str | None = None


MNIST = "the folder of MNIST's four IDX files"
PEST = {
    "data": "pest-3",
    "student_network": {"kind": "cnn", "convolutions": 5, "pool_every": 1, "dense": 1},
    "hls": {"io_type": "io_stream"},
    "transport": "axi_dma",
}
# The letter's teachers began with ImageNet's weights. An epoch takes minutes here: few images, few epochs.
FINE_TUNED_QUICK = (
    {"samples": 300, "pretext_samples": 320, "pretext_epochs": 1, "teacher_trials": 1}
    | {"teacher_trial_epochs": 1, "teacher_epochs": 1, "student_trials": 2, "student_trial_epochs": 2}
    | {"student_epochs": 6, "student_restarts": 1, "baseline_epochs": 3, "least_steps": 0}
)

APPLICATIONS = {
    "psd": Application(
        "the letter's 1D-MLP: four kinds of simulated detector pulses, a student of 529 parameters",
        {"data": "psd", "max_parameters": 529},
    ),
    "clyc": Application(
        "gamma and neutron pulses of a CLYC detector",
        {"max_parameters": 170},
        data="a CSV file of pulses with a column class",
    ),
    "gamma-neutron": Application(
        "simulated gamma and neutron pulses with pile-up and noise, a student of 950 parameters",
        {"data": "gamma-neutron", "bits": 9, "sparsity": 0.3, "max_parameters": 950},
        {
            "paper": {"samples": 40_000, "teacher_trials": 16, "teacher_trial_epochs": 8, "teacher_epochs": 32}
            | {"student_trials": 24, "student_trial_epochs": 8, "student_epochs": 48}
        },
    ),
    "mnist-mlp": Application(
        "MNIST by dense layers; the first has 5 neurons, so that hls4ml's limit of 4,096 products holds",
        {
            "bits": 6,
            "sparsity": 0.49,
            "max_parameters": 8847,
            "student_network": {
                "kind": "mlp",
                "widths": [[5, 5, 1], [80, 120, 20], [16, 32, 8]],
                "learning_rate": 1e-3,
            },
            "transport": "axi_dma",
        },
        {
            "quick": {"teacher_trials": 3, "teacher_trial_epochs": 2, "teacher_epochs": 6}
            | {"student_trials": 8, "student_trial_epochs": 6, "student_epochs": 24, "student_restarts": 1}
            | {"baseline_epochs": 4, "least_steps": 1000},
            "paper": {"teacher_trials": 6, "teacher_trial_epochs": 3, "teacher_epochs": 30, "student_trials": 24}
            | {"student_trial_epochs": 12, "student_epochs": 120, "student_restarts": 1, "baseline_epochs": 6},
        },
        MNIST,
    ),
    "mnist-cnn": Application(
        "MNIST by convolutions, a student of 3,816 parameters",
        {
            "bits": 6,
            "sparsity": 0.48,
            "max_parameters": 3816,
            "teacher_network": {"kind": "cnn", "convolutions": 3, "pool_every": 1, "dense": 0, "kernels": [16, 32, 8]}
            | {"learning_rate": 1e-2},
            "student_network": {
                "kind": "cnn",
                "convolutions": 3,
                "pool_every": 1,
                "dense": 0,
                "batch_normalization": False,
                "learning_rate": 1e-2,
            },
            "hls": {"io_type": "io_stream"},
            "transport": "axi_dma",
        },
        {
            "quick": {"train_rows": 10_000, "teacher_trials": 1, "teacher_trial_epochs": 1, "teacher_epochs": 6}
            | {"student_trials": 3, "student_trial_epochs": 2, "student_epochs": 12, "student_restarts": 1}
            | {"baseline_epochs": 3, "least_steps": 0},
            "paper": {"teacher_trials": 2, "teacher_trial_epochs": 1, "teacher_epochs": 12, "student_trials": 10}
            | {"student_trial_epochs": 2, "student_epochs": 60, "student_restarts": 1}
            | {"baseline_epochs": 4, "least_steps": 0},
        },
        MNIST,
    ),
    "pest-cnn": Application(
        "the letter's 2D-CNN on simulated photographs of traps, three classes, a student of 3,699 parameters",
        {
            **PEST,
            "sparsity": 0.5,
            "max_parameters": 3699,
            "teacher_network": {
                "kind": "cnn",
                "convolutions": 5,
                "pool_every": 1,
                "kernels": [96, 128, 8],
                "learning_rate": 1e-3,
            },
        },
        {
            "quick": {"samples": 600, "teacher_trials": 1, "teacher_trial_epochs": 1, "teacher_epochs": 2}
            | {"student_trials": 2, "student_trial_epochs": 2, "student_epochs": 6, "student_restarts": 1}
            | {"baseline_epochs": 3, "least_steps": 0},
            "paper": {"samples": 14_400, "teacher_trials": 2, "teacher_trial_epochs": 1, "teacher_epochs": 8}
            | {"student_trials": 6, "student_trial_epochs": 2, "student_epochs": 24, "student_restarts": 1}
            | {"baseline_epochs": 4, "least_steps": 0},
        },
    ),
    "vgg16": Application(
        "simulated photographs of traps by a VGG16 that learned textures first, a student of 3,207 parameters",
        {
            **PEST,
            "sparsity": 0.6,
            "max_parameters": 3207,
            "teacher_network": {"kind": "zoo", "network": "vgg16", "learning_rate": 1e-4},
        },
        {
            "quick": FINE_TUNED_QUICK,
            "paper": {"samples": 10_800, "pretext_samples": 3_200, "pretext_epochs": 3, "teacher_trials": 1}
            | {"teacher_trial_epochs": 1, "teacher_epochs": 3, "student_trials": 6, "student_trial_epochs": 2}
            | {"student_epochs": 24, "student_restarts": 1, "baseline_epochs": 4, "least_steps": 0},
        },
    ),
    "mobilenetv2": Application(
        "simulated photographs of traps by a MobileNetV2 that learned textures first, a student of 4,595 parameters",
        {
            **PEST,
            "data": "pest-2",
            "sparsity": 0.5,
            "max_parameters": 4595,
            "teacher_network": {"kind": "zoo", "network": "mobilenetv2"},
        },
        {
            "quick": FINE_TUNED_QUICK,
            "paper": {"samples": 3_600, "pretext_samples": 6_400, "pretext_epochs": 4, "teacher_trials": 1}
            | {"teacher_trial_epochs": 1, "teacher_epochs": 10, "student_trials": 6, "student_trial_epochs": 6}
            | {"student_epochs": 60, "student_restarts": 1, "baseline_epochs": 4, "least_steps": 0},
        },
    ),
    "resnet20": Application(
        "CIFAR-10 by a ResNet20, a student without skips of 20,000 parameters",
        {
            "sparsity": 0.3,
            "max_parameters": 20_000,
            "image_size": (32, 32),
            "teacher_network": {"kind": "zoo", "network": "resnet20"},
            "student_network": {"kind": "resnet"},
            "augmentation": {"flip": True, "crop": 4},
            "hls": {"io_type": "io_stream", "strategy": "Resource"},
            "transport": "axi_dma",
        },
        {
            "quick": {"train_rows": 2_000, "teacher_trials": 1, "teacher_trial_epochs": 1, "teacher_epochs": 8}
            | {"student_trials": 2, "student_trial_epochs": 2, "student_epochs": 12, "student_restarts": 1}
            | {"baseline_epochs": 2, "least_steps": 0},
            "paper": {"train_rows": 10_000, "teacher_trials": 1, "teacher_trial_epochs": 1, "teacher_epochs": 30}
            | {"student_trials": 4, "student_trial_epochs": 2, "student_epochs": 80, "student_restarts": 1}
            | {"baseline_epochs": 4, "least_steps": 0},
        },
        "CIFAR-10's binary files, or its images in folders train and test",
    ),
}


def application(name: str) -> Application:
    """ConfigError, with the nearest name, where there is none."""
    if name in APPLICATIONS:
        return APPLICATIONS[name]
    hint = f"; that is a simulator: --data {name}" if name in SIMULATORS else did_you_mean(name, APPLICATIONS)
    raise ConfigError(f"[run] must be one of {', '.join(APPLICATIONS)}, or --data FILE; got {name!r}{hint}")
