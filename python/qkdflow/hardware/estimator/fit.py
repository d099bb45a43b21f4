"""Prices from reports: non-negative, robust to a few odd layers, judged on networks left out.

minimise sum_r w_r (terms_r . price / reported_r - 1)^2 over price >= 0; w_r = 1 / |residual|, reweighted, so that the
absolute relative error is what is small; coordinate descent, for few terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qkdflow.hardware.estimator.prices import Prices
from qkdflow.hardware.estimator.terms import Terms

TARGETS = ("lut", "ff")
NEAR = 0.02  # relative error below which a row is not weighted up further
COVER = 0.9
NORMAL = 1.645  # the 95th percentile of the normal distribution, and of Student's with 1, 2, ... degrees of freedom
STUDENT = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812)
WEIGHT_OF_PRIOR = 0.5  # rows that the shipped price of a term counts as


@dataclass(frozen=True)
class Row:
    """A reported layer or design: its terms and counts, by target; `network` is left out as a whole."""

    name: str
    network: str
    group: str
    terms: Mapping[str, Terms]
    reported: Mapping[str, float]


def fit(rows: Sequence[Row], target: str, prior: Mapping[str, float] | None = None) -> dict[str, float]:
    """Price by term; with a prior, terms that the rows say little about stay where they are."""
    rows = [r for r in rows if r.reported[target] > 0]
    names = sorted({name for r in rows for name, amount in r.terms[target].items() if amount})
    reported = np.array([r.reported[target] for r in rows])
    a = np.array([[r.terms[target].get(n, 0.0) for n in names] for r in rows]) / reported[:, None]
    start = np.array([(prior or {}).get(n, 0.0) for n in names])
    pull = np.zeros(len(names))
    if prior is not None:
        pull = WEIGHT_OF_PRIOR / np.maximum(start, 1e-3 * max(start.max(), 1e-9)) ** 2
    price, weight = start, np.ones(len(rows))
    for _ in range(30):
        price = _descend(a.T @ (weight[:, None] * a) + np.diag(pull), a.T @ weight + pull * start, price)
        weight = 1.0 / np.maximum(np.abs(a @ price - 1.0), NEAR) * NEAR
    return {n: float(p) for n, p in zip(names, price, strict=True) if p > 0}


def _descend(gram: NDArray[np.float64], right: NDArray[np.float64], price: NDArray[np.float64]) -> NDArray[np.float64]:
    """The price >= 0 that minimises p'Gp/2 - right'p."""
    price = price.copy()
    scale = np.maximum(np.diag(gram), 1e-30)
    for _ in range(3000):
        biggest = 0.0
        for j in range(len(price)):
            step = max(-price[j], (right[j] - gram[j] @ price) / scale[j])
            price[j] += step
            biggest = max(biggest, abs(step) * float(np.sqrt(scale[j])))
        if biggest < 1e-9:
            break
    return price


def unseen(rows: Sequence[Row], target: str, prior: Mapping[str, float] | None = None) -> NDArray[np.float64]:
    """Estimate over report of each row, with prices fitted to all other networks."""
    ratio = np.ones(len(rows))
    for network in sorted({r.network for r in rows}):
        price = Prices(fit([r for r in rows if r.network != network], target, prior), 1, 1)
        for i, row in enumerate(rows):
            if row.network == network:
                ratio[i] = price.sum(row.terms[target]) / row.reported[target]
    return ratio


def interval(ratio: NDArray[np.float64], networks: int) -> tuple[float, float]:
    """Multiples of an estimate between which nine of ten reports lie: quantiles of report over estimate.

    Layers of one network err alike, so that few networks are few samples: the widths of their interval, as powers,
    grow by Student's quantile over the normal one.
    """
    report = np.log(1.0 / np.maximum(ratio, 1e-9))
    tail = (1.0 - COVER) / 2.0
    low, high = np.quantile(report, [tail, 1.0 - tail], method="median_unbiased")
    wider = STUDENT[min(networks - 1, len(STUDENT)) - 1] / NORMAL if networks > 1 else STUDENT[0]
    return float(np.exp(min(low, 0.0) * wider)), float(np.exp(max(high, 0.0) * wider))


def price_rows(rows: Sequence[Row], target: str, prior: Mapping[str, float] | None = None) -> Prices:
    """Prices of a group, with the interval that networks left out need."""
    return Prices(fit(rows, target, prior), *interval(unseen(rows, target, prior), len({r.network for r in rows})))
