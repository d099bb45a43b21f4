"""Labelled samples from a CSV file: a header, numeric columns, one label column found by its name."""

from __future__ import annotations

import csv
import difflib
import math
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.datasets.dataset import Dataset
from qkdflow.datasets.input_type import EXACT, input_type
from qkdflow.datasets.split import LEAST
from qkdflow.errors import DataError

MAX_BYTES = 2 << 30  # a larger table is better kept in a binary format
CHUNK = 4096  # rows that are text at a time


def load_csv(path: str | os.PathLike[str], label: str = "class", *, key: Key, name: str | None = None) -> Dataset:
    """The data set in a CSV file, cut 70/15/15 by `key` (stratified).

    The file: UTF-8, commas, a header row of unique names; blank lines are skipped. Column `label` holds
    integers (ordered as numbers) or text (ordered as text): class i is the i-th of them, its text kept in
    `class_names`. Every other column is a feature, in file order, a finite number within +-2^24. `name` is
    the file's stem unless given. DataError, naming file, line and column, for anything else and for a class
    of fewer than 3 rows.
    """
    path = Path(path)
    x, labels, lines, _ = read_table(path, label)
    y, class_names = classes(labels)
    if len(class_names) < 2:
        raise DataError(
            f"[{path}, column '{label}'] at least 2 classes are required; got only '{class_names[0]}' in "
            f"lines {lines[0]} to {lines[-1]}"
        )
    try:
        return Dataset.make(name or path.stem, x, y, class_names, input_type(x), key)
    except DataError as error:
        rare = int(np.argmax(np.bincount(y) < LEAST))  # what a split refuses: the first class of too few rows
        line = lines[int(np.argmax(y == rare))]
        raise DataError(f"[{path}:{line}, column '{label}'] {error}") from error


class Rows(NamedTuple):
    """The rows of a table: x float32 (n, columns), label texts, the line of each, names of columns."""

    x: NDArray[np.float32]
    labels: list[str]
    lines: list[int]
    columns: list[str]


def read_table(path: Path, label: str | None) -> Rows:
    """A CSV file, checked whole. Without a label column there are no labels. DataError names file, line and column."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"[{path}] at most 2 GiB are required; got {size:,} bytes. Keep fewer rows")
        # newline="" leaves line ends to the CSV reader; utf-8-sig drops the mark that spreadsheets put first.
        with open(path, encoding="utf-8-sig", newline="") as file:
            return _read(_Table(path, file, label))
    except OSError as error:
        got = error.strerror or error
        raise DataError(f"[{path}] a readable CSV file is required; got: {got}") from error
    except UnicodeDecodeError as error:
        got = f"byte 0x{error.object[error.start]:02x}"
        raise DataError(f"[{path}] UTF-8 is required; got {got}. Save the file as UTF-8") from error


class _Table:
    """The header of an open CSV file, checked, and its rows."""

    def __init__(self, path: Path, file: TextIO, label: str | None) -> None:
        self.path, self.label = path, label
        self._reader = csv.reader(file, strict=True)
        first = next(self.rows(), None)
        if first is None:
            raise DataError(f"[{path}] a header row is required; the file is empty")
        self.header = [cell.strip() for cell in first[1]]
        self._check_header(first[0])
        self.label_at = None if label is None else self.header.index(label)
        self.features = [h for i, h in enumerate(self.header) if i != self.label_at]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of each row that is not blank."""
        try:
            for cells in self._reader:
                if cells and (len(cells) > 1 or cells[0].strip()):
                    yield self._reader.line_num, cells
        except csv.Error as error:
            where = f"[{self.path}:{self._reader.line_num}]"
            raise DataError(f"{where} comma-separated values are required; got: {error}") from error

    def _check_header(self, line: int) -> None:
        where, header, label = f"[{self.path}:{line}]", self.header, self.label
        if len(header) == 1 and (other := next((c for c in ";\t|" if c in header[0]), None)):
            raise DataError(f"{where} columns must be separated by commas; got {other!r}")
        if label is not None and label not in header:
            near = difflib.get_close_matches(label.lower(), [h.lower() for h in header], n=1)
            hint = next((f"; did you mean '{h}'?" for h in header if near and h.lower() == near[0]), "")
            raise DataError(f"{where} a label column '{label}' is required; got {_brief(header)}{hint}")
        twice = next((h for h, count in Counter(header).items() if count > 1), None)
        if twice is not None:
            raise DataError(f"{where} column names must differ; got '{twice}' twice")
        if label is not None and len(header) < 2:
            raise DataError(f"{where} at least one feature column is required beside '{label}'; got none")


def _read(table: _Table) -> Rows:
    blocks: list[NDArray[np.float32]] = []
    labels: list[str] = []
    lines: list[int] = []
    rows = table.rows()
    while chunk := list(islice(rows, CHUNK)):
        for line, cells in chunk:
            if len(cells) != len(table.header):
                required = f"{len(table.header)} values are required, as in the header"
                raise DataError(f"[{table.path}:{line}] {required}; got {len(cells)}")
            if table.label_at is None:
                continue
            text = cells.pop(table.label_at).strip()
            if not text or text.lower() == "nan":
                got = f"got '{text}'" if text else "got nothing"
                raise DataError(f"[{table.path}:{line}, column '{table.label}'] a label is required; {got}")
            labels.append(text)
        blocks.append(_numbers(table, chunk))
        lines += [line for line, _ in chunk]
    if not blocks:
        raise DataError(f"[{table.path}] rows of data are required below the header; got none")
    return Rows(np.concatenate(blocks), labels, lines, table.features)


def _numbers(table: _Table, chunk: list[tuple[int, list[str]]]) -> NDArray[np.float32]:
    try:
        values = np.array([[float(c) for c in cells] for _, cells in chunk])
    except ValueError:
        values = None
    # Python reads 1_000 as a number; a data file that holds it is damaged.
    if values is None or not (np.abs(values) <= EXACT).all() or any("_" in "".join(c) for _, c in chunk):
        raise _first_fault(table, chunk)
    return values.astype(np.float32)


def _first_fault(table: _Table, chunk: list[tuple[int, list[str]]]) -> DataError:
    for line, cells in chunk:
        for column, cell in zip(table.features, cells, strict=True):
            if required := _fault(cell):
                got = f"'{_short(cell)}'" if cell.strip() else "nothing"
                return DataError(f"[{table.path}:{line}, column '{column}'] {required}; got {got}")
    raise AssertionError("a chunk that was refused has no fault")


def _fault(cell: str) -> str:
    """What is required of a number and missing in `cell`; empty where all is well."""
    try:
        value = float(cell)
    except ValueError:
        return "a number is required"
    if "_" in cell:
        return "a number is required"
    if not math.isfinite(value):
        return "a finite number is required"
    return "a number within +-2^24 is required" if abs(value) > EXACT else ""


def classes(labels: list[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels (n,) in 0 .. classes-1 and the text of each: integers in the order of numbers, else of text."""
    names = sorted(set(labels))
    try:
        numbers = {name: int(name) for name in names if "_" not in name}
    except ValueError:
        numbers = {}
    if len(numbers) == len(names):
        # 1, 01 and +1 are one class.
        values = sorted(set(numbers.values()))
        rank = {v: i for i, v in enumerate(values)}
        index = {name: rank[v] for name, v in numbers.items()}
        return np.array([index[t] for t in labels]), tuple(map(str, values))
    index = {name: i for i, name in enumerate(names)}
    return np.array([index[t] for t in labels]), tuple(names)


def _brief(names: list[str]) -> str:
    shown = names if len(names) <= 6 else [*names[:3], "...", *names[-2:]]
    return ", ".join(map(_short, shown))


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
