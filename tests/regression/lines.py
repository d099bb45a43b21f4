"""A configuration walked to its frozen student: what the regression tests put floors under."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from qkdflow import Key, settings, stages


@dataclass(frozen=True)
class Walked:
    """Accuracies on the test part, sizes, zeros of the frozen integers, and CPU seconds of all threads."""

    linear: float
    teacher: float
    student: float
    teacher_parameters: int
    parameters: int
    bits: int
    sparsity: float
    cpu_seconds: float

    @property
    def ratio(self) -> float:
        return self.teacher_parameters / self.parameters


def walk(name: str, **given: Any) -> Walked:
    """Data, searches, trainings, freeze: the line without the hls4ml project, which tests/python compares."""
    start = time.process_time()
    config = settings.make_config(settings.merged(settings.preset(name), given))
    key = Key(config.seed)
    data = stages.dataset(config)
    linear = stages.train_linear(data, config.work, key.fold("linear")).model
    base = stages.pretrain(config, key.fold("pretext")).model if config.pretrains else None
    found = stages.search_teacher(data, config, key.fold("teacher search"), base=base)
    teacher = stages.train_teacher(data, found, config, key.fold("teacher"), base).model
    logits = stages.teacher_logits(teacher, data)
    found = stages.search_student(data, logits, config, key.fold("student search"))
    fixed = stages.freeze(stages.train_student(data, logits, found, config, key.fold("student")).model)
    x, y = data.test
    scores = [float(np.mean(z.argmax(axis=1) == y)) for z in (linear.logits(x), teacher.logits(x), fixed.predict(x))]
    walked = Walked(
        *scores,
        teacher_parameters=teacher.count_params(),
        parameters=fixed.parameters,
        bits=fixed.bits,
        sparsity=fixed.sparsity,
        cpu_seconds=time.process_time() - start,
    )
    print(f"\n{name} {given or ''}: {walked}")
    return walked
