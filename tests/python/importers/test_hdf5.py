"""HDF5 files that reach for other files, or claim what they do not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5_files import small
from qkdflow import importers
from qkdflow.errors import DataError

KERNEL = "model_weights/fc/fc/kernel:0"


def changed(path: Path, change: Any) -> Path:
    """The small file with another kernel."""
    small(path)
    with h5py.File(path, "a") as file:
        del file[KERNEL]
        change(file)
    return path


def external_link(file: h5py.File) -> None:
    file[KERNEL] = h5py.ExternalLink("other.h5", "/secret")


def soft_link(file: h5py.File) -> None:
    file[KERNEL] = h5py.SoftLink("/model_weights/fc/fc/bias:0")


def external_storage(file: h5py.File) -> None:
    file.create_dataset(KERNEL, (3, 2), np.float32, external=[("/etc/hostname", 0, 24)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3, 2), np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "secret", shape=(3, 2))
    file.create_virtual_dataset(KERNEL, layout)


def huge(file: h5py.File) -> None:
    file.create_dataset(KERNEL, (10**7, 10**7), np.float32, chunks=(100, 100), compression="gzip")


def large_and_empty(file: h5py.File) -> None:
    file.create_dataset(KERNEL, (20_000, 2), np.float32)


def text(file: h5py.File) -> None:
    file[KERNEL] = ["a", "b"]


def loop(file: h5py.File) -> None:
    file["model_weights/fc/again"] = file["model_weights/fc"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external_link, "links to elsewhere are not followed"),
        (soft_link, "links to elsewhere are not followed"),
        (external_storage, "must be in this file itself"),
        (virtual, "must be in this file itself"),
        (huge, "must hold what the dataset claims, 400000000000000 bytes"),
        (large_and_empty, "must hold what the dataset claims"),
        (text, "numbers are required"),
        (loop, "at most 32 groups in groups"),
    ],
)
def test_what_reaches_out_or_claims_too_much_is_refused(change: Any, message: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.ones((3, 2), np.float32)
    with pytest.raises(DataError, match=message) as error:
        importers.read(changed(tmp_path / "net.h5", change))
    assert "net.h5" in str(error.value)


@pytest.mark.parametrize(
    "options", [{"compression": "gzip"}, {"compression": "lzf"}, {"chunks": (1, 1)}, {"dtype": "f2"}]
)
def test_honest_storage_of_any_kind_is_read(options: dict[str, Any], tmp_path: Path) -> None:
    path = changed(tmp_path / "net.h5", lambda file: file.create_dataset(KERNEL, data=np.ones((3, 2)), **options))
    kernel = importers.read(path).nodes[1].tensors["kernel"]
    np.testing.assert_array_equal(kernel, np.ones((3, 2), np.float32))
    assert kernel.dtype == np.float32
