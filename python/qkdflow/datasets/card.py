"""How a data set shows itself in a notebook: counts a class and part, and the mean sample of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from qkdflow.cards import card, grid, lines, more, swatch
from qkdflow.html import Child, Html

if TYPE_CHECKING:
    from qkdflow.datasets.dataset import Dataset

_SHOWN = 20  # classes; a table longer than that says no more


def dataset_card(dataset: Dataset) -> str:
    """A small self-contained HTML fragment."""
    parts = (dataset.train, dataset.valid, dataset.test)
    counts = np.array([np.bincount(p.y, minlength=dataset.classes) for p in parts])
    names = dataset.class_names[:_SHOWN]
    rows: list[Sequence[Child]] = [
        [[swatch(i), name], *(f"{n:,}" for n in counts[:, i])] for i, name in enumerate(names)
    ]
    rows.append(["all", *(f"{n:,}" for n in counts.sum(axis=1))])
    about = f"{dataset.samples:,} samples of shape {dataset.shape}, {dataset.input_type.ap_type}"
    table = grid(("class", "train", "valid", "test"), rows, numeric=(1, 2, 3), foot=True)
    return card(dataset.name, about, table, more(len(names), dataset.classes, "classes"), _mean_samples(dataset))


def _mean_samples(dataset: Dataset) -> Html | None:
    if len(dataset.shape) != 1 or dataset.shape[0] < 2:
        return None
    x, y = dataset.train
    named = enumerate(dataset.class_names[:_SHOWN])
    means = {name: x[y == label].mean(axis=0, dtype=np.float64).tolist() for label, name in named}
    return lines(means, "mean sample of each class", legend=False)
