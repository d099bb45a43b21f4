"""What the vector level of the processor may change, and what not: the whole engine in one process a level."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Prints the level in use, then digests of a frozen network's integers, of a training, and of a search.
SCRIPT = """
import hashlib
import numpy as np
from qkdflow import Key, Sequential, _core
from qkdflow.freeze import freeze
from qkdflow.layers import Activation, AveragePooling2D, BatchNormalization, Conv2D, Dense, DepthwiseConv2D, Dropout
from qkdflow.layers import Flatten, Input, MaxPooling2D, QActivation, QDense
from qkdflow.quantizers import quantized_bits, quantized_relu
from qkdflow.tune import Study

def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()

x = Key(1).normal(512 * 64).reshape(512, 8, 8, 1).round(2).astype(np.float32)
y = (Key(2).uniform(512) * 3).astype(np.int64)
q = quantized_bits(8, 1, alpha=1, rounding="RND")
student = [
    QDense(12, kernel_quantizer=q, bias_quantizer=q),
    QActivation(quantized_relu(8, 2)),
    QDense(3, kernel_quantizer=q, bias_quantizer=q),
]
drawn = Sequential([Input((8,), type=_core.FixedPoint(10, 4, True, "RND", "SAT")), *student], key=3)
fixed = freeze(drawn).predict(x.reshape(-1, 8))

layers = [Conv2D(6, 3, activation="relu"), BatchNormalization(), Activation("relu6"), MaxPooling2D(2, strides=1)]
layers += [DepthwiseConv2D(3, padding="same"), BatchNormalization(), AveragePooling2D(2), Dropout(0.2), Flatten()]
model = Sequential([Input((8, 8, 1)), *layers, Dense(20, "tanh"), Dense(3)], key=4)
history = model.fit(x, y, batch_size=48, epochs=4, key=5)
trained = digest(*model.get_weights().values, history.history["loss"])

study = Study(lambda hp: [hp.Float(name, 0, 1) for name in "abc"], seed=6)
study.optimize(lambda trial: -sum((v - 0.4) ** 2 for v in trial.values.values()), 40)
searched = digest([list(t.values.values()) for t in study.trials])
print(_core.simd_level(), digest(fixed), trained, searched)
"""


def at(level: str) -> list[str]:
    environment = {**os.environ, "QKDFLOW_SIMD": level}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    found = done.stdout.split()
    if found[0] != level:
        pytest.skip(f"this processor has no {level}")
    return found[1:]


def test_integers_are_the_same_at_every_level() -> None:
    assert at("v2")[0] == at("v3")[0]


def test_trainings_and_searches_are_the_same_with_avx2_and_avx_512() -> None:
    assert at("v3") == at("v4")
