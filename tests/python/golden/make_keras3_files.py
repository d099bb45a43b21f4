"""Writes keras3_files.zip: small models as Keras 3 saves them, and what they predict. NAME.npz holds x and y.

KERAS_BACKEND=torch python make_keras3_files.py   # beside `pip install keras==3.15.1 torch`
"""

import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np
from keras import layers as L

RNG = np.random.default_rng(0)


def shaken(model):
    """Every weight another value, BatchNorm's statistics too."""
    for w in model.weights:
        new = RNG.normal(size=w.shape) * (0.8 if len(w.shape) > 1 else 0.3)
        w.assign((np.abs(new) + 0.5 if w.name in ("moving_variance", "gamma") else new).astype(np.float32))
    return model


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
    x = L.MaxPooling2D(3, strides=2, padding="same")(x)
    a, b = L.GlobalAveragePooling2D()(x), L.GlobalMaxPooling2D()(x)
    x = L.Dense(7, activation="sigmoid", name="one")(L.concatenate([a, b]))
    return keras.Model(i, L.Dense(3, activation="softmax")(x), name="branches")


def recommender():
    return keras.Sequential(
        [L.Input((7,)), L.Embedding(20, 4, name="emb"), L.GRU(5, name="gru"), L.Dense(20, activation="softmax")],
        name="recommender",
    )


def nested():
    base = keras.Sequential(
        [L.Input((6, 6, 1)), L.Conv2D(3, 3, activation="relu", name="c"), L.BatchNormalization(name="bn")], name="base"
    )
    inner = L.Input((6, 6, 1))
    head = keras.Model(inner, L.GlobalAveragePooling2D()(base(inner)), name="features")
    return keras.Sequential(
        [L.Input((6, 6, 1)), head, L.Dropout(0.3), L.Dense(4, name="d"), L.Dense(2, name="c")], name="nested"
    )


def main() -> None:
    out = Path(__file__).with_name("keras3_files.zip")
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
    ):
        for make in (branches, recommender, nested):
            model = shaken(make())
            name, shape = make.__name__, model.input_shape[1:]
            x = RNG.normal(size=(16, *shape)).astype(np.float32)
            x = RNG.integers(0, 20, size=(16, 7)).astype(np.float32) if make is recommender else x
            files = [f"{name}.keras", f"{name}.h5", f"{name}.npz"]
            model.save(f"{folder}/{name}.keras")
            model.save(f"{folder}/{name}.h5")
            if make is nested:
                Path(f"{folder}/split.json").write_text(model.to_json())
                model.save_weights(f"{folder}/split.weights.h5")
                files += ["split.json", "split.weights.h5"]
            np.savez(f"{folder}/{name}.npz", x=x, y=model.predict(x, verbose=0))
            for file in files:
                archive.write(f"{folder}/{file}", file)


if __name__ == "__main__":
    main()
