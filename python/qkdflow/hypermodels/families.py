"""The families by name: what a configuration may ask of a teacher or a student, checked before there are data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError, did_you_mean
from qkdflow.fitted import fitted
from qkdflow.hypermodels.cnn import StudentCNN, TeacherCNN
from qkdflow.hypermodels.known import TeacherZoo
from qkdflow.hypermodels.mlp import StudentMLP, TeacherMLP
from qkdflow.hypermodels.parts import Bits
from qkdflow.hypermodels.resnet import StudentResNet
from qkdflow.tune import HyperParameters

Teacher = TeacherMLP | TeacherCNN | TeacherZoo
Student = StudentMLP | StudentCNN | StudentResNet
TEACHERS: dict[str, type[Teacher]] = {"mlp": TeacherMLP, "cnn": TeacherCNN, "zoo": TeacherZoo}
STUDENTS: dict[str, type[Student]] = {"mlp": StudentMLP, "cnn": StudentCNN, "resnet": StudentResNet}
_GIVEN = ("dataset", "bits", "digits")  # by other settings


def check_network(where: str, options: Mapping[str, Any], families: Mapping[str, type[Any]]) -> None:
    """ConfigError where there is no such family or option; `options` is {"kind": family, option: value, ...}."""
    _fitted_options(where, options, families)


def _fitted_options(where: str, options: Mapping[str, Any], families: Mapping[str, type[Any]]) -> dict[str, Any]:
    """The options without the kind, each of its field's type."""
    kind = options.get("kind", "mlp")
    if not isinstance(kind, str) or kind not in families:
        raise ConfigError(
            f"[{where}] kind must be {', '.join(list(families)[:-1])} or {list(families)[-1]}; got {kind!r}"
        )
    known = ["kind", *(f.name for f in fields(families[kind]) if f.name not in _GIVEN)]
    for name in options:
        if name not in known:
            had = f"got {name!r}{did_you_mean(name, known)}"
            raise ConfigError(f"[{where}] of kind {kind} has {', '.join(known)}; {had}")
    hints = get_type_hints(families[kind])
    return {name: fitted(v, hints[name], f"{where}: {name}") for name, v in options.items() if name != "kind"}


def teacher_family(dataset: Dataset, options: Mapping[str, Any]) -> Teacher:
    """The teachers that a search may build."""
    values = _fitted_options("teacher_network", options, TEACHERS)
    return TEACHERS[options.get("kind", "mlp")](dataset, **values)


def student_family(dataset: Dataset, bits: Bits, digits: int | None, options: Mapping[str, Any]) -> Student:
    """The students that a search may build."""
    values = _fitted_options("student_network", options, STUDENTS)
    return STUDENTS[options.get("kind", "mlp")](dataset, bits, digits, **values)


def least_values(build: Teacher | Student) -> dict[str, Any]:
    """The hyper-parameters of the smallest network of a family."""
    asked = HyperParameters()
    build(asked)
    return {n: p.value_at(0.0) for n, p in asked.parameters.items() if p.kind == "Int" and not p.conditions}
