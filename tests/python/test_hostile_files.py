"""Files made to harm: each is refused in one printable line, before anything of the size it claims is allocated."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from qkdflow.errors import ConfigError, DataError
from qkdflow.files import npz_bytes, read_npz
from qkdflow.overlay import Overlay
from qkdflow_overlay import DeviceError, ManifestError, load_manifest
from test_overlay import overlay


@pytest.mark.parametrize("kind", [ConfigError, DataError, ManifestError, DeviceError])
def test_a_message_is_one_printable_line(kind: type[Exception]) -> None:
    text = str(kind("[a.csv] a number is required; got \x1b[2J\n\r\u202e\udcff;\tcure"))
    assert text == r"[a.csv] a number is required; got \x1b[2J \u202e\udcff; cure"


def test_a_message_keeps_its_ends() -> None:
    text = str(DataError("[begin] " + "9" * 10_000 + " end"))
    assert text.startswith("[begin] 9")
    assert text.endswith("9 end")
    assert len(text) <= 2000


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compressions_are_refused(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("x.npy", b"\x93NUMPY" + bytes(5000))
    with pytest.raises(DataError, match=r"x\.npy is neither stored nor deflated"):
        read_npz(tmp_path / "a.npz")


def test_a_deeply_nested_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    with pytest.raises(ManifestError, match="a manifest is required"):
        load_manifest(tmp_path / "manifest.json")


def test_vectors_of_text_are_refused(tmp_path: Path) -> None:
    overlay(tmp_path)
    vectors = dict(read_npz(tmp_path / "vectors.npz"), labels=np.array(["a"]))
    (tmp_path / "vectors.npz").write_bytes(npz_bytes(vectors))
    with pytest.raises(DataError, match="whole numbers are required"):
        _ = Overlay.load(tmp_path).vectors
