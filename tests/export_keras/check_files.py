"""Read every NAME.h5 of a folder with real Keras and QKeras, some with hls4ml, and compare with NAME.npz bit for bit.

Needs neither qkdflow nor anything else of this checkout.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

import hls4ml
import numpy as np
import qkeras.utils
import tensorflow as tf

HLS4ML = ("mlp", "conv2d")  # g++ takes ten seconds a network


def keras(path: Path, x: np.ndarray) -> np.ndarray:
    objects: dict[str, object] = {}
    qkeras.utils._add_supported_quantized_objects(objects)
    model = tf.keras.models.load_model(path, custom_objects=objects, compile=False)
    return model.predict(x.astype(np.float32), verbose=0, batch_size=512).astype(np.float64)


def simulated(path: Path, x: np.ndarray, precisions: dict[str, str]) -> np.ndarray:
    """hls4ml's own way with a Keras 2 .h5; what is not in `precisions` is its own choice."""
    objects: dict[str, object] = {}
    qkeras.utils._add_supported_quantized_objects(objects)
    model = tf.keras.models.load_model(path, custom_objects=objects, compile=False)
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(io.StringIO()):
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
        for name, precision in precisions.items():
            config["LayerName"][name]["Precision"]["result"] = precision
        project = hls4ml.utils.config.create_config(output_dir=out, backend="Vitis", io_type="io_parallel")
        project["KerasH5"] = str(path)
        project["KerasModel"] = model
        project["HLSConfig"] = config
        made = hls4ml.converters.keras_v2_to_hls(project)
        made.compile()
        return np.asarray(made.predict(np.ascontiguousarray(x, dtype=np.float64))).reshape(len(x), -1)


def main() -> int:
    wrong = 0
    for path in sorted(Path(sys.argv[1]).glob("*.h5")):
        given = np.load(path.with_suffix(".npz"))
        results = {"QKeras": keras(path, given["x"])}
        if path.stem in HLS4ML:
            results["hls4ml"] = simulated(path, given["x"], json.loads(str(given["precisions"])))
        for reader, got in results.items():
            differ = int(np.count_nonzero(got != given["logits"]))
            wrong += differ
            print(f"{path.stem:24} {reader:8} {got.size:8} {differ:8}", flush=True)
    print(f"{'all':24} {'':8} {'':8} {wrong:8}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
