"""Writes keras2_files.zip: small models as Keras 2.14, QKeras 0.9 and TFMOT 0.8 save them, and what they predict.

Needs `pip install "tensorflow<2.15" qkeras==0.9.0 tensorflow-model-optimization==0.8.0`. NAME.npz holds x and y.
"""

import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
from qkeras import (
    QActivation,
    QAveragePooling2D,
    QBatchNormalization,
    QConv1D,
    QConv2D,
    QConv2DBatchnorm,
    QDense,
    QDepthwiseConv2D,
    QDepthwiseConv2DBatchnorm,
    QSeparableConv2D,
)
from tensorflow import keras
from tensorflow.keras import layers as L

tf.keras.utils.set_random_seed(0)
RNG = np.random.default_rng(0)


def shaken(model):
    """Every weight another value, BatchNorm's statistics too."""
    for w in model.weights:
        if w.dtype == tf.float32 and "mask" not in w.name and "threshold" not in w.name:
            new = RNG.normal(size=w.shape) * (0.8 if w.shape.rank > 1 else 0.3)
            new = np.abs(new) + 0.5 if "variance" in w.name or "gamma" in w.name else new
            w.assign(new.astype(np.float32))
    return model


def qkeras_conv():
    return keras.Sequential(
        [
            L.Input((9, 9, 2), name="in"),
            QConv2D(
                4,
                3,
                padding="same",
                kernel_quantizer="quantized_bits(6,1)",
                bias_quantizer="quantized_bits(8,2)",
                name="a",
            ),
            QActivation("quantized_relu(8, 3)", name="act"),
            QDepthwiseConv2D(
                3,
                strides=2,
                depthwise_quantizer="quantized_bits(6,2,alpha=1)",
                bias_quantizer="quantized_bits(8,2)",
                name="dw",
            ),
            QSeparableConv2D(
                3,
                2,
                depthwise_quantizer="quantized_bits(6,1)",
                pointwise_quantizer="quantized_bits(6,1,alpha='auto')",
                bias_quantizer="quantized_bits(8,2)",
                padding="same",
                name="sep",
            ),
            QConv2DBatchnorm(
                4,
                3,
                padding="same",
                kernel_quantizer="quantized_bits(8,2,alpha=1)",
                bias_quantizer="quantized_bits(8,2,alpha=1)",
                activation="quantized_relu(8,2,negative_slope=0.25)",
                name="cb",
            ),
            QDepthwiseConv2DBatchnorm(
                3,
                padding="same",
                depthwise_quantizer="quantized_bits(8,2,alpha=1)",
                bias_quantizer="quantized_bits(8,2,alpha=1)",
                name="db",
            ),
            QAveragePooling2D(
                2, average_quantizer="quantized_bits(8,0,alpha=1)", activation="quantized_bits(8,4)", name="avg"
            ),
            L.Flatten(name="flat"),
            QDense(
                5,
                kernel_quantizer="quantized_bits(4,0,alpha=1)",
                bias_quantizer="quantized_bits(4,0)",
                activation="quantized_bits(9,1)",
                name="fc",
            ),
            L.Activation("softmax", name="softmax"),
        ],
        name="qkeras_conv",
    )


def binary_ternary():
    x = i = L.Input((12, 3))
    x = QConv1D(6, 3, kernel_quantizer="ternary()", bias_quantizer="quantized_bits(8,2)", name="t")(x)
    x = QBatchNormalization(name="bn")(x)
    x = QActivation("ternary(alpha=1)", name="ta")(x)
    x = L.Flatten()(x)
    x = QDense(8, kernel_quantizer="binary(alpha=1)", use_bias=False, name="b")(x)
    x = QActivation("binary(alpha=1)", name="ba")(x)
    x = QDense(8, kernel_quantizer="stochastic_ternary", bias_quantizer="quantized_po2(4)", name="s")(x)
    x = QActivation("quantized_tanh(6)", name="qt")(x)
    x = QDense(4, kernel_quantizer="quantized_po2(4)", bias_quantizer=None, name="p")(x)
    return keras.Model(i, QActivation("quantized_sigmoid(8)", name="qs")(x), name="binary_ternary")


def branches():
    i = L.Input((8, 8, 3), name="image")
    x = L.ZeroPadding2D(((0, 1), (1, 2)))(i)
    x = L.Conv2D(6, 3, strides=2, use_bias=False, kernel_regularizer="l2", name="stem")(x)
    x = L.BatchNormalization(name="bn")(x)
    x = s = L.ReLU(6.0, name="relu6")(x)
    x = L.SeparableConv2D(6, 3, padding="same", name="sep")(x)
    x = L.LeakyReLU(0.2)(x)
    x = L.Add()([x, s])
    y = L.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="tanh", name="dw")(s)
    x = L.Concatenate()([x, y])
    x = L.AveragePooling2D(2, strides=1, padding="same")(x)
    x = L.MaxPooling2D(3, strides=2, padding="same")(x)
    a, b = L.GlobalAveragePooling2D()(x), L.GlobalMaxPooling2D()(x)
    x = L.Dense(7, activation="sigmoid", name="fc/one")(L.concatenate([a, b]))
    return keras.Model(i, L.Dense(3, activation="softmax")(x), name="branches")


def recommender():
    return keras.Sequential(
        [L.Embedding(20, 4, input_length=7, name="emb"), L.GRU(5, name="gru"), L.Dense(20, activation="softmax")],
        name="recommender",
    )


def sequences():
    return keras.Sequential(
        [
            L.Input((6, 3)),
            L.GRU(4, return_sequences=True),
            L.Conv1D(3, 2, padding="same", activation="relu"),
            L.MaxPooling1D(2),
            L.AveragePooling1D(3),
            L.Reshape((3,)),
            L.Dense(2),
        ],
        name="sequences",
    )


def nested():
    base = keras.Sequential(
        [L.Input((6, 6, 1)), L.Conv2D(3, 3, activation="relu", name="c"), L.BatchNormalization(name="bn")], name="base"
    )
    inner = L.Input((6, 6, 1))
    head = keras.Model(inner, L.GlobalAveragePooling2D()(base(inner)), name="features")
    return keras.Sequential([head, L.Dropout(0.3), L.Dense(2, name="c")], name="nested")


def pruned():
    model = keras.Sequential(
        [L.Input((5,)), L.Dense(8, activation="relu", name="fc"), L.Dropout(0.1), L.Dense(3, name="out")], name="pruned"
    )
    model = tfmot.sparsity.keras.prune_low_magnitude(model, tfmot.sparsity.keras.ConstantSparsity(0.5, 0))
    for w in model.weights:
        if "mask" in w.name:
            w.assign((RNG.uniform(size=w.shape) < 0.5).astype(np.float32))
    return model


def main() -> None:
    out = Path(__file__).with_name("keras2_files.zip")
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
    ):
        for make in (qkeras_conv, binary_ternary, branches, recommender, sequences, nested, pruned):
            model = shaken(make())
            name, shape = make.__name__, model.input_shape[1:]
            x = RNG.normal(size=(16, *shape)).astype(np.float32)
            x = RNG.integers(0, 20, size=(16, 7)).astype(np.float32) if make is recommender else x
            files = [f"{name}.h5"]
            model.save(f"{folder}/{name}.h5")
            if make is not pruned:
                model.save(f"{folder}/{name}.keras")
                files.append(f"{name}.keras")
            if make is branches:
                Path(f"{folder}/split.json").write_text(model.to_json())
                model.save_weights(f"{folder}/split_weights.h5")
                files += ["split.json", "split_weights.h5"]
            np.savez(f"{folder}/{name}.npz", x=x, y=model.predict(x, verbose=0))
            for file in (*files, f"{name}.npz"):
                archive.write(f"{folder}/{file}", file)


if __name__ == "__main__":
    main()
