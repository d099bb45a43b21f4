"""Stratified parts of a data set: 70 % train, 15 % valid, 15 % test in every class; given parts; k folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.errors import ConfigError, DataError

PART_PERCENT = 15  # of each class, for valid and again for test; the rest is train
LEAST = 3  # rows of a class: one for each part

I64 = NDArray[np.int64]


class Indices(NamedTuple):
    """The rows of each part: int64 arrays, disjoint, in random order."""

    train: I64
    valid: I64
    test: I64


def split(y: I64, class_names: tuple[str, ...], key: Key) -> Indices:
    """Cuts rows with labels y (n,) into 70/15/15 % a class; each class has at least one row in each part.

    DataError where a class has fewer than 3 rows.
    """
    rows = _shuffled_by_class(y, class_names, key, least=LEAST, purpose="a 70/15/15 split")
    sizes = [_part_size(len(r)) for r in rows]
    test = [r[:s] for r, s in zip(rows, sizes, strict=True)]
    valid = [r[s : 2 * s] for r, s in zip(rows, sizes, strict=True)]
    train = [r[2 * s :] for r, s in zip(rows, sizes, strict=True)]
    return _mixed(train, valid, test, key)


def keep_parts(y: I64, class_names: tuple[str, ...], given: Mapping[str, I64], key: Key) -> Indices:
    """Parts that a data set comes with, kept; 15 % of each class of its train rows make each part that is missing.

    given: rows by part, `train` among them. DataError where a class has too few train rows to cut from.
    """
    missing = [part for part in ("valid", "test") if part not in given]
    train = given["train"]
    purpose = f"a {' and a '.join(missing)} part cut from it" if missing else "training"
    places = _shuffled_by_class(y[train], class_names, key, least=1 + len(missing), purpose=purpose)
    rows = [train[p] for p in places]
    sizes = [_part_size(len(r)) for r in rows]
    cut = {part: [r[i * s : (i + 1) * s] for r, s in zip(rows, sizes, strict=True)] for i, part in enumerate(missing)}
    kept = {part: [given[part]] for part in ("valid", "test") if part in given}
    rest = [r[len(missing) * s :] for r, s in zip(rows, sizes, strict=True)]
    parts = {**cut, **kept}
    return _mixed(rest, parts["valid"], parts["test"], key)


def fewer(indices: Indices, y: I64, train_rows: int, key: Key) -> Indices:
    """At most `train_rows` rows to train on and as large a share of those to validate; the test part is whole.

    Each class keeps its share of both, and a row at least.
    """
    share = train_rows / len(indices.train)
    if share >= 1:
        return indices
    train, valid = (_thinned(rows, y, share, key.fold(p)) for p, rows in zip(("train", "valid"), indices, strict=False))
    return indices._replace(train=train, valid=valid)


def _thinned(rows: I64, y: I64, share: float, key: Key) -> I64:
    mixed = rows[key.fold("fewer").permutation(len(rows))]
    kept = [mine[: max(1, int(share * len(mine)))] for c in np.unique(y) if len(mine := mixed[y[mixed] == c])]
    chosen: I64 = np.concatenate(kept)
    return np.asarray(chosen[key.fold("order").permutation(len(chosen))])


def folds(y: I64, class_names: tuple[str, ...], k: int, key: Key) -> list[Indices]:
    """k splits whose test parts are the k stratified folds; 15 % of each class are valid, the rest train.

    Every row is tested exactly once; folds differ by at most one row in all and one a class. ConfigError
    where k < 2, DataError where a class has fewer than k rows (4 for k = 2).
    """
    if k < 2:
        raise ConfigError(f"[folds] k must be at least 2; got {k}")
    # Beside its fold a class must leave one row for train and one for valid.
    least = 4 if k == 2 else k
    rows = _shuffled_by_class(y, class_names, key, least=least, purpose=f"{k} folds")
    sizes = [_part_size(len(r)) for r in rows]
    offsets = np.cumsum([0] + [len(r) for r in rows[:-1]])  # the next class goes on where the last one ended
    out = []
    for fold in range(k):
        in_test = [(o + np.arange(len(r))) % k == fold for o, r in zip(offsets, rows, strict=True)]
        test = [r[t] for r, t in zip(rows, in_test, strict=True)]
        rest = [r[~t] for r, t in zip(rows, in_test, strict=True)]
        sizes_here = [min(s, len(r) - 1) for s, r in zip(sizes, rest, strict=True)]
        valid = [r[:s] for r, s in zip(rest, sizes_here, strict=True)]
        train = [r[s:] for r, s in zip(rest, sizes_here, strict=True)]
        out.append(_mixed(train, valid, test, key.fold(fold)))
    return out


def _part_size(rows: int) -> int:
    return max(1, (PART_PERCENT * rows + 50) // 100)


def _shuffled_by_class(y: I64, class_names: tuple[str, ...], key: Key, *, least: int, purpose: str) -> list[I64]:
    rows: list[I64] = []
    for label, name in enumerate(class_names):
        mine = np.flatnonzero(y == label).astype(np.int64)
        if len(mine) < least:
            raise DataError(
                f"[split] class '{name}' must have at least {least} rows for {purpose}; got {len(mine)}. "
                "Add rows or leave the class out"
            )
        rows.append(mine[key.fold("class").fold(label).permutation(len(mine))])
    return rows


def _mixed(train: list[I64], valid: list[I64], test: list[I64], key: Key) -> Indices:
    # Classes are mixed so that the first rows of a part are a fair sample of it.
    def mix(name: str, parts: list[I64]) -> I64:
        rows: I64 = np.concatenate(parts)
        mixed: I64 = rows[key.fold(name).permutation(len(rows))]
        return mixed

    return Indices(mix("train", train), mix("valid", valid), mix("test", test))
