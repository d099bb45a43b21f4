"""The networks that a search may build. One function of `hp` a network: what is searched is what is trained.

Spaces are the letter's (Molina et al. 2024, section II-A): teacher widths 32 to 300, teacher kernels 32 to 128 in steps
of 8, student widths 1 to 20, student kernels 1 to 10, learning rates 0.01, 0.001 and 0.0001.
"""

from __future__ import annotations

from qkdflow.hypermodels.cnn import StudentCNN, TeacherCNN
from qkdflow.hypermodels.families import (
    STUDENTS,
    TEACHERS,
    Student,
    Teacher,
    check_network,
    least_values,
    student_family,
    teacher_family,
)
from qkdflow.hypermodels.known import TeacherZoo
from qkdflow.hypermodels.mlp import StudentMLP, TeacherMLP, linear
from qkdflow.hypermodels.parts import BIAS_BITS, LEARNING_RATES
from qkdflow.hypermodels.resnet import StudentResNet
from qkdflow.hypermodels.scaling import power_of_two_scaling, standardization

__all__ = [
    "BIAS_BITS",
    "LEARNING_RATES",
    "STUDENTS",
    "TEACHERS",
    "Student",
    "StudentCNN",
    "StudentMLP",
    "StudentResNet",
    "Teacher",
    "TeacherCNN",
    "TeacherMLP",
    "TeacherZoo",
    "check_network",
    "least_values",
    "linear",
    "power_of_two_scaling",
    "standardization",
    "student_family",
    "teacher_family",
]
