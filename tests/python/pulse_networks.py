"""Pulses, a small student of them and a teacher that is trained a little, for fixtures: to be left as they are."""

from __future__ import annotations

from qkdflow import Key
from qkdflow.datasets import Dataset, psd
from qkdflow.hypermodels import StudentMLP, TeacherMLP
from qkdflow.models import Model
from qkdflow.tune import HyperParameters


def pulses() -> Dataset:
    return psd.simulate(Key(3), 1200)


def small_student(data: Dataset) -> Model:
    return StudentMLP(data, 6)(HyperParameters())


def small_teacher(data: Dataset) -> Model:
    teacher = TeacherMLP(data)(HyperParameters(), Key(1))
    teacher.fit(data.train.x, data.train.y, epochs=5, key=2)
    return teacher
