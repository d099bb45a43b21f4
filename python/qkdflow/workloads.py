"""What `qkdflow bench` trains and runs: networks with the batch sizes that peers are measured with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qkdflow import zoo
from qkdflow._core import FixedPoint
from qkdflow.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Flatten,
    Input,
    Layer,
    MaxPooling2D,
    QActivation,
    QConv2D,
    QDense,
    ReLU,
    Rescaling,
)
from qkdflow.models import Model, Sequential
from qkdflow.precision import with_quantizers
from qkdflow.quantizers import quantized_bits, quantized_relu

KERNEL = quantized_bits(9, 1, alpha=1)
BIAS = quantized_bits(23, 15, alpha=1)
COUNTS = FixedPoint(10, 10, False, "RND", "SAT")  # of the data sets' digitiser


@dataclass(frozen=True)
class Workload:
    """A network, a batch size, whether it is pruned to a half and distilled from cached logits, and steps an epoch."""

    build: Callable[[], Model]
    batch: int
    student: bool
    steps: int = 300


def q_mlp(widths: Sequence[int], bits: int, integer: int) -> list[Layer]:
    """Quantised dense layers with a quantized_relu(bits, integer) between them."""
    chain: list[Layer] = []
    for units in widths:
        chain += [
            QDense(units, kernel_quantizer=KERNEL, bias_quantizer=BIAS),
            QActivation(quantized_relu(bits, integer)),
        ]
    return chain[:-1]


def psd_student() -> Sequential:
    return Sequential([Input((30,)), *q_mlp((20, 10, 10, 4), 16, 15)])


@dataclass(frozen=True)
class Emulation:
    """A network with an input type, and how many samples a run of it takes."""

    build: Callable[[], Model]
    samples: int


def psd_counted() -> Sequential:
    """The student on a digitiser's counts: an input without a type cannot be frozen."""
    return Sequential([Input((30,), type=COUNTS), *psd_student().layers[1:]])


def resnet20_counted() -> Model:
    """Of 16 bits, on an image's bytes."""
    first = [Input((32, 32, 3), FixedPoint(8, 8, False, "RND", "SAT")), Rescaling(2**-8)]
    return with_quantizers(zoo.build("resnet20", first=first), 16)


def psd_teacher() -> Sequential:
    return Sequential([Input((30,)), *(Dense(n, "relu") for n in (128, 72, 40)), Dense(4)])


def jet_tagger() -> Sequential:
    return Sequential([Input((16,)), *q_mlp((64, 32, 32, 5), 9, 3)])


def mnist_student() -> Sequential:
    chain: list[Layer] = [Input((28, 28, 1))]
    for filters in (8, 12):
        conv = QConv2D(filters, 3, padding="same", kernel_quantizer=KERNEL, bias_quantizer=BIAS)
        chain += [conv, QActivation(quantized_relu(16, 6)), MaxPooling2D()]
    return Sequential([*chain, Flatten(), *q_mlp((16, 10), 16, 6)])


def pest_teacher() -> Sequential:
    chain: list[Layer] = [Input((64, 64, 3))]
    for filters in (32, 64, 128, 128):
        chain += [Conv2D(filters, 3, padding="same"), BatchNormalization(), ReLU(), MaxPooling2D()]
    return Sequential([*chain, Flatten(), Dense(200, "relu"), Dense(100, "relu"), Dense(3)])


WORKLOADS = {
    "psd-student-b32": Workload(psd_student, 32, True),
    "psd-student-b256": Workload(psd_student, 256, True),
    "psd-teacher-b32": Workload(psd_teacher, 32, False),
    "jet-student-b1024": Workload(jet_tagger, 1024, False, 50),
    "mnist-cnn-student-b64": Workload(mnist_student, 64, True, 20),
    "pest-cnn-teacher-64px-b32": Workload(pest_teacher, 32, False, 2),
    "resnet20-cifar-b128": Workload(lambda: zoo.build("resnet20"), 128, False, 1),
    "vgg16-64px-b16": Workload(lambda: zoo.build("vgg16", shape=(64, 64, 3)), 16, False, 1),
    "mobilenetv2-96px-b16": Workload(lambda: zoo.build("mobilenetv2", shape=(96, 96, 3)), 16, False, 2),
}
EMULATIONS = {
    "psd": Emulation(psd_counted, 100_000),  # every sum fits 32 bits
    "resnet20-16bit": Emulation(resnet20_counted, 64),  # none does
}
