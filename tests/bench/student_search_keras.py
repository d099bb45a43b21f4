"""Their side of student_search.py: KerasTuner's Bayesian optimisation of QKeras students that TFMOT prunes.

python student_search_keras.py data.npz TRIALS EPOCHS
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras_tuner
import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
from qkeras import QActivation, QDense, quantized_bits, quantized_relu

BATCH, SPARSITY, BITS = 32, 0.2, 8
data = np.load(sys.argv[1])
trials, epochs = int(sys.argv[2]), int(sys.argv[3])
# The label and the teacher's logits side by side: plain fit, no custom training step, is their fastest way.
targets = np.concatenate([data["y"][:, None].astype(np.float32), data["logits"]], axis=1)
valid = np.concatenate([data["y_valid"][:, None].astype(np.float32), np.zeros((len(data["y_valid"]), 4))], axis=1)


def distillation(temperature: float, alpha: float):
    def loss(y_true, y_pred):
        label = tf.cast(y_true[:, 0], tf.int32)
        hard = tf.nn.sparse_softmax_cross_entropy_with_logits(label, y_pred)
        soft = tf.nn.softmax(y_true[:, 1:] / temperature)
        kl = tf.nn.softmax_cross_entropy_with_logits(soft, y_pred / temperature)
        return alpha * hard + (1 - alpha) * temperature**2 * kl

    return loss


def accuracy(y_true, y_pred):
    return tf.cast(tf.equal(tf.cast(y_true[:, 0], tf.int64), tf.argmax(y_pred, axis=1)), tf.float32)


def q(units: int) -> QDense:
    bias = quantized_bits(16, 5, alpha=1)
    return QDense(units, kernel_quantizer=quantized_bits(BITS, 1, alpha=1), bias_quantizer=bias)


def build(hp: keras_tuner.HyperParameters) -> tf.keras.Model:
    widths = hp.Int("fc1", 1, 20, default=15), hp.Int("fc2", 1, 20, default=10)
    rate = hp.Choice("learning_rate", [1e-3, 3e-3, 1e-2], default=1e-2)
    temperature = hp.Choice("temperature", [1.0, 2.0, 4.0, 8.0], default=2.0)
    alpha = hp.Float("alpha", 0.1, 0.9, step=0.1, default=0.5)
    relu = quantized_relu(BITS, 2)
    layers = [q(widths[0]), QActivation(relu), q(widths[1]), QActivation(relu), q(4)]
    model = tf.keras.Sequential([tf.keras.layers.InputLayer((data["x"].shape[1],)), *layers])
    steps = epochs * -(-len(data["x"]) // BATCH)
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, SPARSITY, steps // 10, steps * 6 // 10, frequency=100)
    model = tfmot.sparsity.keras.prune_low_magnitude(model, pruning_schedule=schedule)
    model.compile(tf.keras.optimizers.Adam(rate), distillation(temperature, alpha), metrics=[accuracy])
    return model


with tempfile.TemporaryDirectory() as folder:
    tuner = keras_tuner.BayesianOptimization(
        build, keras_tuner.Objective("val_accuracy", "max"), max_trials=trials, directory=folder, seed=0
    )
    begun = time.perf_counter()
    tuner.search(
        data["x"], targets, batch_size=BATCH, epochs=epochs, validation_data=(data["x_valid"], valid), verbose=0,
        callbacks=[tfmot.sparsity.keras.UpdatePruningStep()],
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    best = max(t.score for t in tuner.oracle.trials.values() if t.score is not None)
print(json.dumps({"trials": trials, "seconds": seconds, "seconds_a_trial": seconds / trials, "best": best}))
