"""A ResNet without skips on CIFAR-10: what removing them costs, and what distillation gives back.

    python tests/bench/skip_removal.py CIFAR [--depth 20] [--rows 5000] [--epochs 24] [--seeds 3]
    python tests/bench/skip_removal.py --table

CIFAR is a folder that `qkdflow.datasets.load` reads: CIFAR-10's binary files, or its images in train/ and test/.
Every variant has the same rows, epochs, batches, augmentation and optimiser:

    skips          the ResNet as it is, which then teaches the others
    none           without skips, from its own first weights
    none + KD      the same, 0.65 * CE + 0.35 * mean squared difference of logits (Tailor, arXiv:2301.07247)
    removal        begins as the teacher, loses the next skip every few epochs of one training, the same loss

Float32, and 8 and 16 bits with ranges calibrated on training images, frozen to integers; each looks at the test part
once. Writes docs/results/skips-DEPTH.json, after every seed, and skips.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import results
from qkdflow import Key, datasets, precision, zoo
from qkdflow.callbacks import cosine_decay
from qkdflow.datasets import Dataset
from qkdflow.files import write_json
from qkdflow.freeze import freeze
from qkdflow.hypermodels import power_of_two_scaling
from qkdflow.layers import Input
from qkdflow.models import Model
from qkdflow.models.training import Augmentation
from qkdflow.optimizers import Adam
from qkdflow.skips import remove_skips, skips

VARIANTS = ("skips", "none", "none + KD", "removal")
GAINS = ("skips", "none + KD", "removal")  # over none: what skips are worth, and what of it is won back
BITS = (8, 16)
CALIBRATION = 256  # images
BATCH, RATE = 64, 2e-3
AUGMENTATION = Augmentation(flip=True, crop=4)
HEAD = """# Skips removed while a ResNet trains

`python tests/bench/skip_removal.py CIFAR --depth D`; the variants are described at the head of that script. CIFAR-10's
images as JPEG files, real data, a part of the rows: figures are below the published ones (ResNet20 90.68 % with skips,
90.01 without, 89.82 with them removed; ResNet56 92.41). Test accuracy in %, mean and standard deviation over seeds;
frozen networks have calibrated ranges and were not trained at their bits. Differences are of the same seeds: what skips
are worth, and what distillation and removal win back of it; removal has the teacher's epochs behind its first weights.

"""


def train(depth: int, data: Dataset, epochs: int, key: Key) -> dict[str, Model]:
    """Every variant, trained from one key."""
    options = {"classes": data.classes, "shape": data.shape, "key": key}
    options["first"] = [Input(data.shape, data.input_type), power_of_two_scaling(data)]
    common = {"augmentation": AUGMENTATION, "validation_data": data.valid, "key": key.fold("fit")}
    x, y = data.train

    def fit(model: Model, **teaching: Any) -> Model:
        model.compile(Adam(RATE))
        model.fit(x, y, BATCH, epochs, callbacks=[cosine_decay(epochs)], **common, **teaching)
        return model

    teacher = fit(zoo.resnet(depth, True, **options))
    told = {"teacher_logits": teacher.logits(x), "distillation": "logits_mse", "alpha": 0.65}
    every = max(1, epochs // (2 * len(skips(teacher))))  # half of the training is left when the last one is gone
    removed, _ = remove_skips(
        teacher, x, y, epochs, every, optimizer=Adam(RATE), batch_size=BATCH, schedule=cosine_decay(epochs), **common
    )
    return {
        "skips": teacher,
        "none": fit(zoo.resnet(depth, False, **options)),
        "none + KD": fit(zoo.resnet(depth, False, **options), **told),
        "removal": removed,
    }


def scores(model: Model, data: Dataset) -> dict[str, float]:
    """Test accuracy in float32 and frozen."""
    x, y = data.test
    found = {"float": float(np.mean(model.logits(x).argmax(axis=1) == y))}
    for bits in BITS:
        fixed = freeze(precision.quantized(model, bits, data.train.x[:CALIBRATION]), data.class_names)
        found[str(bits)] = float(np.mean(fixed.predict(x).argmax(axis=1) == y))
    return found


def images(path: str | Path, rows: int) -> Dataset:
    """CIFAR-10, with so many images to train on."""
    key = Key(0)
    return datasets.load(path, key=key, image_size=(32, 32)).limited(rows, key)


def measured(depth: int, data: Dataset, epochs: int, seed: int) -> dict[str, dict[str, float]]:
    """The scores of every variant."""
    models = train(depth, data, epochs, Key(0).fold("seed").fold(seed))
    return {name: scores(model, data) for name, model in models.items()}


def table() -> str:
    """The rows of every depth that was measured."""
    head = ["depth", "bits", *VARIANTS, *(f"{v} - none" for v in GAINS)]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    notes = []
    for path in sorted(results.RESULTS.glob("skips-*.json"), key=lambda p: int(p.stem.split("-")[1])):
        row = json.loads(path.read_text())
        for bits in ("float", *map(str, BITS)):
            by = {v: 100 * np.array([seed[v][bits] for seed in row["seeds"]]) for v in VARIANTS}
            cells = [f"{by[v].mean():.2f} +- {results.deviation(by[v].tolist()):.2f}" for v in VARIANTS]
            gaps = [by[v] - by["none"] for v in GAINS]  # of the same keys
            cells += [f"{gap.mean():+.2f} +- {results.deviation(gap.tolist()):.2f}" for gap in gaps]
            lines.append(f"| {row['depth']} | {bits} | {' | '.join(cells)} |")
        notes.append(
            f"- ResNet{row['depth']}: {row['rows']:,} rows to train, {row['test']:,} to test, {row['epochs']} epochs, "
            f"batches of {BATCH}, {len(row['seeds'])} seeds; commit {row['commit']}, {row['date']}, {row['machine']}, "
            f"{row['cpu_seconds'] / 3600:.2f} CPU hours."
        )
    return "\n".join([*lines, "", *notes])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?")
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", action="store_true", help="write the table alone")
    args = parser.parse_args()
    if not args.table:
        data = images(args.data, args.rows)
        row = {"depth": args.depth, "rows": len(data.train.x), "test": len(data.test.x), "epochs": args.epochs}
        path = results.RESULTS / f"skips-{args.depth}.json"
        found = []
        for seed in range(args.seeds):
            found.append(measured(args.depth, data, args.epochs, seed))
            print(f"seed {seed}: {found[-1]}", flush=True)
            write_json(path, {**row, **results.machine(), "seeds": found})
    (results.RESULTS / "skips.md").write_text(HEAD + table() + "\n")


if __name__ == "__main__":
    main()
