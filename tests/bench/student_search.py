"""The student search against KerasTuner + QKeras + TFMOT doing the same trials, both sides in one run.

    python tests/bench/student_search.py --their-python ENV/bin/python [--trials 40] [--their-trials 3]

ENV has Python 3.11 and `tensorflow-cpu==2.14.* keras-tuner qkeras==0.9.0 tensorflow-model-optimization==0.8.0
pyparsing "numpy<2"`. A trial on either side: a 30-fc1-fc2-4 network of 8-bit QDense layers, distilled from the same
cached logits, pruned to 20 % by a polynomial schedule, Adam, 32 epochs of batches of 32 on the training part of 10,000
pulses, validated each epoch. --their-trials runs fewer of theirs, at a cost that is told: seconds a trial are compared.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from qkdflow import Key, datasets
from qkdflow.datasets import Dataset
from qkdflow.layers import Dense, Input, QActivation, QDense
from qkdflow.models import Sequential
from qkdflow.optimizers import Adam
from qkdflow.quantizers import quantized_bits, quantized_relu
from qkdflow.sparsity import PolynomialDecay, prune_low_magnitude
from qkdflow.tune import HyperParameters, Study, Trial

BATCH, SPARSITY, BITS = 32, 0.2, 8


def space(hp: HyperParameters) -> None:
    hp.Int("fc1", 1, 20, default=15)
    hp.Int("fc2", 1, 20, default=10)
    hp.Choice("learning_rate", [1e-3, 3e-3, 1e-2], default=1e-2)
    hp.Choice("temperature", [1.0, 2.0, 4.0, 8.0], default=2.0)
    hp.Float("alpha", 0.1, 0.9, step=0.1, default=0.5)


def q(units: int) -> QDense:
    bias = quantized_bits(16, 5, alpha=1)
    return QDense(units, kernel_quantizer=quantized_bits(BITS, 1, alpha=1), bias_quantizer=bias)


def student(trial: Trial, x: list[np.ndarray], y: list[np.ndarray], logits: np.ndarray, epochs: int) -> float:
    v = trial.values
    relu = quantized_relu(BITS, 2)
    widths = (int(v["fc1"]), int(v["fc2"]))
    model = Sequential(
        [Input((x[0].shape[1],)), q(widths[0]), QActivation(relu), q(widths[1]), QActivation(relu), q(4)],
        key=Key(trial.number),
    )
    model.compile(Adam(float(v["learning_rate"])))
    steps = epochs * -(-len(x[0]) // BATCH)
    prune_low_magnitude(model, PolynomialDecay(0.0, SPARSITY, steps // 10, steps * 6 // 10, frequency=100))
    history = model.fit(
        x[0], y[0], BATCH, epochs, (x[1], y[1]),
        teacher_logits=logits, temperature=float(v["temperature"]), alpha=float(v["alpha"]), key=Key(trial.number),
    )  # fmt: skip
    return max(history.history["val_accuracy"])


def teacher(data: Dataset, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    model = Sequential([Input((x.shape[1],)), Dense(128, "relu"), Dense(72, "relu"), Dense(40, "relu"), Dense(4)])
    model.compile(Adam(1e-3))
    model.fit(x, y, 64, 10)
    return model.logits(x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--their-python", required=True)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--their-trials", type=int)
    parser.add_argument("--epochs", type=int, default=32)
    parser.add_argument("--pulses", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    theirs = args.their_trials or args.trials

    data = datasets.psd.simulate(Key(0), args.pulses)
    parts = (data.train, data.valid)
    x, y = [np.asarray(p.x / 256, np.float32) for p in parts], [p.y for p in parts]
    logits = teacher(data, x[0], y[0])

    begun = time.perf_counter()
    study = Study(space, seed=0)
    best = study.optimize(lambda t: student(t, x, y, logits, args.epochs), args.trials, jobs=args.jobs)
    seconds = time.perf_counter() - begun
    assert best is not None

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "data.npz")
        np.savez(file, x=x[0], y=y[0], x_valid=x[1], y_valid=y[1], logits=logits)
        script = Path(__file__).with_name("student_search_keras.py")
        command = [args.their_python, str(script), str(file), str(theirs), str(args.epochs)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    other = json.loads(done.stdout.strip().splitlines()[-1])
    ours = seconds / args.trials
    print(
        json.dumps(
            {
                "epochs": args.epochs,
                "pulses": args.pulses,
                "ours": {"trials": args.trials, "seconds": seconds, "seconds_a_trial": ours, "best": best.value},
                "theirs": other,
                "ratio_a_trial": other["seconds_a_trial"] / ours,
                "ratio": other["seconds"] / seconds if theirs == args.trials else None,
                "load": os.getloadavg()[0],
            }
        )
    )


if __name__ == "__main__":
    main()
