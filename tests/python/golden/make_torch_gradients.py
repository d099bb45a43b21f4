"""Makes torch_gradients.json: PyTorch's logits, losses and gradients of one small network, in float64.

    pip install torch numpy && python tests/python/golden/make_torch_gradients.py

The network is 5-6-3 with ReLU, once plain and once with fake-quantised weights (8 bits, step 1/64, straight-through)
and a fake-quantised ReLU (6 bits, step 1/16, gradient inside the range alone), under cross-entropy and distillation.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

torch.set_default_dtype(torch.float64)
BATCH, ALPHA, TEMPERATURE = 7, 0.3, 4.0


def numbers(*shape: int, start: float) -> torch.Tensor:
    """Values without a pattern, exact in float32, that need no random generator."""
    n = int(torch.tensor(shape).prod())
    i = torch.arange(n) + start
    return ((torch.sin(12.9898 * i) * 43758.5453) % 1.0).sub(0.5).mul(4096).round().div(1024).reshape(shape)


def straight_through(x: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    return x + (q - x).detach()


def quantized_weight(w: torch.Tensor) -> torch.Tensor:
    return straight_through(w, torch.clamp(torch.floor(w * 64 + 0.5), -128, 127) / 64)


def quantized_relu(x: torch.Tensor) -> torch.Tensor:
    high = 63 / 16
    return straight_through(torch.clamp(x, 0, high), torch.clamp(torch.floor(x * 16 + 0.5), 0, 63) / 16)


def case(quantized: bool, distil: bool) -> dict[str, object]:
    parameters = [numbers(5, 6, start=1), numbers(6, start=50), numbers(6, 3, start=100), numbers(3, start=150)]
    parameters = [(p / 2).requires_grad_() for p in parameters]
    x, teacher = numbers(BATCH, 5, start=200), numbers(BATCH, 3, start=300)
    y = torch.arange(BATCH) % 3
    w1, b1, w2, b2 = [quantized_weight(p) for p in parameters] if quantized else parameters
    hidden = x @ w1 + b1
    logits = (quantized_relu(hidden) if quantized else torch.relu(hidden)) @ w2 + b2
    loss = torch.nn.functional.cross_entropy(logits, y)
    if distil:
        kl = torch.nn.functional.kl_div(
            torch.log_softmax(logits / TEMPERATURE, 1), torch.softmax(teacher / TEMPERATURE, 1), reduction="batchmean"
        )
        loss = ALPHA * loss + (1 - ALPHA) * TEMPERATURE**2 * kl
    loss.backward()
    return {
        "quantized": quantized,
        "alpha": ALPHA,
        "temperature": TEMPERATURE,
        "x": x.tolist(),
        "y": y.tolist(),
        "teacher": teacher.tolist() if distil else None,
        "parameters": [p.detach().tolist() for p in parameters],
        "logits": logits.detach().tolist(),
        "loss": loss.item(),
        "gradients": [p.grad.tolist() for p in parameters],
    }


if __name__ == "__main__":
    cases = [case(q, d) for q in (False, True) for d in (False, True)]
    text = json.dumps({"torch": torch.__version__, "cases": cases})
    Path(__file__).with_name("torch_gradients.json").write_text(text + "\n")
