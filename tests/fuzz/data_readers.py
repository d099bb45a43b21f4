"""Data sets, settings and studies."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
from mutate import Files
from qkdflow import Key, settings
from qkdflow.applications import APPLICATIONS
from qkdflow.config import RunConfig
from qkdflow.datasets import Dataset, load_cifar10, load_csv, load_hdf5, load_idx, load_npy, load_npz
from qkdflow.errors import ToolError
from qkdflow.explain import run_config, students
from qkdflow.files import npz_bytes, plain
from qkdflow.tune import Study
from reader import Reader, files
from test_datasets_load import cifar, idx, mnist
from test_tune_study import mixed, score

KEY = Key(0)
X = np.arange(24 * 6, dtype=np.float32).reshape(24, 6) / 8
Y = np.arange(24) % 3


def arrays() -> list[dict[str, np.ndarray]]:
    return [
        {"x": X, "y": Y},
        {
            "x_train": X.astype(np.uint8),
            "y_train": np.eye(3)[Y],
            "x_test": X[:9].astype(np.uint8),
            "y_test": np.eye(3)[Y[:9]],
        },
        {"x": X.reshape(24, 3, 2).astype(np.float64), "y": np.array(["a", "b", "cc"])[Y]},
    ]


def idx_seeds(folder: Path) -> list[Files]:
    plain_one, real = folder / "a", folder / "b"
    for place in (plain_one, real):
        place.mkdir(parents=True)
    mnist(plain_one)
    mnist(
        real,
        train_images=idx((X[:20].reshape(20, 3, 2)).astype(">f4"), 13),
        t10k_images=idx(X[:6].reshape(6, 3, 2).astype(">f4"), 13),
    )
    return [files(plain_one), files(real)]


def cifar_seeds(folder: Path) -> list[Files]:
    folder.mkdir(parents=True)
    cifar(folder)
    return [files(folder)]


def csv_seeds(_: Path) -> list[Files]:
    rows = [f"{i},{i * 0.25},{-i}e-1,{'abc'[i % 3]}" for i in range(20)]
    quoted = [f'"{i}",{i % 2}' for i in range(12)]
    return [
        {"d.csv": "\n".join(["f0,f1,f2,class", *rows]).encode()},
        {"d.csv": "\r\n".join(['"a, b",class', *quoted, ""]).encode()},
    ]


def npz_seeds(_: Path) -> list[Files]:
    return [{"d.npz": npz_bytes(a)} for a in arrays()]


def npy_seeds(folder: Path) -> list[Files]:
    found = []
    for i, of in enumerate(arrays()):
        (folder / str(i)).mkdir(parents=True)
        for name, array in of.items():
            np.save(folder / str(i) / f"{name}.npy", array)
        found.append(files(folder / str(i)))
    return found


def hdf5_seeds(folder: Path) -> list[Files]:
    folder.mkdir(parents=True)
    for i, of in enumerate(arrays()[:2]):
        with h5py.File(folder / f"{i}.h5", "w") as file:
            for name, array in of.items():
                file.create_dataset(name, data=array, **({"compression": "gzip", "chunks": True} if i else {}))
    return [{"d.h5": (folder / f"{i}.h5").read_bytes()} for i in range(2)]


def dataset_seeds(folder: Path) -> list[Files]:
    from qkdflow.datasets.input_type import input_type

    Dataset.make("d", X, Y.astype(np.int64), ("a", "b", "c"), input_type(X), KEY).save(folder)
    return [files(folder)]


def toml_seeds(_: Path) -> list[Files]:
    all_of_it = """data = "psd"
bits = 6
sparsity = 0.5
max_parameters = 400
image_size = [8, 8]
constraints = {lut = 0.6, dsp = 0}
[hls]
part = "xc7z020clg400-1"
strategy = "Resource"
reuse_factor = {fc1 = 4}
clock_ns = 5.0
[effort]
student_trials = 3
[student_network]
kind = "mlp"
"""
    return [
        {"run.toml": settings.to_toml(name).replace('# data = "PATH"', 'data = "a.csv"').encode()}
        for name in APPLICATIONS
    ] + [{"run.toml": all_of_it.encode()}]


def journal_seeds(folder: Path) -> list[Files]:
    folder.mkdir(parents=True)
    study = Study(mixed, seed=3, journal=folder / "study.jsonl")
    for _ in range(5):
        trial = study.ask()
        study.tell(trial, score(trial))
    study.tell(study.ask(), None, state="failed")
    study.ask()
    return [{"study.jsonl": (folder / "study.jsonl").read_bytes()}]


def read_journal(place: Path) -> None:
    study = Study(mixed, seed=3, journal=place / "study.jsonl")
    study.ask()
    _ = study.best, study.trials


def run_seeds(folder: Path) -> list[Files]:
    from dataclasses import asdict

    config = {"format": "qkdflow.run/1", "config": plain(asdict(RunConfig(data="psd", constraints={"lut": 0.5})))}
    lines = journal_seeds(folder)[0]["study.jsonl"]
    return [{"run.json": json.dumps(config).encode(), "04_student_search/journal.jsonl": lines}]


def read_run(place: Path) -> None:
    """`qkdflow explain` of a run: its settings and its student search."""
    try:
        run_config(place)
    finally:
        students(place)


READERS = {
    "idx": Reader(idx_seeds, lambda p: load_idx(p, key=KEY)),
    "cifar": Reader(cifar_seeds, lambda p: load_cifar10(p, key=KEY)),
    "csv": Reader(csv_seeds, lambda p: load_csv(p / "d.csv", key=KEY)),
    "npz": Reader(npz_seeds, lambda p: load_npz(p / "d.npz", key=KEY)),
    "npy": Reader(npy_seeds, lambda p: load_npy(p, key=KEY)),
    "hdf5": Reader(hdf5_seeds, lambda p: load_hdf5(p / "d.h5", key=KEY)),
    "dataset": Reader(dataset_seeds, Dataset.load),
    "toml": Reader(toml_seeds, lambda p: settings.make_config(settings.read_toml(p / "run.toml"))),
    "journal": Reader(journal_seeds, read_journal, (ToolError,)),
    "run": Reader(run_seeds, read_run),
}
