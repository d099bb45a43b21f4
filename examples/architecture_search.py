"""Neural architecture search: depth, kernels, widths and bits at once, accuracy against the hardware's bit operations.

    python examples/architecture_search.py [--trials 40] [--pulses 10000] [--jobs 2] [--journal runs/nas.jsonl]

How many convolutions and dense layers there are, how long the kernels, how wide each layer is and how many bits its
weights and activations have are hyper-parameters of one hypermodel; the space and its conditions are learned by calling
it. Bit operations (multiplications, each counted
as the product of its operands' bits) are a known function of the configuration, so no trial is spent on them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from qkdflow import Key, datasets
from qkdflow.layers import Flatten, Input, QActivation, QConv1D, QDense, Reshape
from qkdflow.models import Sequential
from qkdflow.optimizers import Adam
from qkdflow.quantizers import quantized_bits, quantized_relu
from qkdflow.tune import HyperParameters, Study, Trial

FEATURES, CLASSES, INPUT_BITS, STRIDE = 30, 4, 8, 2


class Layer(NamedTuple):
    """A layer of `units` neurons or, where `kernel` is not 0, filters of so many samples, every second one."""

    units: int
    bits: int
    kernel: int = 0


def layers(hp: HyperParameters) -> list[Layer]:
    """Convolutions, hidden dense layers and the output layer."""
    convolutions = [
        Layer(
            hp.Int(f"filters{i}", 1, 8, default=2),
            hp.Int(f"conv_bits{i}", 2, 8, default=6),
            int(hp.Choice(f"kernel{i}", [3, 5, 7], default=3)),
        )
        for i in range(hp.Int("convolutions", 0, 2, default=0))
    ]
    dense = [
        Layer(hp.Int(f"units{i}", 2, 32, sampling="log", default=8), hp.Int(f"bits{i}", 2, 8, default=6))
        for i in range(hp.Int("depth", 1, 4, default=2))
    ]
    return [*convolutions, *dense, Layer(CLASSES, hp.Int("output_bits", 2, 8, default=6))]


def hypermodel(hp: HyperParameters, key: Key | int = 0) -> Sequential:
    chain: list[Any] = [Input((FEATURES,))]
    is_series = False
    for units, bits, kernel in layers(hp):
        q = {"kernel_quantizer": quantized_bits(bits, 1, alpha=1), "bias_quantizer": quantized_bits(16, 5, alpha=1)}
        if kernel:
            chain += [] if is_series else [Reshape((FEATURES, 1))]
            chain += [QConv1D(units, kernel, strides=STRIDE, padding="same", **q)]
        else:
            chain += [Flatten()] if is_series else []
            chain += [QDense(units, **q)]
        is_series = kernel > 0
        chain += [QActivation(quantized_relu(bits, 2))]
    model = Sequential(chain[:-1], key=key)  # the last layer gives logits
    model.compile(Adam(hp.Float("learning_rate", 1e-3, 3e-2, sampling="log", default=1e-2)))
    return model


def bit_operations(values: dict[str, Any]) -> float:
    total, length, channels, bits_in = 0, FEATURES, 1, INPUT_BITS
    for layer in layers(HyperParameters(values)):
        positions = -(-length // STRIDE) if layer.kernel else 1
        fan_in = layer.kernel * channels if layer.kernel else length * channels
        total += positions * fan_in * layer.units * bits_in * layer.bits
        length, channels, bits_in = positions, layer.units, layer.bits
    return float(total)


def search(trials: int, pulses: int, epochs: int, jobs: int, journal: Path | None) -> Study:
    data = datasets.psd.simulate(Key(0), pulses)
    x, x_valid = (np.asarray(part.x / 256, np.float32) for part in (data.train, data.valid))

    def accuracy(trial: Trial) -> float:
        model = hypermodel(trial.hp, Key(trial.number))
        history = model.fit(x, data.train.y, 64, epochs, (x_valid, data.valid.y), key=Key(trial.number))
        return max(history.history["val_accuracy"])

    study = Study(hypermodel, direction="max", cost=bit_operations, reference=(0.5, 50_000), journal=journal)
    study.optimize(accuracy, trials, jobs=jobs)
    return study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--pulses", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--journal", type=Path)
    args = parser.parse_args()
    study = search(args.trials, args.pulses, args.epochs, args.jobs, args.journal)
    print("accuracy  bit operations  layers (units x bits, of convolutions kernel:filters x bits)")
    for trial in sorted(study.front, key=study.cost):
        shape = " ".join(f"{k}:{units}x{bits}" if k else f"{units}x{bits}" for units, bits, k in layers(trial.hp))
        print(f"{trial.objectives[0]:8.4f}  {study.cost(trial):14,.0f}  {shape}")


if __name__ == "__main__":
    main()
