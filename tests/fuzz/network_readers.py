"""Networks: those of others, and our own in floating and in fixed point."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import fixed_graphs
import h5_files
import numpy as np
import onnx_models
import test_keras_files
import test_keras_kinds
from fixed_models import mlp
from mutate import Files
from qkdflow import Key, Sequential, layers, load_model
from qkdflow.export.hls import HlsConfig, HlsProject, write_hls
from qkdflow.fixed import FixedModel
from reader import Reader, files


def h5_seeds(folder: Path) -> list[Files]:
    folder.mkdir(parents=True)
    made = [
        h5_files.small(folder / "small.h5"),
        h5_files.write_h5(folder / "base.h5", test_keras_files.BASE, test_keras_files.ARRAYS),
    ]
    made += [
        test_keras_kinds.written(make(), folder / f"{i}.h5") for i, make in enumerate(test_keras_kinds.KINDS.values())
    ]
    return [{"net.h5": path.read_bytes()} for path in made]


def keras_seeds(folder: Path) -> list[Files]:
    folder.mkdir(parents=True)
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in test_keras_files.members(folder).items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return [{"net.keras": packed.getvalue()}]


def json_seeds(folder: Path) -> list[Files]:
    members = keras_members(folder)
    return [{"net.json": members["config.json"], "net.h5": members["model.weights.h5"]}]


def keras_members(folder: Path) -> Files:
    folder.mkdir(parents=True, exist_ok=True)
    return test_keras_files.members(folder)


def onnx_seeds(*names: str) -> list[Files]:
    found = []
    for name in names:
        make, shape, _ = onnx_models.CASES[name]
        builder = onnx_models.Builder(shape)
        found.append({"net.onnx": builder.model(make(builder)).SerializeToString()})
    return found


def native_seeds(folder: Path) -> list[Files]:
    made = [
        Sequential(
            [
                layers.Input((5,)),
                layers.QDense(4, kernel_quantizer="quantized_bits(4,0,alpha=1)"),
                layers.QActivation("quantized_relu(4,2)"),
                layers.Dense(2),
            ],
            "a",
        ),
        Sequential(
            [
                layers.Input((6, 6, 1)),
                layers.Conv2D(2, 3),
                layers.BatchNormalization(),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dense(2, activation="softmax"),
            ],
            "b",
        ),
    ]
    for model in made:
        model.compile()
        model.save(folder / model.name)
    return [files(folder / model.name) for model in made]


def frozen() -> list[FixedModel]:
    return [
        mlp(Key(2), (6, 5, 3)),
        fixed_graphs.residual(Key(3)),
        fixed_graphs.activations(Key(4)),
        fixed_graphs.softmaxes(Key(5)),
    ]


def fixed_seeds(folder: Path) -> list[Files]:
    for i, model in enumerate(frozen()):
        model.save(folder / str(i))
    return [files(folder / str(i)) for i in range(len(frozen()))]


def read_fixed(place: Path) -> None:
    model = FixedModel.load(place)
    model.run(np.zeros((2, *model.input_shape), np.int64))


def project_seeds(folder: Path) -> list[Files]:
    write_hls(frozen()[0], folder / "p", HlsConfig())
    return [{name: content for name, content in files(folder / "p").items() if name.startswith("source/")}]


READERS = {
    "keras_h5": Reader(h5_seeds, lambda p: load_model(p / "net.h5")),
    "keras_zip": Reader(keras_seeds, lambda p: load_model(p / "net.keras")),
    "keras_json": Reader(json_seeds, lambda p: load_model(p / "net.json")),
    "onnx": Reader(
        lambda _: onnx_seeds(*(n for n in onnx_models.CASES if n != "quantized")), lambda p: load_model(p / "net.onnx")
    ),
    "qonnx": Reader(lambda _: onnx_seeds("quantized"), lambda p: load_model(p / "net.onnx")),
    "native": Reader(native_seeds, load_model),
    "fixed": Reader(fixed_seeds, read_fixed),
    "hls_project": Reader(project_seeds, HlsProject.load),
}
