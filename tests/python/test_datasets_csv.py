"""Every fault of a CSV file is one line that names file, line and column."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from qkdflow import FixedPoint, Key
from qkdflow.datasets import Dataset, load_csv
from qkdflow.datasets.csv import classes
from qkdflow.errors import DataError

CLYC = Path(os.environ.get("QKDFLOW_SHARED", Path(__file__).parents[3] / "shared")) / "data/clyc/clyc.csv"
ROWS = [f"{i},{2 * i},{'ab'[i % 2]}" for i in range(8)]


def table(*rows: str, header: str = "u,v,class") -> str:
    return "\n".join([header, *rows]) + "\n"


def load(folder: Path, text: str | bytes, **options: str) -> Dataset:
    path = folder / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_csv(path, key=Key(0), **options)


def test_values_labels_and_name(tmp_path: Path) -> None:
    d = load(tmp_path, table(*ROWS))
    assert d.name == "t"
    assert d.class_names == ("a", "b")
    assert d.input_type == FixedPoint(4, 4, is_signed=False, rounding="RND", overflow="SAT")
    np.testing.assert_array_equal(d.x, [[i, 2 * i] for i in range(8)])
    np.testing.assert_array_equal(d.y, np.arange(8) % 2)
    assert d.x.dtype == np.float32
    assert d.y.dtype == np.int64


def test_label_column_anywhere_under_any_name(tmp_path: Path) -> None:
    rows = [f"{i % 2},{i}" for i in range(8)]
    d = load(tmp_path, table(*rows, header="kind,u"), label="kind")
    assert d.shape == (1,)
    np.testing.assert_array_equal(d.x[:, 0], np.arange(8))


def test_integer_labels_are_ordered_as_numbers(tmp_path: Path) -> None:
    d = load(tmp_path, table(*(f"{i},0,{(10, 9, -1)[i % 3]}" for i in range(9))))
    assert d.class_names == ("-1", "9", "10")
    np.testing.assert_array_equal(d.y[:3], [2, 1, 0])


def test_spellings_of_one_integer_are_one_class(tmp_path: Path) -> None:
    d = load(tmp_path, table(*(f"{i},0,{('1', '01', '2')[i % 3]}" for i in range(9))))
    assert d.class_names == ("1", "2")


def test_one_text_label_makes_all_text(tmp_path: Path) -> None:
    d = load(tmp_path, table(*(f"{i},0,{('10', '9', '1_0')[i % 3]}" for i in range(9))))
    assert d.class_names == ("10", "1_0", "9")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + table(*ROWS),
        table(*ROWS).replace("\n", "\r\n"),
        table(*ROWS).replace("\n", "\n\n"),
        table(*ROWS).rstrip("\n"),
        table(*(f'" {r.split(",")[0]} ",{r.split(",")[1]}, {r[-1]}' for r in ROWS), header=' u ,"v",class'),
    ],
    ids=["byte-order mark", "CRLF", "blank lines", "no last newline", "quotes and spaces"],
)
def test_harmless_variations_change_nothing(tmp_path: Path, text: str) -> None:
    expected = load(tmp_path, table(*ROWS))
    d = load(tmp_path, text)
    np.testing.assert_array_equal(d.x, expected.x)
    assert d.class_names == expected.class_names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"t.csv\] a header row is required; the file is empty"),
        ("\n\n", r"the file is empty"),
        (table(), r"t.csv\] rows of data are required below the header; got none"),
        (table(*ROWS, header="u,v,label"), r"t.csv:1\] a label column 'class' is required; got u, v, label"),
        (table(*ROWS, header="u,v,Class"), r"did you mean 'Class'\?"),
        (table(*ROWS, header="u,v,clas"), r"did you mean 'clas'\?"),
        (table(*ROWS, header="u,u,class"), r"t.csv:1\] column names must differ; got 'u' twice"),
        (table(*ROWS, header="class,v,class"), r"column names must differ; got 'class' twice"),
        (table("0", "1", header="class"), r"at least one feature column is required beside 'class'"),
        (table("0;0;a", header="u;v;class"), r"columns must be separated by commas; got ';'"),
        (table("0\t0\ta", header="u\tv\tclass"), r"columns must be separated by commas; got '\\t'"),
        (table(*ROWS, "1,x,a"), r"t.csv:10, column 'v'\] a number is required; got 'x'"),
        (table(*ROWS, "1,1_0,a"), r"t.csv:10, column 'v'\] a number is required; got '1_0'"),
        (table(*ROWS, ",1,a"), r"t.csv:10, column 'u'\] a number is required; got nothing"),
        (table(*ROWS, "nan,1,a"), r"t.csv:10, column 'u'\] a finite number is required; got 'nan'"),
        (table(*ROWS, "1,-inf,a"), r"t.csv:10, column 'v'\] a finite number is required; got '-inf'"),
        (
            table(*ROWS, "1,1e300,a"),
            r"t.csv:10, column 'v'\] a number within \+-2\^24 is required; got '1e300'",
        ),
        (table(*ROWS, "1,2,"), r"t.csv:10, column 'class'\] a label is required; got nothing"),
        (table(*ROWS, "1,2,NaN"), r"t.csv:10, column 'class'\] a label is required; got 'NaN'"),
        (table(*ROWS, "1,a"), r"t.csv:10\] 3 values are required, as in the header; got 2"),
        (table(*ROWS, "1,2,3,a"), r"t.csv:10\] 3 values are required, as in the header; got 4"),
        (table("", "", *ROWS, "1,a"), r"t.csv:12\] 3 values"),
        (
            table(*ROWS, '1,"2,a'),
            r"t.csv:10\] comma-separated values are required; got: unexpected end of data",
        ),
        (table(*ROWS, "1," + "9" * 200_000 + ",a"), r"t.csv:10\] .* field larger than field limit"),
        (
            table("1,2,a", "3,4,a"),
            r"column 'class'\] at least 2 classes are required; got only 'a' in lines 2 to 3",
        ),
        (table(*ROWS, "1,2,c", "1,2,c"), r"t.csv:10, column 'class'\] .*class 'c' must have at least 3 rows .* got 2"),
        (table(*ROWS).encode() + b"1,\xb5,a\n", r"t.csv\] UTF-8 is required; got byte 0xb5. Save the file"),
        (table(*ROWS).encode("utf-16"), r"UTF-8 is required; got byte 0xff"),
        (b"\x89HDF\r\n\x1a\n\x00\x00", r"UTF-8 is required"),
    ],
)
def test_faults_are_one_line_that_says_where(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_a_fault_beyond_the_first_chunk_is_found(tmp_path: Path) -> None:
    rows = ROWS * 700
    with pytest.raises(DataError, match=r"t.csv:5602, column 'u'\] a number is required; got 'x'"):
        load(tmp_path, table(*rows, "x,1,a"))


def test_many_columns_are_not_listed(tmp_path: Path) -> None:
    header = ",".join(f"c{i}" for i in range(50))
    with pytest.raises(DataError, match=r"got c0, c1, c2, \.\.\., c48, c49$"):
        load(tmp_path, table(header=header))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.csv\] a readable CSV file is required; got: No such file"):
        load_csv(tmp_path / "none.csv", key=Key(0))
    with pytest.raises(DataError, match="a readable CSV file is required; got: Is a directory"):
        load_csv(tmp_path, key=Key(0))


def test_an_absurdly_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with open(path, "wb") as file:
        file.truncate((2 << 30) + 1)  # sparse: it takes no room
    with pytest.raises(DataError, match=r"at most 2 GiB are required; got 2,147,483,649 bytes"):
        load_csv(path, key=Key(0))


def test_same_key_same_parts(tmp_path: Path) -> None:
    first, again = load(tmp_path, table(*ROWS)), load(tmp_path, table(*ROWS))
    for a, b in zip(first.indices, again.indices, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(not CLYC.exists(), reason=f"no {CLYC}")
def test_real_detector_pulses() -> None:
    d = load_csv(CLYC, key=Key(0))
    assert (d.name, d.samples, d.shape, d.class_names) == ("clyc", 1438, (161,), ("0", "1"))
    assert d.input_type.ap_type == "ap_ufixed<9,9,AP_RND,AP_SAT>"
    assert [len(i) for i in d.indices] == [1006, 216, 216]
    assert (d.x.min(), d.x.max()) == (19, 505)


def test_many_classes_take_no_quadratic_time() -> None:
    names = [str(i) for i in range(40_000)]
    begin = time.process_time()
    y, found = classes(names)
    assert time.process_time() - begin < 2
    assert found == tuple(names)
    np.testing.assert_array_equal(y, np.arange(40_000))
