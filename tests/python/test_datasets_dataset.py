"""Parts, folds, files and the notebook's view of a data set."""

from __future__ import annotations

import os
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from qkdflow import FixedPoint, Key
from qkdflow.datasets import Dataset, Indices
from qkdflow.datasets.input_type import input_type
from qkdflow.datasets.split import folds, split
from qkdflow.errors import ConfigError, DataError
from qkdflow.files import read_json, read_npz, write_json, write_npz

NAMES = ("a", "b", "c")


def labels(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


def small(x: np.ndarray | None = None) -> Dataset:
    y = labels(20, 10, 10)
    if x is None:
        x = np.arange(len(y) * 3, dtype=np.float32).reshape(-1, 3)
    return Dataset.make("small", x, y, NAMES, input_type(x), Key(7))


def counts(y: np.ndarray, rows: np.ndarray) -> list[int]:
    return np.bincount(y[rows], minlength=y.max() + 1).tolist()


def test_split_is_70_15_15_in_every_class() -> None:
    y = labels(200, 100, 40)
    parts = split(y, NAMES, Key(0))
    assert counts(y, parts.train) == [140, 70, 28]
    assert counts(y, parts.valid) == [30, 15, 6]
    assert counts(y, parts.test) == [30, 15, 6]


@given(st.lists(st.integers(3, 40), min_size=2, max_size=4), st.integers(0, 2**64 - 1))
def test_split_uses_every_row_once_and_every_class_everywhere(sizes: list[int], seed: int) -> None:
    y = labels(*sizes)
    names = tuple(map(str, range(len(sizes))))
    parts = split(y, names, Key(seed))
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
    for rows in parts:
        assert min(counts(y, rows)) >= 1
    for a, b in zip(parts, split(y, names, Key(seed)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_keys_give_other_parts_in_mixed_order() -> None:
    y = labels(200, 100, 40)
    one, two = split(y, NAMES, Key(0)), split(y, NAMES, Key(1))
    assert set(one.test) != set(two.test)
    assert set(y[one.test[:12]]) == {0, 1, 2}


def test_a_class_too_small_for_the_split_is_named() -> None:
    with pytest.raises(DataError, match=r"class 'b' must have at least 3 rows .* got 2"):
        split(labels(5, 2, 5), NAMES, Key(0))


@given(st.lists(st.integers(5, 30), min_size=2, max_size=3), st.integers(2, 5))
def test_folds_test_every_row_once(sizes: list[int], k: int) -> None:
    y = labels(*sizes)
    cuts = folds(y, NAMES[: len(sizes)], k, Key(3))
    assert len(cuts) == k
    np.testing.assert_array_equal(np.sort(np.concatenate([c.test for c in cuts])), np.arange(len(y)))
    of_class = np.array([counts(y, c.test) for c in cuts])
    assert (of_class.max(axis=0) - of_class.min(axis=0)).max() <= 1
    assert np.ptp(of_class.sum(axis=1)) <= 1
    for cut in cuts:
        np.testing.assert_array_equal(np.sort(np.concatenate(cut)), np.arange(len(y)))
        assert min(min(counts(y, rows)) for rows in cut) >= 1


def test_folds_of_the_smallest_classes() -> None:
    for cut in folds(labels(3, 3), NAMES[:2], 3, Key(0)):
        assert [len(rows) for rows in cut] == [2, 2, 2]
    for cut in folds(labels(4, 4), NAMES[:2], 2, Key(0)):
        assert [len(rows) for rows in cut] == [2, 2, 4]
    with pytest.raises(DataError, match="at least 4 rows for 2 folds; got 3"):
        folds(labels(3, 3), NAMES[:2], 2, Key(0))


def test_dataset_folds_keep_the_rows_and_name_the_fold() -> None:
    d = small()
    cuts = d.folds(10, Key(0))
    assert [c.name for c in cuts[:2]] == ["small fold 1 of 10", "small fold 2 of 10"]
    assert all(np.shares_memory(c.x, d.x) for c in cuts)
    assert all(len(c.indices.valid) == 7 for c in cuts)  # 15 % of 20, 10 and 10: 3 + 2 + 2


def test_folds_refuse_too_few_folds_and_rows() -> None:
    with pytest.raises(ConfigError, match="k must be at least 2; got 1"):
        small().folds(1, Key(0))
    with pytest.raises(DataError, match="class 'b' must have at least 11 rows for 11 folds; got 10"):
        small().folds(11, Key(0))


def test_parts_are_the_rows_of_the_indices() -> None:
    d = small()
    assert (d.samples, d.classes, d.shape) == (40, 3, (3,))
    for part, rows in zip((d.train, d.valid, d.test), d.indices, strict=True):
        np.testing.assert_array_equal(part.x, d.x[rows])
        np.testing.assert_array_equal(part.y, d.y[rows])
        assert part.x.flags.c_contiguous
    assert d.test is d.test


def test_a_dataset_is_a_value() -> None:
    d = small()
    with pytest.raises(FrozenInstanceError):
        d.name = "other"  # type: ignore[misc]
    for array in (d.x, d.y, d.indices.train, d.train.x):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_callers_array_stays_writeable() -> None:
    x = np.zeros((40, 2), np.float32)
    small(x)
    x[0] = 1


def _bad(**change: object) -> Dataset:
    return replace(small(), **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((40, 3))}, r"x must be float32 .* got float64 \(40, 3\)"),
        ({"x": np.zeros(40, np.float32)}, r"x must be float32 .* got float32 \(40,\)"),
        ({"x": np.zeros((40, 0), np.float32)}, r"shape above 0"),
        ({"x": np.full((40, 3), np.nan, np.float32)}, "values must be finite"),
        ({"y": np.zeros(39, np.int64)}, r"y must be int64 \(40,\); got int64 \(39,\)"),
        ({"y": np.zeros(40, np.int32)}, r"y must be int64 \(40,\); got int32"),
        ({"y": np.full(40, 3)}, "labels must be 0 to 2; got 3 to 3"),
        ({"y": np.full(40, -1)}, "labels must be 0 to 2; got -1 to -1"),
        ({"class_names": ("a",)}, "at least 2 classes"),
        ({"class_names": ("a", "b", "a")}, "different names"),
        (
            {"indices": Indices(np.arange(40), np.arange(3), np.arange(3))},
            "parts must not share a row; got row 0",
        ),
        ({"indices": Indices(np.arange(3), np.arange(3, 6), np.array([40]))}, "rows 0 to 39"),
        (
            {"indices": Indices(*np.arange(40).reshape(4, 10)[1:])},
            "every class must appear in the train part; got no 'b'",
        ),
    ],
)
def test_nonsense_is_refused_at_birth(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        _bad(**change)


@pytest.mark.parametrize("scale", [1.0, 0.1, -300.0], ids=["counts", "fractions", "negative counts"])
def test_saved_and_loaded_is_the_same(tmp_path: Path, scale: float) -> None:
    d = small(np.arange(120, dtype=np.float32).reshape(40, 3) * np.float32(scale))
    d.save(tmp_path)
    e = Dataset.load(tmp_path)
    assert (e.name, e.class_names, e.input_type) == (d.name, d.class_names, d.input_type)
    for a, b in zip((d.x, d.y, *d.indices), (e.x, e.y, *e.indices), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_minus_zero_becomes_zero() -> None:
    x = np.full((40, 2), -0.0, np.float32)
    assert not np.signbit(small(x).x).any()
    assert np.signbit(x).all()


def test_same_content_same_bytes(tmp_path: Path) -> None:
    small().save(tmp_path / "1")
    os.utime(tmp_path / "1/dataset.npz", (0, 0))
    small().save(tmp_path / "2")
    assert sorted(p.name for p in (tmp_path / "2").iterdir()) == ["dataset.json", "dataset.npz"]
    for name in ("dataset.json", "dataset.npz"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_counts_are_stored_small(tmp_path: Path) -> None:
    small(np.full((40, 2), 255, np.float32)).save(tmp_path)
    arrays = read_npz(tmp_path / "dataset.npz")
    assert (arrays["x"].dtype, arrays["y"].dtype) == (np.uint8, np.uint8)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset\.json"):
        Dataset.load(tmp_path)
    small().save(tmp_path)
    npz, about = tmp_path / "dataset.npz", read_json(tmp_path / "dataset.json")
    whole, arrays = npz.read_bytes(), read_npz(npz)
    npz.write_bytes(whole[:100])
    with pytest.raises(DataError, match=r"dataset\.npz"):
        Dataset.load(tmp_path)
    write_npz(npz, {k: v for k, v in arrays.items() if k != "y"})
    with pytest.raises(DataError, match=r"a saved data set is required; got KeyError\('y'\)"):
        Dataset.load(tmp_path)
    npz.write_bytes(whole)
    for change, message in (
        ({"format": 2}, "format 1 is required; got 2"),
        ({"samples": 41}, "dataset.npz must belong to it"),
        ({"shape": [4]}, "dataset.npz must belong to it"),
        ({"input_type": {"bits": 99}}, "a saved data set is required"),
        ({"class_names": ["a"]}, "at least 2 classes"),
    ):
        write_json(tmp_path / "dataset.json", {**about, **change})
        with pytest.raises(DataError, match=message):
            Dataset.load(tmp_path)
    write_json(tmp_path / "dataset.json", [])
    with pytest.raises(DataError, match="a saved data set is required"):
        Dataset.load(tmp_path)


def test_html_shows_counts_and_a_mean_sample_a_class() -> None:
    html = small()._repr_html_()
    counts = [f'<td style="text-align:right">{n}</td>' for n in (14, 3, 3)]
    assert "".join(counts) in html
    assert html.count("<polyline") == 3
    assert len(html) < 3000


def test_html_of_images_and_of_many_classes_stays_small() -> None:
    x = np.zeros((300, 2, 2, 1), np.float32)
    names = tuple(map(str, range(100)))
    d = Dataset.make("images", x, labels(*[3] * 100), names, input_type(x), Key(0))
    html = d._repr_html_()
    assert "<svg" not in html
    assert "and 80 more" in html


def unsigned(bits: int, integer: int) -> FixedPoint:
    return FixedPoint(bits, integer, is_signed=False, rounding="RND", overflow="SAT")


def signed(bits: int, integer: int) -> FixedPoint:
    return FixedPoint(bits, integer, is_signed=True, rounding="RND", overflow="SAT")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0], unsigned(1, 1)),
        ([0, 1], unsigned(1, 1)),
        ([0, 255], unsigned(8, 8)),
        ([19, 256], unsigned(9, 9)),
        ([-1, 0], signed(1, 1)),
        ([-128, 127], signed(8, 8)),
        ([-129, 0], signed(9, 9)),
        ([-1, 128], signed(9, 9)),
        ([0, 2**20], unsigned(21, 21)),
        ([0.5, 3.0], unsigned(3, 2)),
        ([-0.25, 0.25], signed(2, 0)),
        ([0.0, 0.001], unsigned(16, -9)),
        ([0.0, 2.0**-20], unsigned(1, -19)),
        ([0.1, 100.0], unsigned(16, 7)),
        ([-0.1, 100.0], signed(16, 8)),
        ([0.1, 2**20], unsigned(16, 21)),
    ],
)
def test_input_type_is_the_smallest_that_holds_the_data(values: list[float], expected: FixedPoint) -> None:
    assert input_type(np.array(values, np.float32)) == expected


@given(st.lists(st.floats(-(2.0**24), 2.0**24, width=32), min_size=1, max_size=20))
def test_input_type_moves_no_value_by_more_than_one_step(values: list[float]) -> None:
    x = np.array(values, np.float32)
    assume(x.max() == x.min() == 0 or np.abs(x).max() >= 2.0**-32)
    t = input_type(x)
    moved = np.abs(t.quantize(x.astype(np.float64)) - x).max()
    assert moved <= t.step
    if (x == np.rint(x)).all():
        assert moved == 0
        assert t.fraction == 0
    else:
        assert t.bits <= 16


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf], [2.0**25], [0, 2.0**-33]])
def test_input_type_refuses_what_it_cannot_hold(values: list[float]) -> None:
    with pytest.raises(DataError, match="input type"):
        input_type(np.array(values, np.float32))
