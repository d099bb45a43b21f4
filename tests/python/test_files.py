from __future__ import annotations

import errno
import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qkdflow import FixedPoint
from qkdflow.errors import DataError, ToolError
from qkdflow.files import (
    json_text,
    npz_bytes,
    plain,
    read_json,
    read_npz,
    reason,
    write_atomic,
    write_json,
    write_npz,
)


def test_a_write_makes_folders_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    write_atomic(path, "Grüße")
    write_atomic(path, "neu")
    assert path.read_text(encoding="utf-8") == "neu"
    assert [p.name for p in path.parent.iterdir()] == ["b.txt"]


def test_a_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    write_atomic(path, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("qkdflow.files.os.fsync", full)
    with pytest.raises(ToolError, match=r"report\.json.*No space left.*Make room"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_of_many_reasons_the_first_is_given_in_words() -> None:
    full = "[Errno 28] No space left on device: 'a' -> 'b'"
    assert reason(shutil.Error([("a", "b", full), ("c", "d", "another")])) == "No space left on device"
    assert reason(shutil.Error([("a", "b", "odd")])) == "odd"
    assert reason(OSError(errno.EROFS, "Read-only file system", "a")) == "Read-only file system"
    assert reason(OSError("neither number nor file")) == "neither number nor file"


def test_an_interrupt_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    write_atomic(path, "old")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qkdflow.files.os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_a_folder_that_is_a_file_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="must be writable") as caught:
        write_atomic(tmp_path / "file" / "x", "")
    assert "\n" not in str(caught.value)


def test_json_holds_no_nan_and_speaks_numpy(tmp_path: Path) -> None:
    value = {
        "nan": math.nan,
        "inf": np.float32(np.inf),
        "array": np.arange(3),
        "number": np.float64(0.1),
        "flag": np.bool_(True),
        "type": FixedPoint(9, 2),
        "path": Path("a/b"),
        "nested": ({"x": ()}, {}),
    }
    write_json(tmp_path / "v.json", value)
    got = read_json(tmp_path / "v.json")
    assert got["nan"] is None
    assert got["inf"] is None
    assert got["array"] == [0, 1, 2]
    assert got["number"] == 0.1
    assert got["flag"] is True
    assert FixedPoint.from_dict(got["type"]) == FixedPoint(9, 2)
    assert got["path"] == "a/b"
    assert got["nested"] == [{"x": []}, {}]
    assert '"array": [0, 1, 2]' in json_text(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_json_text_says_what_json_says(value: object) -> None:
    assert json.loads(json_text(value)) == plain(value)


def test_what_is_not_data_is_refused() -> None:
    with pytest.raises(TypeError, match="got object"):
        plain({"x": [object()]})


@pytest.mark.parametrize("text", ["", "{", "[NaN]", "[" * 200_000, '"\udcff"'])
def test_broken_json_names_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"broken\.json"):
        read_json(path)


def test_absent_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.json.*No such file"):
        read_json(tmp_path / "absent.json")
    with pytest.raises(DataError, match=r"absent\.npz.*No such file"):
        read_npz(tmp_path / "absent.npz")


def test_npz_comes_back_and_has_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    arrays = {
        "x": np.arange(12, dtype=np.float32).reshape(3, 4),
        "codes": np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
        "scalar": np.float64(0.5),
        "names": np.array(["single", "double"]),
        "none": np.empty((0, 30), np.float32),
    }
    write_npz(tmp_path / "a.npz", arrays)
    got = read_npz(tmp_path / "a.npz")
    assert set(got) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(got[name], array)
        assert got[name].dtype == np.asarray(array).dtype
        assert got[name].shape == np.asarray(array).shape
    assert npz_bytes(dict(reversed(arrays.items()))) == (tmp_path / "a.npz").read_bytes()


def test_pickles_are_neither_written_nor_read(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match=r"allow_pickle|[Oo]bject arrays"):
        npz_bytes({"x": objects})
    np.savez(tmp_path / "pickled.npz", x=objects)
    with pytest.raises(DataError, match=r"pickled\.npz"):
        read_npz(tmp_path / "pickled.npz")


def test_a_broken_npz_names_its_file(tmp_path: Path) -> None:
    whole = npz_bytes({"x": np.arange(100)})
    flipped = bytearray(whole)
    flipped[300] ^= 1
    np.save(tmp_path / "single.npy", np.arange(3))
    contents = {
        "cut": whole[:200],
        "flipped": bytes(flipped),
        "text": b"no zip",
        "empty": b"",
        "single": (tmp_path / "single.npy").read_bytes(),
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.npz").write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}\.npz"):
            read_npz(tmp_path / f"{name}.npz")
