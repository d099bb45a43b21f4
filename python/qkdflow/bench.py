"""Workloads that are timed the same way for every release and against every peer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qkdflow import _core
from qkdflow._core import FixedPoint, Key
from qkdflow.errors import ConfigError
from qkdflow.fixed import FixedModel
from qkdflow.freeze import freeze
from qkdflow.hardware.estimator import Target, estimate_for
from qkdflow.layers import Dense, Input, QActivation, QDense
from qkdflow.models import Sequential
from qkdflow.quantizers import quantized_bits, quantized_relu

COUNTS = FixedPoint(10, 10, False, "RND", "SAT")  # of the data sets' digitiser
EMULATED = 100_000  # samples a run of the emulator
SECONDS = 1.0  # of steady training, after one second of warming up
BATCHES = 300  # in the data set: one epoch


@dataclass(frozen=True)
class Workload:
    """A network, a batch size, and whether it is pruned to a half and distilled from cached logits."""

    build: Callable[[], Sequential]
    batch: int
    student: bool


def _psd_student() -> Sequential:
    chain: list[QDense | QActivation] = []
    for i, units in enumerate((20, 10, 10, 4)):
        chain.append(
            QDense(
                units,
                kernel_quantizer=quantized_bits(9, 1, alpha=1),
                bias_quantizer=quantized_bits(23, 15, alpha=1),
            )
        )
        if i < 3:
            chain.append(QActivation(quantized_relu(16, 15)))
    return Sequential([Input((30,)), *chain])


def _psd_counted() -> Sequential:
    """The student on a digitiser's counts: an input without a type cannot be frozen."""
    return Sequential([Input((30,), type=COUNTS), *_psd_student().layers[1:]])


def _psd_teacher() -> Sequential:
    return Sequential([Input((30,)), *(Dense(n, "relu") for n in (128, 72, 40)), Dense(4)])


WORKLOADS = {
    "psd-student-b32": Workload(_psd_student, 32, True),
    "psd-student-b256": Workload(_psd_student, 256, True),
    "psd-teacher-b32": Workload(_psd_teacher, 32, False),
}


EMULATIONS = {"psd": _psd_counted}


def train(name: str, threads: int = 1) -> dict[str, Any]:
    """Times whole optimiser steps: gather, forward, loss, backward, quantisers, mask, Adam.

    Returns workload, threads, params and s_per_step: the median over epochs of an epoch's seconds by its steps.
    """
    if name not in WORKLOADS:
        raise ConfigError(f"[bench train] --workload must be one of {', '.join(WORKLOADS)}; got {name!r}")
    if not 1 <= threads <= 1024:
        raise ConfigError(f"[bench train] --threads must be 1 to 1024; got {threads}")
    _core.set_threads(threads)
    w, key = WORKLOADS[name], Key(0)
    model = w.build()
    n, features, classes = BATCHES * w.batch, model.input_shape[0], model.output_shape[0]
    x = key.fold("x").uniform(n * features).reshape(n, features).astype(np.float32)
    y = (key.fold("y").uniform(n) * classes).astype(np.int32)
    logits = key.fold("teacher").normal(n * classes).reshape(n, classes).astype(np.float32) if w.student else None
    schedule = _core.Schedule(0.5, 0.5, 0, -1, 10**9, 1.0) if w.student else None
    trainer = _core.Trainer(
        model.graph, x, y, logits, "adam", {}, w.batch, key, (0.1, 4.0) if w.student else None, schedule
    )
    times: list[float] = []
    begun = time.perf_counter()
    for epoch in range(10**6):
        start = time.perf_counter()
        trainer.epoch(epoch, [1e-3])
        now = time.perf_counter()
        if start - begun > 1.0:
            times.append((now - start) / BATCHES)
        if len(times) >= 5 and now - begun > 1.0 + SECONDS:
            break
    return {
        "workload": name,
        "threads": threads,
        "params": model.count_params(),
        "s_per_step": float(np.median(times)),
        "simd": _core.simd_level(),
    }


def emulate(name: str, threads: int = 1) -> dict[str, Any]:
    """Times the integer emulator of a frozen network, codes in and codes out, for SECONDS.

    Returns workload, threads, params, bits (of its vectors' elements) and inferences_per_s: the median over runs.
    """
    if name not in EMULATIONS:
        raise ConfigError(f"[bench emulate] --workload must be one of {', '.join(EMULATIONS)}; got {name!r}")
    if threads != 1:
        raise ConfigError(f"[bench emulate] the emulator runs on one thread; got --threads {threads}")
    fixed = freeze(EMULATIONS[name]())
    size = EMULATED * math.prod(fixed.input_shape)
    codes = np.floor(Key(0).uniform(size).astype(np.float64) * (fixed.input_type.high_code + 1)).astype(np.int64)
    codes = np.minimum(codes, fixed.input_type.high_code).reshape(EMULATED, *fixed.input_shape)
    rates: list[float] = []
    begun = time.perf_counter()
    while len(rates) < 5 or time.perf_counter() - begun < SECONDS:
        start = time.perf_counter()
        fixed.run(codes)
        rates.append(EMULATED / (time.perf_counter() - start))
    return {
        "workload": name,
        "threads": threads,
        "params": fixed.parameters,
        "bits": 32 if fixed.emulator.narrow else 64,
        "inferences_per_s": float(np.median(rates)),
        "simd": _core.simd_level(),
    }


def estimate(fixed: FixedModel, repeats: int = 51) -> dict[str, Any]:
    """Times an estimate of all resources of a frozen network: the median of `repeats`, counted anew each time."""
    target, times = Target.of(board="pynq-z2"), []
    for _ in range(repeats):
        start = time.perf_counter()
        estimate_for(fixed, target)
        times.append(time.perf_counter() - start)
    return {"params": fixed.parameters, "s_per_estimate": float(np.median(times))}
