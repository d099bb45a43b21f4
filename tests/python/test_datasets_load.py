"""Every loader: what it reads, and that each fault is one line with its place."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image
from qkdflow import Key, files, hdf5
from qkdflow.datasets import Dataset, load
from qkdflow.datasets.split import fewer
from qkdflow.errors import DataError
from qkdflow.sources import from_npy

MNIST = Path(os.environ.get("QKDFLOW_SHARED", Path(__file__).parents[3] / "shared")) / "data/mnist"
RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (20, 4, 5), np.uint8), np.arange(20) % 2


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    lengths = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, kind, array.ndim]) + lengths + array.tobytes()


def mnist(folder: Path, **changed: bytes) -> Path:
    """A tiny MNIST; a file may be given in place of the right one, by its name without what follows the dash."""
    files = {"train-images": idx(X), "train-labels": idx(Y.astype(np.uint8))}
    files |= {"t10k-images": idx(X[:6] + 1), "t10k-labels": idx(Y[:6].astype(np.uint8))}
    for name, data in {**files, **{k.replace("_", "-"): v for k, v in changed.items()}}.items():
        axes = 3 if "images" in name else 1
        (folder / f"{name}-idx{axes}-ubyte").write_bytes(data)
    return folder


def cifar(folder: Path, labels: tuple[int, ...] = (*range(10),) * 4, extra: bytes = b"") -> Path:
    pixels = RNG.integers(0, 256, (len(labels), 3072), np.uint8)
    records = np.column_stack([np.array(labels, np.uint8), pixels])
    (folder / "data_batch_1.bin").write_bytes(records.tobytes())
    (folder / "data_batch_2.bin").write_bytes(records.tobytes())
    (folder / "test_batch.bin").write_bytes(records.tobytes() + extra)
    return folder


def images(
    folder: Path, size: tuple[int, int] = (6, 5), parts: tuple[str, ...] = ("train", "validation", "test")
) -> Path:
    for part in parts or ("",):
        for label in ("10", "9"):
            (folder / part / label).mkdir(parents=True)
            for i in range(6):
                colour = (200, i, 0) if label == "9" else (0, i, 200)
                Image.new("RGB", size, colour).save(folder / part / label / f"{i}.{'png' if i % 2 else 'jpg'}")
    return folder


def sizes(d: Dataset) -> list[int]:
    return [len(i) for i in d.indices]


def fails(path: Path, message: str, **options: Any) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load(path, key=Key(0), **options)
    assert "\n" not in str(caught.value)
    assert str(path.name) in str(caught.value)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_keeps_the_test_part(tmp_path: Path, packed: bool) -> None:
    d = load(mnist(tmp_path), key=Key(0))
    if packed:
        for path in list(tmp_path.iterdir()):
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
        d = load(tmp_path, key=Key(0))
    assert (d.shape, d.class_names, sizes(d)) == ((4, 5, 1), ("0", "1"), [16, 4, 6])
    assert d.input_type.ap_type == "ap_ufixed<8,8,AP_RND,AP_SAT>"
    np.testing.assert_array_equal(np.sort(d.indices.test), np.arange(20, 26))
    np.testing.assert_array_equal(d.x[:20, ..., 0], X)
    np.testing.assert_array_equal(d.y[:20], Y)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_images": b""}, r"train-images-idx3-ubyte, byte 0\] two zero bytes.*got nothing"),
        ({"train_images": b"\x00\x01\x08\x03"}, r"byte 0\] two zero bytes.*got 00 01 08 03"),
        ({"train_images": idx(X)[:10]}, r"byte 4\] 3 lengths are required; the file ends"),
        ({"train_images": idx(X)[:-1]}, r"byte 415\] 400 bytes are required; got 399"),
        ({"train_images": idx(X) + b"x"}, r"byte 416\] 400 bytes are required; got more"),
        ({"train_images": b"\0\0\x08\x03" + b"\xff" * 12}, r"byte 4\] at most 536,870,912 values are required"),
        ({"train_images": b"\0\0\x08\x03" + b"\0\0\x01\0" * 3}, r"byte 4\] 16,777,216 bytes are claimed"),
        ({"train_images": gzip.compress(idx(X))[:-9]}, r"a whole gzip file is required"),
        ({"train_images": gzip.compress(idx(X)[:-1])}, r"byte 415\] 400 bytes are required; got 399"),
        ({"train_images": gzip.compress(b"\0\0\x08\x03" + b"\0\0\x01\0" * 3)}, r"16,777,216 bytes are claimed"),
        ({"train_labels": idx(Y[:-1].astype(np.uint8))}, r"one label a sample is required: \(20,\); got \(19,\)"),
        ({"train_labels": idx(X)}, r"whole-number labels of one axis are required"),
        ({"t10k_images": idx(X[:6, :3])}, r"samples of one shape are required, \(4, 5, 1\) in the train part"),
    ],
)
def test_damaged_idx_files(tmp_path: Path, changed: dict[str, bytes], message: str) -> None:
    fails(mnist(tmp_path, **changed), message)


def test_idx_labels_must_be_beside_their_images(tmp_path: Path) -> None:
    (mnist(tmp_path) / "t10k-labels-idx1-ubyte").unlink()
    fails(tmp_path, r"a file of labels is required beside t10k-images-idx3-ubyte \(test part\)")


@pytest.mark.skipif(not MNIST.exists(), reason=f"no {MNIST}")
def test_mnist_itself() -> None:
    d = load(MNIST, key=Key(0))
    assert (d.name, d.samples, d.shape, sizes(d)) == ("mnist", 70_000, (28, 28, 1), [51_000, 9_000, 10_000])
    assert (int(d.x.sum(dtype=np.float64)), int(d.y.sum())) == (1_832_221_745, 311_670)


def test_cifar_records(tmp_path: Path) -> None:
    d = load(cifar(tmp_path), key=Key(0))
    assert (d.name, d.shape, d.classes, sizes(d)) == ("cifar10", (32, 32, 3), 10, [70, 10, 40])
    raw = np.frombuffer((tmp_path / "data_batch_1.bin").read_bytes(), np.uint8).reshape(-1, 3073)
    np.testing.assert_array_equal(d.x[3, 7, 9], raw[3, 1 + 7 * 32 + 9 :: 1024])  # red, green, blue of one pixel
    np.testing.assert_array_equal(d.y[:40], raw[:, 0])


def test_damaged_cifar_files(tmp_path: Path) -> None:
    fails(cifar(tmp_path, extra=b"abc"), r"test_batch.bin, byte 122920\] whole records of 3073 bytes are required")
    (cifar(tmp_path) / "data_batch_2.bin").rename(tmp_path / "data_batch_4.bin")
    fails(tmp_path, r"batches before the last are required; data_batch_2.bin is not there")
    (tmp_path / "data_batch_4.bin").unlink()
    fails(cifar(tmp_path, (1, 2, 10)), r"data_batch_1.bin, byte 6146\] a label must be 0 to 9; got 10")


def save_npz(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(path.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]
    return path.with_suffix(".npz")


def save_npy(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    path.mkdir()
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    return path


def save_h5(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path.with_suffix(".h5")


SAVERS = [save_npz, save_npy, save_h5]
Save = Callable[[Path, dict[str, np.ndarray]], Path]


@pytest.mark.parametrize("save", SAVERS)
def test_arrays_with_and_without_a_split(tmp_path: Path, save: Save) -> None:
    d = load(save(tmp_path / "a", {"x": X, "y": Y, "weights": X}), key=Key(0))
    assert (d.name, d.shape, sizes(d)) == ("a", (4, 5), [12, 4, 4])
    assert d.input_type.ap_type == "ap_ufixed<8,8,AP_RND,AP_SAT>"
    one_hot = np.eye(2)[Y[:8]]
    parts = {
        "x_train": X / 2.0,
        "y_train": Y[:, None],
        "x_val": X[:8],
        "y_val": one_hot,
        "x_test": X[:4],
        "y_test": Y[:4],
    }
    d = load(save(tmp_path / "b", parts), key=Key(0))
    assert (sizes(d), d.class_names) == ([20, 8, 4], ("0", "1"))
    np.testing.assert_array_equal(d.valid.y, d.y[d.indices.valid])
    assert d.input_type.ap_type == "ap_ufixed<9,8,AP_RND,AP_SAT>"  # halves


@pytest.mark.parametrize("save", SAVERS)
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X, "b": Y}, r"\] arrays x and y, or x_train and y_train, are required; got a, b"),
        ({"x": X}, r"an x and a y for each part are required; got x"),
        ({"x": X, "y": Y, "x_train": X}, r"one array a part is required"),
        ({"x": np.where(X[3, 1, 2] == X, np.nan, X.astype(float)), "y": Y}, r"x, row \d+\] a finite number .*got nan"),
        ({"x": X * 1e9, "y": Y}, r"x, row 0\] a finite number within \+-2\^24"),
        ({"x": X, "y": Y / 4}, r"y, row 1\] a whole number is required as label; got 0.25"),
        ({"x": X, "y": np.ones((20, 3))}, r"y, row 0\] labels \(n,\) or one-hot rows are required"),
        ({"x": X, "y": Y[:7]}, r"one label a sample is required: \(20,\); got \(7,\)"),
        ({"x": X, "y": Y * 0}, r"at least 2 classes are required; got only '0'"),
        ({"x": np.array(1.0), "y": Y}, r"x\] samples of shape \(n, \*shape\).* are required; got \(\)"),
        ({"x": X, "y": Y * 2.0**63}, r"y, row 1\] a whole number is required as label; got 9.2.*e\+18"),
        ({"x": X[:, 0, 0], "y": Y}, r"samples of shape \(n, \*shape\).* are required; got \(20,\)"),
        ({"x": X, "y": np.arange(20) // 18}, r"class '1' must have at least 3 rows"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, save: Save, arrays: dict[str, np.ndarray], message: str) -> None:
    fails(save(tmp_path / "a", arrays), message)


def test_text_labels_without_pickle(tmp_path: Path) -> None:
    d = load(save_npz(tmp_path / "a", {"x": X, "y": np.array(["moth", "fly"])[Y]}), key=Key(0))
    assert d.class_names == ("fly", "moth")
    np.testing.assert_array_equal(d.y, 1 - Y)
    latin = np.array([b"moth", b"m\xfcck"])[Y]
    fails(save_npz(tmp_path / "latin", {"x": X, "y": latin}), r"y\] text labels must be UTF-8; got b'm.xfcck'")
    objects = np.array([{}] * 20, dtype=object)
    np.savez(tmp_path / "p.npz", x=X, y=objects, allow_pickle=True)
    fails(tmp_path / "p.npz", "an NPZ without pickles is required")


def test_arrays_that_claim_more_than_they_hold(tmp_path: Path) -> None:
    folder = save_npy(tmp_path / "a", {"x": X, "y": Y})
    raw = (folder / "x.npy").read_bytes()
    (folder / "x.npy").write_bytes(raw.replace(b"(20, 4, 5), }          ", b"(20, 4, 5000000000), }"[:23].ljust(23)))
    fails(folder, r"x.npy\] an NPY without pickles is required; got: x.npy claims")
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", (folder / "x.npy").read_bytes())
    fails(tmp_path / "b.npz", r"b.npz\].*x.npy claims 400,000,000,000 bytes")


@pytest.mark.parametrize("header", ["(" * 3000, "{'descr': '|u1'", "\n  1\n 2", "[" * 90 + "]" * 90])
def test_a_header_that_is_no_python_literal(tmp_path: Path, header: str) -> None:
    folder = save_npy(tmp_path / "a", {"x": X, "y": Y})
    (folder / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    fails(folder, r"x.npy\] an NPY without pickles is required; got")
    with pytest.raises(DataError, match=r"x.npy\] a \.npy file of numbers is required"):
        from_npy(folder / "x.npy")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.write(folder / "x.npy", "x.npy")
    fails(tmp_path / "b.npz", r"b.npz\] an NPZ without pickles is required; got")


def test_arrays_that_deflate_could_hold_and_memory_could_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (files, hdf5):
        monkeypatch.setattr(module, "MOST_VALUES", 1000)
    np.savez_compressed(tmp_path / "a.npz", x=X, y=Y, more=np.zeros(600))
    fails(tmp_path / "a.npz", r"a.npz\].*more.npy makes them 1,020 values|y.npy makes them 1,020 values")
    np.savez_compressed(tmp_path / "t.npz", x=X, y=np.full(20, "a" * 1000))
    fails(tmp_path / "t.npz", r"t.npz\].*y.npy makes them 10,400 values; at most 1,000 are read")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x_train"], file["y_train"] = X, Y
        file.create_dataset("x_test", data=np.zeros((150, 4, 5), np.uint8), compression="gzip")
    fails(tmp_path / "b.h5", r"b.h5: /x_test\] at most 1,000 values of a file are read into memory; got 3,000")


@pytest.mark.parametrize("parts", [("train", "validation", "test"), ("train", "test"), ()])
def test_image_folders(tmp_path: Path, parts: tuple[str, ...]) -> None:
    d = load(images(tmp_path, parts=parts), key=Key(0))
    assert (d.shape, d.class_names) == ((5, 6, 3), ("9", "10"))  # height first; labels in the order of numbers
    assert sizes(d) == {3: [12, 12, 12], 2: [10, 2, 12], 0: [8, 2, 2]}[len(parts)]
    assert (d.train.x[d.train.y == 0][..., 0] > 190).all()
    assert (d.train.x[d.train.y == 1][..., 2] > 190).all()
    assert d.input_type.ap_type == "ap_ufixed<8,8,AP_RND,AP_SAT>"


def test_images_are_resized_where_asked(tmp_path: Path) -> None:
    images(tmp_path)
    Image.new("L", (40, 30), 77).save(tmp_path / "train/9/grey.png")
    fails(tmp_path, r"images of one size are required; got .*30x40 in train/9/grey.png.*Give --image-size HxW")
    d = load(tmp_path, key=Key(0), image_size=(8, 7))
    assert d.shape == (8, 7, 3)
    assert (d.x == 77).all(axis=(1, 2, 3)).sum() == 1


def test_grey_images_have_one_channel(tmp_path: Path) -> None:
    for path in images(tmp_path).rglob("*.*g"):
        Image.open(path).convert("L").save(path)
    assert load(tmp_path, key=Key(0)).shape == (5, 6, 1)


def test_faults_of_image_folders(tmp_path: Path) -> None:
    root = images(tmp_path / "a")
    photo = root / "train/9/0.jpg"
    whole = photo.read_bytes()
    photo.write_bytes(whole[:-8])
    with pytest.raises(DataError, match=r"0.jpg\] a whole image is required"):
        load(root, key=Key(0))
    photo.write_bytes(b"GIF89a" + whole)
    with pytest.raises(DataError, match=r"0.jpg\] a JPEG or PNG image is required"):
        load(root, key=Key(0))
    photo.write_bytes(whole)
    (root / "train/9/notes.txt").write_text("")
    with pytest.raises(DataError, match=r"notes.txt\] files .jpg, .jpeg, .png alone are required"):
        load(root, key=Key(0))
    (root / "train/9/notes.txt").unlink()
    (root / "train/8").mkdir()
    with pytest.raises(DataError, match=r"8\] files .* are required; the folder is empty"):
        load(root, key=Key(0))
    (root / "train/8").rmdir()
    (root / "cats").mkdir()
    fails(root, "either parts or labels are required; got .* beside cats")
    (root / "cats").rmdir()
    (root / "val").mkdir()
    fails(root, "one folder a part is required")


def test_an_image_that_claims_a_huge_size_is_refused_undecoded(tmp_path: Path) -> None:
    root = images(tmp_path)
    png = root / "train/9/1.png"
    raw = bytearray(png.read_bytes())
    raw[16:24] = (9000).to_bytes(4, "big") * 2
    raw[29:33] = zlib.crc32(raw[12:29]).to_bytes(4, "big")
    png.write_bytes(raw)
    with pytest.raises(DataError, match=r"1.png\] at most 67,108,864 pixels are required; got 9000 x 9000"):
        load(root, key=Key(0))


def test_csv_files_in_a_folder_a_class(tmp_path: Path) -> None:
    for label in ("neutron", "gamma"):
        (tmp_path / label).mkdir()
        for file in range(2):
            rows = "\n".join(f"{i},{2 * i}" for i in range(5))
            (tmp_path / label / f"{file}.csv").write_text(f"a,b\n{rows}\n")
    d = load(tmp_path, key=Key(0))
    assert (d.samples, d.shape, d.class_names, sizes(d)) == (20, (2,), ("gamma", "neutron"), [12, 4, 4])
    (tmp_path / "gamma" / "1.csv").write_text("a,c\n1,2\n")
    with pytest.raises(DataError, match=r"1.csv:1\] the columns of the first file are required"):
        load(tmp_path, key=Key(0))
    (tmp_path / "gamma" / "1.csv").write_text("a,b\n1,x\n")
    with pytest.raises(DataError, match=r"1.csv:2, column 'b'\] a number is required; got 'x'"):
        load(tmp_path, key=Key(0))


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    fails(tmp_path / "a.txt", r"a .csv, .npz, .h5 or .hdf5 file, or a folder .* is required; got .txt")
    fails(tmp_path / "none.npz", "got nothing there")
    fails(tmp_path, "got a folder of none of them")
    np.save(tmp_path / "x.npy", X)
    fails(tmp_path / "x.npy", "a single array; name its folder")


def test_fewer_rows_to_train_on(tmp_path: Path) -> None:
    d = load(mnist(tmp_path), key=Key(0))
    less = fewer(d.indices, d.y, 6, Key(1))
    assert set(less.train) <= set(d.indices.train)
    assert (np.bincount(d.y[less.train]) == 3).all()
    assert set(less.valid) < set(d.indices.valid)
    assert (np.bincount(d.y[less.valid]) == 1).all()
    np.testing.assert_array_equal(less.test, d.indices.test)
    assert fewer(d.indices, d.y, 100, Key(1)) is d.indices
    small = d.limited(6, Key(1))
    assert (small.samples, sizes(small)) == (14, [6, 2, 6])
    np.testing.assert_array_equal(small.test.x, d.test.x)
