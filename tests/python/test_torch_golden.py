"""Gradients of whole networks against PyTorch's, kept in golden/torch_gradients.json with the script that made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qkdflow import Key, Sequential, _core
from qkdflow.layers import Activation, Dense, Input, QActivation, QDense
from qkdflow.models import Weights
from qkdflow.quantizers import quantized_bits, quantized_relu

CASES = json.loads((Path(__file__).parent / "golden" / "torch_gradients.json").read_text())["cases"]


def network(quantized: bool) -> Sequential:
    if not quantized:
        return Sequential([Input((5,)), Dense(6), Activation("relu"), Dense(3)])
    q = quantized_bits(8, 1, alpha=1, rounding="RND")
    dense = [QDense(n, kernel_quantizer=q, bias_quantizer=q) for n in (6, 3)]
    return Sequential([Input((5,)), dense[0], QActivation(quantized_relu(6, 2, rounding="RND")), dense[1]])


@pytest.mark.parametrize(
    "case", CASES, ids=lambda c: f"quantized={c['quantized']},distilled={c['teacher'] is not None}"
)
def test_logits_loss_and_gradients_are_pytorchs(case: dict[str, Any]) -> None:
    model = network(case["quantized"])
    values = tuple(np.array(p, dtype=np.float32) for p in case["parameters"])
    model.set_weights(Weights(values, (None,) * 4))
    x, y = np.array(case["x"], dtype=np.float32), np.array(case["y"], dtype=np.int32)
    np.testing.assert_allclose(model.logits(x), case["logits"], rtol=1e-5, atol=1e-5)

    teacher = None if case["teacher"] is None else np.array(case["teacher"], dtype=np.float32)
    distillation = None if teacher is None else _core.Distillation(case["alpha"], case["temperature"])
    trainer = _core.Trainer(model.graph, x, y, teacher, "sgd", {}, len(x), Key(0), distillation, [])
    loss, _ = trainer.epoch(0, [0.0])  # one step that moves nothing, and leaves its gradients
    assert loss == pytest.approx(case["loss"], rel=1e-5)
    for i, gradient in enumerate(case["gradients"]):
        np.testing.assert_allclose(model.graph.gradient(i), gradient, rtol=2e-4, atol=2e-5)
