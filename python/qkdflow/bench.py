"""Workloads that are timed the same way for every release and against every peer."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from qkdflow import _core
from qkdflow._core import Key
from qkdflow.errors import ConfigError
from qkdflow.fixed import FixedModel
from qkdflow.freeze import freeze
from qkdflow.hardware.estimator import Target, estimate_for
from qkdflow.models import Model
from qkdflow.sparsity import ConstantSparsity, core_rules, prune_low_magnitude
from qkdflow.workloads import EMULATIONS, WORKLOADS, Workload

SECONDS = 1.0  # of steady training, after one second of warming up


def trainer(name: str) -> tuple[Model, _core.Trainer, Workload]:
    """A workload's network, and what trains it on data of as many batches as an epoch has steps."""
    if name not in WORKLOADS:
        raise ConfigError(f"[bench train] --workload must be one of {', '.join(WORKLOADS)}; got {name!r}")
    w, key = WORKLOADS[name], Key(0)
    model = w.build()
    n, shape, classes = w.steps * w.batch, model.input_shape, model.output_shape[0]
    x = key.fold("x").uniform(n * math.prod(shape)).reshape(n, *shape).astype(np.float32)
    y = (key.fold("y").uniform(n) * classes).astype(np.int32)
    logits = key.fold("teacher").normal(n * classes).reshape(n, classes).astype(np.float32) if w.student else None
    if w.student:
        prune_low_magnitude(model, ConstantSparsity(0.5, frequency=10**9))
    teaching = _core.Distillation(0.1, 4.0) if w.student else None
    return model, _core.Trainer(model.graph, x, y, logits, "adam", {}, w.batch, key, teaching, core_rules(model)), w


def train(name: str, threads: int = 1) -> dict[str, Any]:
    """Times whole optimiser steps: gather, forward, loss, backward, quantisers, mask, Adam.

    Returns workload, threads, params, s_per_step (the median over epochs of an epoch's seconds by its steps),
    memory_mb (activations, their gradients and workspace, 10^6 bytes) and gflop_per_s (of the layers' products, three
    times a forward pass's).
    """
    if not 1 <= threads <= 1024:
        raise ConfigError(f"[bench train] --threads must be 1 to 1024; got {threads}")
    model, steps, w = trainer(name)
    _core.set_threads(threads)
    times: list[float] = []
    begun = time.perf_counter()
    for epoch in range(10**6):
        start = time.perf_counter()
        steps.epoch(epoch, [1e-3])
        now = time.perf_counter()
        if start - begun > 1.0:
            times.append((now - start) / w.steps)
        if len(times) >= 5 and now - begun > 1.0 + SECONDS:
            break
    return {
        "workload": name,
        "threads": threads,
        "params": model.count_params(),
        "s_per_step": float(np.median(times)),
        "memory_mb": model.graph.arena_bytes(w.batch, True) / 1e6,
        "gflop_per_s": 6e-9 * model.graph.products * w.batch / float(np.median(times)),
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
    samples = EMULATIONS[name].samples
    fixed = freeze(EMULATIONS[name].build())
    size = samples * math.prod(fixed.input_shape)
    codes = np.floor(Key(0).uniform(size).astype(np.float64) * (fixed.input_type.high_code + 1)).astype(np.int64)
    codes = np.minimum(codes, fixed.input_type.high_code).reshape(samples, *fixed.input_shape)
    rates: list[float] = []
    begun = time.perf_counter()
    while len(rates) < 5 or time.perf_counter() - begun < SECONDS:
        start = time.perf_counter()
        fixed.run(codes)
        rates.append(samples / (time.perf_counter() - start))
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
