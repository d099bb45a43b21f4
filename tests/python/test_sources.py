"""Training data on the disk: read ahead in a thread, to the same bits as from memory."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image
from qkdflow import Key, Sequential, _core
from qkdflow.errors import ConfigError, DataError
from qkdflow.layers import Conv2D, Dense, Flatten, Input
from qkdflow.models import Model
from qkdflow.sources import Reader, Source, from_hdf5, from_npy, image_dataset_from_directory

N = 150


def images() -> tuple[np.ndarray, np.ndarray]:
    x = np.floor(np.asarray(Key(1).uniform(N * 48)) * 256).reshape(N, 4, 4, 3).astype(np.uint8)
    return x, np.arange(N) % 3


def network(key: int = 0) -> Model:
    return Sequential([Input((4, 4, 3)), Conv2D(4, 3, activation="relu"), Flatten(), Dense(3)], key=key)


class Slow(Source):
    """Counts what is read, and in which thread."""

    def __init__(self, x: np.ndarray, labels: np.ndarray) -> None:
        self.x, self.labels, self.sample_shape = x, labels, x.shape[1:]
        self.threads: set[str] = set()
        self.most = 0

    def __len__(self) -> int:
        return len(self.x)

    def read(self, rows: np.ndarray) -> np.ndarray:
        assert (np.diff(rows) > 0).all()
        self.threads.add(threading.current_thread().name)
        self.most = max(self.most, len(rows))
        return self.x[rows]


def kept(kind: str, folder: Path) -> tuple[Any, Any]:
    """(x, y) of images() on the disk; y None where the source brings its labels."""
    x, y = images()
    np.save(folder / "x.npy", x)
    if kind == "npy":
        np.save(folder / "y.npy", y)
        return from_npy(folder / "x.npy", folder / "y.npy"), None
    if kind == "memmap":
        return np.load(folder / "x.npy", mmap_mode="r"), y
    if kind == "own":
        return Slow(x, y), None
    with h5py.File(folder / "d.h5", "w") as file:
        file["images/x"], file["y"] = x, y
    return (
        (from_hdf5(folder / "d.h5", "images/x"), None)
        if kind == "hdf5"
        else (h5py.File(folder / "d.h5")["images/x"], y)
    )


def trained(x: Any, y: Any, valid: Any) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    model = network()
    history = model.fit(
        x, y, epochs=3, batch_size=16, teacher=network(5), validation_data=valid, class_weight={0: 2.0}, key=3
    )
    return list(model.get_weights().values), history.history


@pytest.mark.parametrize("kind", ["npy", "memmap", "hdf5", "h5py", "own"])
def test_the_disk_gives_the_bits_that_memory_gives(kind: str, tmp_path: Path) -> None:
    x, y = images()
    expected, curves = trained(x, y, (x[:40], y[:40]))
    source, labels = kept(kind, tmp_path)
    got, same = trained(source, labels, (x[:40], y[:40]))
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)
    assert same == curves
    model = network()
    np.testing.assert_array_equal(model.predict(source), model.predict(x))
    assert model.evaluate(source, labels) == model.evaluate(x, y)


def test_batches_are_read_in_a_thread_and_never_the_whole() -> None:
    source = Slow(*images())
    network().fit(source, batch_size=16, epochs=2)
    assert all(name.startswith("qkdflow-reader") for name in source.threads)
    assert source.most == 16
    assert network().fit(source, validation_data=source).history["val_loss"]


def test_a_folder_of_images_brings_labels_and_names(tmp_path: Path) -> None:
    x, y = images()
    for i, (image, label) in enumerate(zip(x, y, strict=True)):
        folder = tmp_path / "abc"[label]
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / f"{i:03}.png")
    source = image_dataset_from_directory(tmp_path)
    assert source.class_names == ("a", "b", "c")
    order = np.argsort(y, kind="stable")
    np.testing.assert_array_equal(source.labels, y[order])
    np.testing.assert_array_equal(source.read(np.arange(N)), x[order])
    expected, got = network(), network()
    expected.fit(x[order], y[order], batch_size=32)
    got.fit(source, batch_size=32)
    np.testing.assert_array_equal(expected.predict(x), got.predict(x))
    assert image_dataset_from_directory(tmp_path, (8, 6), "grayscale").read(np.arange(2)).shape == (2, 8, 6, 1)


def test_folders_named_by_numbers_are_labelled_by_numbers(tmp_path: Path) -> None:
    for name in ("1", "2", "10"):
        (tmp_path / name).mkdir()
        Image.new("L", (2, 2), int(name)).save(tmp_path / name / "i.png")
    source = image_dataset_from_directory(tmp_path, color_mode="grayscale")
    assert source.class_names == ("1", "2", "10")
    assert source.labels is not None
    assert [source.class_names[label] for label in source.labels] == ["1", "10", "2"]
    np.testing.assert_array_equal(source.read(np.arange(3))[:, 0, 0, 0], [1, 10, 2])


def test_what_is_no_folder_of_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a readable folder is required"):
        image_dataset_from_directory(tmp_path / "none")
    for name in "ab":
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=r"a\] files .* are required"):
        image_dataset_from_directory(tmp_path)
    for name, size in (("a", 4), ("b", 5)):
        Image.new("RGB", (size, size)).save(tmp_path / name / "i.png")
    with pytest.raises(DataError, match=r"i\.png\] images must be \(4, 4\); got \(5, 5\).*image_size"):
        network().fit(image_dataset_from_directory(tmp_path))
    (tmp_path / "b" / "i.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"i\.png\] a JPEG or PNG image is required"):
        network().fit(image_dataset_from_directory(tmp_path))
    with pytest.raises(ConfigError, match="color_mode"):
        image_dataset_from_directory(tmp_path, color_mode="cmyk")


def test_errors_name_the_source_and_the_row(tmp_path: Path) -> None:
    x, y = images()
    broken = x.astype(np.float32)
    broken[77, 0, 0, 0] = np.nan
    with pytest.raises(DataError, match=r"\[x\] must be finite numbers; got NaN or infinity in row 77"):
        network().fit(Slow(broken, y))
    with pytest.raises(DataError, match=r"\[x\] must be \(samples, 4, 4, 3\); got \(150, 48\)"):
        network().fit(Slow(x.reshape(N, 48), y))
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(DataError, match="labels are required"):
        network().fit(from_npy(tmp_path / "x.npy"))
    with pytest.raises(DataError, match=r"\[x\] holds no sample"):
        network().predict(Slow(x[:0], y[:0]))
    with pytest.raises(DataError, match=r"one label a sample"):
        from_npy(tmp_path / "x.npy", y[:3])
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object))
    with pytest.raises(DataError, match=r"o\.npy\] a \.npy file of numbers"):
        from_npy(tmp_path / "o.npy")
    (tmp_path / "empty.npy").write_bytes(b"")
    np.savez(tmp_path / "z.npz", x=x)
    for name in ("empty.npy", "z.npz"):
        with pytest.raises(DataError, match=r"\] a \.npy file of numbers is required"):
            from_npy(tmp_path / name)
    (tmp_path / "no.h5").write_text("text")
    with pytest.raises(DataError, match=r"no\.h5\] a whole HDF5 file is required"):
        from_hdf5(tmp_path / "no.h5")
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["a"] = x
        file["images/b"] = x
        file["away"] = h5py.ExternalLink("other.h5", "/a")
    with pytest.raises(
        DataError, match=r"a dataset 'x' is required; got nothing of that name; the file has a, images/b$"
    ):
        from_hdf5(tmp_path / "d.h5", y=None)
    with pytest.raises(DataError, match=r"a dataset 'images' is required; got a group; the file has a, images/b$"):
        from_hdf5(tmp_path / "d.h5", "images", y=None)


def test_an_error_of_a_source_reaches_fit_and_the_next_fit_works() -> None:
    class Failing(Slow):
        fails = True

        def read(self, rows: np.ndarray) -> np.ndarray:
            if self.fails and 40 in rows:
                raise OSError("the disk is gone")
            return super().read(rows)

    source, model = Failing(*images()), network()
    with pytest.raises(OSError, match="the disk is gone"):
        model.fit(source, batch_size=16)
    source.fails = False
    assert model.fit(source, batch_size=16).epochs == 1


def test_a_source_must_not_wait_for_the_model_that_waits_for_it() -> None:
    model = network()

    class Asking(Slow):
        def read(self, rows: np.ndarray) -> np.ndarray:
            model.predict(super().read(rows))
            return super().read(rows)

    with pytest.raises(ValueError, match="must not use the model that reads it"):
        model.fit(Asking(*images()), batch_size=16)
    x = np.zeros((3, 4, 4, 3), dtype=np.float32)
    with pytest.raises(ValueError, match="must not use the model that reads it"):  # in the engine's own thread
        model.graph.predict_rows(lambda rows: model.graph.predict(x[: len(rows)]), 3)
    assert model.predict(x).shape == (3, 3)


def test_a_sources_arithmetic_keeps_its_denormals() -> None:
    found: list[np.float32] = []
    x = images()[0].astype(np.float32)

    def read(rows: np.ndarray) -> np.ndarray:
        found.append(np.float32(1e-30) * np.float32(1e-10))
        return x[rows]

    model = network()
    trainer = _core.Trainer(
        model.graph,
        read,
        np.zeros(N, dtype=np.int32),
        None,
        "adam",
        {},
        16,
        Key(0),
        None,
        [],
        0,
        None,
        0.0,
        False,
        0,
        [],
    )
    trainer.epoch(0, [1e-3])
    assert all(value > 0 for value in found)


def test_rows_that_nobody_announced_are_read_too() -> None:
    source = Slow(*images())
    reader = Reader(source, "x")
    reader.announce(np.arange(N, dtype=np.uint32), 10)
    rows = np.array([5, 3, 99], np.uint32)
    np.testing.assert_array_equal(reader(rows), source.x[rows].astype(np.float32))
