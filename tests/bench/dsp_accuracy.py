"""Accuracy against DSPs, with and without `csd_bits`: `python tests/bench/dsp_accuracy.py [--seeds 5] [--write]`.

One student a data set, of fixed shape, trained with quantised weights from the start (8 bits, 20 % zeros, no teacher),
from several seeds; frozen, scored on the test part, and its DSPs counted by the law of the Latency strategy at reuse
factor 1. CLYC and MNIST are read from ../shared and left out where absent. --write puts the table into
docs/results/csd.md.
"""

from __future__ import annotations

import argparse
import gzip
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from hls_reports import SHARED
from qkdflow import FixedPoint, Key, datasets
from qkdflow.callbacks import Callback, EarlyStopping, FewDigitsPenalty, cosine_decay
from qkdflow.datasets import Dataset
from qkdflow.freeze import freeze
from qkdflow.hardware import estimate
from qkdflow.hypermodels import StudentMLP
from qkdflow.sparsity import PolynomialDecay, prune_low_magnitude
from qkdflow.tune import HyperParameters

DOCS = Path(__file__).parents[2] / "docs/results/csd.md"
BATCH = 32
VARIANTS: dict[str, tuple[int | None, float]] = {  # digits of csd_bits or None, strength of the penalty
    "quantized_bits(8, 1)": (None, 0.0),
    "the same, FewDigitsPenalty": (None, 0.5),
    "csd_bits(8, 1, digits=3)": (3, 0.0),
    "csd_bits(8, 1, digits=2)": (2, 0.0),
    "csd_bits(8, 1, digits=1)": (1, 0.0),
}


def applications() -> Iterator[tuple[Dataset, dict[str, int], int]]:
    """Data set, widths of the hidden layers, epochs."""
    yield datasets.psd.simulate(Key(0).fold("dataset"), 12_000), {"depth": 2, "fc1": 10, "fc2": 10}, 40
    if (SHARED / "data/clyc/clyc.csv").exists():
        clyc = datasets.load_csv(SHARED / "data/clyc/clyc.csv", label="class", key=Key(0).fold("dataset"))
        yield clyc, {"depth": 1, "fc1": 5}, 150
    if (SHARED / "data/mnist").is_dir():
        yield mnist(), {"depth": 1, "fc1": 16}, 12


def mnist() -> Dataset:
    folder = SHARED / "data/mnist"
    parts = []
    for name in ("train", "t10k"):
        x = np.frombuffer(_unpacked(folder / f"{name}-images-idx3-ubyte.gz"), np.uint8, offset=16)
        y = np.frombuffer(_unpacked(folder / f"{name}-labels-idx1-ubyte.gz"), np.uint8, offset=8)
        parts.append((x.reshape(-1, 784), y))
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    rows = np.arange(len(y), dtype=np.int64)
    indices = datasets.Indices(rows[:54_000], rows[54_000:60_000], rows[60_000:])
    names = tuple(str(d) for d in range(10))
    return Dataset(
        "mnist", x.astype(np.float32), y.astype(np.int64), names, FixedPoint(8, 8, False, "RND", "SAT"), indices
    )


def _unpacked(path: Path) -> bytes:
    with gzip.open(path) as file:
        return file.read()


def student(
    data: Dataset, widths: dict[str, int], epochs: int, variant: tuple[int | None, float], seed: int
) -> tuple[float, int, int]:
    """Test accuracy, DSPs and LUTs (csynth, estimated) of one frozen student."""
    digits, strength = variant
    key = Key(seed).fold(data.name)
    model = StudentMLP(data, 8, digits)(HyperParameters({**widths, "relu_integer": 2, "learning_rate": 1e-2}), key)
    steps = math.ceil(len(data.train.x) / BATCH)
    kept = math.ceil(0.6 * epochs)
    prune_low_magnitude(model, PolynomialDecay(0.0, 0.2, steps * epochs // 10, steps * kept, max(steps // 4, 1)))
    keep = EarlyStopping("val_accuracy", patience=epochs, restore_best_weights=True, start_from_epoch=kept)
    callbacks: list[Callback] = [cosine_decay(epochs), keep]
    if strength:
        callbacks.append(FewDigitsPenalty(kept, strength))
    model.fit(data.train.x, data.train.y, BATCH, epochs, data.valid, callbacks, key=key.fold("fit"))
    fixed = freeze(model, data.class_names)
    accuracy = float(np.mean(fixed.predict(data.test.x).argmax(axis=1) == data.test.y))
    total = estimate(fixed, part="xc7z020clg400-1").total
    return accuracy, total.dsp.value, total.lut.value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=VARIANTS, help="one kind of weights")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    lines = [
        "| data | student | weights | accuracy on test, mean (least to best) | DSPs, estimated | LUTs, estimated |"
    ]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for data, widths, epochs in applications():
        shape = [math.prod(data.shape), widths["fc1"], *([widths["fc2"]] if "fc2" in widths else []), data.classes]
        for name, variant in VARIANTS.items():
            if args.only and args.only != name:
                continue
            start = time.perf_counter()
            found = [student(data, widths, epochs, variant, seed) for seed in range(args.seeds)]
            scores, dsps, luts = (np.array(values) for values in zip(*found, strict=True))
            lines.append(
                f"| {data.name} | {'-'.join(map(str, shape))} | {name} | {100 * scores.mean():.2f} % "
                f"({100 * scores.min():.2f} to {100 * scores.max():.2f}) | {dsps.min()} to {dsps.max()} "
                f"| {luts.min():,} to {luts.max():,} |"
            )
            print(lines[-1], f"{time.perf_counter() - start:.0f} s", flush=True)
    if args.write:
        begin, end = "<!-- table -->\n", "<!-- end -->"
        before, _, rest = DOCS.read_text(encoding="utf-8").partition(begin)
        DOCS.write_text(before + begin + "\n".join(lines) + "\n" + end + rest.partition(end)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
