"""PyTorch's side of train_peers: the networks of qkdflow.workloads as a user of PyTorch writes them.

Reads {"workload", "compile"} and then one {"threads", "seconds"} a line; answers each with what a step took.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def through(x: Tensor, y: Tensor) -> Tensor:
    """y, with x's gradient."""
    return x + (y - x).detach()


def fixed_point(x: Tensor, step: float, low: float, high: float) -> Tensor:
    clipped = x.clamp(low, high)
    return through(clipped, torch.round(clipped / step) * step)


class Quantized(nn.Module):
    """QKeras's quantized_bits(9, 1) on the kernel, half of it masked, and quantized_bits(23, 15) on the bias."""

    def __init__(self, layer: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer
        w = layer.weight.detach().abs()
        self.register_buffer("mask", (w > w.flatten().median()).float())

    def forward(self, x: Tensor) -> Tensor:
        kernel = fixed_point(self.layer.weight * self.mask, 2**-7, -2, 2 - 2**-7)
        bias = fixed_point(self.layer.bias, 2**-7, -(2**15), 2**15 - 2**-7)
        if isinstance(self.layer, nn.Conv2d):
            return F.conv2d(x, kernel, bias, padding="same")
        return F.linear(x, kernel, bias)


class QuantizedReLU(nn.Module):
    def __init__(self, bits: int, integer: int) -> None:
        super().__init__()
        self.step, self.high = 2.0 ** (integer - bits), 2.0**integer

    def forward(self, x: Tensor) -> Tensor:
        return fixed_point(x, self.step, 0, self.high - self.step)


def q_mlp(widths: tuple[int, ...], bits: int, integer: int) -> list[nn.Module]:
    chain: list[nn.Module] = []
    for a, b in itertools.pairwise(widths):
        chain += [Quantized(nn.Linear(a, b)), QuantizedReLU(bits, integer)]
    return chain[:-1]


def psd_teacher() -> nn.Module:
    chain: list[nn.Module] = []
    for a, b in ((30, 128), (128, 72), (72, 40)):
        chain += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*chain, nn.Linear(40, 4))


def mnist_student() -> nn.Module:
    chain: list[nn.Module] = []
    for a, b in ((1, 8), (8, 12)):
        chain += [Quantized(nn.Conv2d(a, b, 3, padding="same")), QuantizedReLU(16, 6), nn.MaxPool2d(2)]
    return nn.Sequential(*chain, nn.Flatten(), *q_mlp((588, 16, 10), 16, 6))


def pest_teacher() -> nn.Module:
    chain: list[nn.Module] = []
    for a, b in ((3, 32), (32, 64), (64, 128), (128, 128)):
        chain += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.Linear(2048, 200), nn.ReLU(), nn.Linear(200, 100), nn.ReLU(), nn.Linear(100, 3)]
    return nn.Sequential(*chain, nn.Flatten(), *head)


class Residual(nn.Module):
    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        first = [nn.Conv2d(a, b, 3, stride, 1), nn.BatchNorm2d(b), nn.ReLU()]
        self.body = nn.Sequential(*first, nn.Conv2d(b, b, 3, 1, 1), nn.BatchNorm2d(b))
        self.skip = nn.Conv2d(a, b, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.skip(x))


def resnet20() -> nn.Module:
    chain: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU()]
    width = 16
    for b in (16, 32, 64):
        for block in range(3):
            chain.append(Residual(width, b, 2 if b > 16 and block == 0 else 1))
            width = b
    return nn.Sequential(*chain, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def vgg16() -> nn.Module:
    chain: list[nn.Module] = []
    width = 3
    for count, b in zip((2, 2, 3, 3, 3), (64, 128, 256, 512, 512), strict=True):
        for _ in range(count):
            chain += [nn.Conv2d(width, b, 3, padding=1), nn.ReLU(inplace=True)]
            width = b
        chain.append(nn.MaxPool2d(2))
    return nn.Sequential(
        *chain, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 200), nn.ReLU(), nn.Linear(200, 7)
    )


class Inverted(nn.Module):
    def __init__(self, a: int, expansion: int, b: int, stride: int) -> None:
        super().__init__()
        wide = a * expansion
        chain: list[nn.Module] = []
        if expansion > 1:
            chain += [nn.Conv2d(a, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()]
        chain += [nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()]
        self.body = nn.Sequential(*chain, nn.Conv2d(wide, b, 1, bias=False), nn.BatchNorm2d(b))
        self.skips = stride == 1 and a == b

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.skips else y


def mobilenetv2() -> nn.Module:
    blocks = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    chain: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    width = 32
    for expansion, b, count, stride in blocks:
        for i in range(count):
            chain.append(Inverted(width, expansion, b, stride if i == 0 else 1))
            width = b
    chain += [nn.Conv2d(width, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6(), nn.Flatten()]
    return nn.Sequential(*chain, nn.Linear(1280 * 9, 100), nn.ReLU(), nn.Linear(100, 2))


# network, a sample's shape, classes, batch, whether it is distilled, the l2 of its kernels
WORKLOADS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int, int, bool, float]] = {
    "psd-student-b32": (lambda: nn.Sequential(*q_mlp((30, 20, 10, 10, 4), 16, 15)), (30,), 4, 32, True, 0),
    "psd-student-b256": (lambda: nn.Sequential(*q_mlp((30, 20, 10, 10, 4), 16, 15)), (30,), 4, 256, True, 0),
    "psd-teacher-b32": (psd_teacher, (30,), 4, 32, False, 0),
    "jet-student-b1024": (lambda: nn.Sequential(*q_mlp((16, 64, 32, 32, 5), 9, 3)), (16,), 5, 1024, False, 0),
    "mnist-cnn-student-b64": (mnist_student, (1, 28, 28), 10, 64, True, 0),
    "pest-cnn-teacher-64px-b32": (pest_teacher, (3, 64, 64), 3, 32, False, 0),
    "resnet20-cifar-b128": (resnet20, (3, 32, 32), 10, 128, False, 1e-4),
    "vgg16-64px-b16": (vgg16, (3, 64, 64), 7, 16, False, 0),
    "mobilenetv2-96px-b16": (mobilenetv2, (3, 96, 96), 2, 16, False, 0),
}


def stepper(name: str, channels_last: bool, compiled: bool) -> Callable[[], None]:
    """One optimiser step on a random batch of a data set of eight batches."""
    build, shape, classes, batch, student, l2 = WORKLOADS[name]
    torch.manual_seed(0)
    model = build()
    x, y = torch.rand(8 * batch, *shape), torch.randint(classes, (8 * batch,))
    if channels_last:
        model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    teacher = torch.randn(8 * batch, classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, weight_decay=2 * l2)
    alpha, t = 0.1, 4.0

    def loss_of(x: Tensor, y: Tensor, teacher: Tensor) -> Tensor:
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        if not student:
            return loss
        log_soft, target = F.log_softmax(logits / t, 1), F.softmax(teacher / t, 1)
        return alpha * loss + (1 - alpha) * t * t * F.kl_div(log_soft, target, reduction="batchmean")

    run = torch.compile(loss_of) if compiled else loss_of

    def step() -> None:
        rows = torch.randint(len(x), (batch,))
        optimizer.zero_grad()
        run(x[rows], y[rows], teacher[rows]).backward()
        optimizer.step()

    return step


def measure(step: Callable[[], object], seconds: float) -> dict[str, float]:
    """Wall and CPU seconds a step, over at least two steps and `seconds`."""
    count, wall, cpu = 0, time.perf_counter(), time.process_time()
    while count < 2 or time.perf_counter() - wall < seconds:
        step()
        count += 1
    return {"wall": (time.perf_counter() - wall) / count, "cpu": (time.process_time() - cpu) / count}


def memory_mb(name: str, step: Callable[[], None]) -> float:
    """The most that a step's tensors take at once, less the parameters' gradients (10^6 bytes).

    Subtracting all of these, also where the peak comes before some exist, and not seeing what oneDNN allocates inside
    PyTorch, both favour PyTorch.
    """
    with torch.profiler.profile(profile_memory=True) as profile:
        step()
    now = peak = 0
    for event in profile.profiler.kineto_results.events():  # type: ignore[union-attr]
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    parameters = sum(p.numel() for p in WORKLOADS[name][0]().parameters())
    return (peak - 4 * parameters) / 1e6


def rooflines(threads: int) -> dict[str, float]:
    torch.set_num_threads(threads)
    a, b, c = torch.rand(2048, 2048), torch.rand(2048, 2048), torch.empty(2048, 2048)
    product = min(measure(lambda: torch.mm(a, b, out=c), 0.3)["wall"] for _ in range(3))
    src, dst = torch.rand(1 << 25), torch.empty(1 << 25)
    copied = min(measure(lambda: dst.copy_(src), 0.3)["wall"] for _ in range(3))
    return {"matmul_gflop_per_s": 2e-9 * 2048**3 / product, "copy_gb_per_s": 2 * 4e-9 * len(src) / copied}


def requests() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def answer(message: dict[str, Any]) -> None:
    assert sys.__stdout__ is not None
    print(json.dumps(message), file=sys.__stdout__, flush=True)


def main() -> None:
    todo = requests()
    first = next(todo)
    if "rooflines" in first:
        answer({"torch": torch.__version__, **rooflines(first["rooflines"])})
        return
    torch.set_num_threads(1)
    name, compiled = first["workload"], first["compile"]
    image = len(WORKLOADS[name][1]) == 3
    steps = [(layout, stepper(name, layout, compiled)) for layout in ((False, True) if image else (False,))]
    for _, step in steps:
        step()  # whatever is done once
        step()
    # The layout that is faster here is PyTorch's.
    layout, step = min(steps, key=lambda s: measure(s[1], 0.2)["cpu"])
    answer({"channels_last": layout, "memory_mb": None if compiled else memory_mb(name, step)})
    for burst in todo:
        torch.set_num_threads(burst["threads"])
        answer(measure(step, burst["seconds"]))


main()
