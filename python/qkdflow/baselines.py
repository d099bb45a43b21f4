"""Classifiers that a network must beat to be worth its hardware, on the same split."""

from __future__ import annotations

import math
from typing import Any

from qkdflow.datasets import Dataset

MOST_VALUES = 512  # of a sample
ROUNDS = 150  # boosting rounds, each one tree a class (one tree where there are two classes)


def boosted_trees(dataset: Dataset, seed: int = 0) -> dict[str, Any] | None:
    """Histogram gradient-boosted trees: `accuracy_valid`, `accuracy_test` and the number of `trees`.

    scikit-learn's HistGradientBoostingClassifier with its default settings and 150 rounds, trained on the
    train part alone; None where scikit-learn is not installed, and `not_run` with the reason where samples have
    more than 512 values. Same data set and seed, same result.
    """
    if (values := math.prod(dataset.shape)) > MOST_VALUES:
        return {"not_run": f"trees on samples of {values:,} values would take longer than the network"}
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits
    except ImportError:
        return None
    model = HistGradientBoostingClassifier(max_iter=ROUNDS, early_stopping=False, random_state=seed)

    def flat(x: Any) -> Any:
        return x.reshape(len(x), -1)

    # One thread: its parallel loops are so short that waiting for a busy core costs far more than they gain.
    with threadpool_limits(1, user_api="openmp"):
        model.fit(flat(dataset.train.x), dataset.train.y)
        return {
            "accuracy_valid": float(model.score(flat(dataset.valid.x), dataset.valid.y)),
            "accuracy_test": float(model.score(flat(dataset.test.x), dataset.test.y)),
            "trees": int(model.n_iter_ * model.n_trees_per_iteration_),
        }
