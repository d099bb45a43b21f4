"""How hard the simulated pulses are: linear classifier, boosted trees and a float teacher, over seeds.

    python tests/bench/psd_scores.py [--samples 140000] [--seeds 3]

Each seed draws the pulses and the split of a run with that seed, and new initial weights. Needs scikit-learn,
whose network stands in for the teacher (30-72-92-50-50-4, 16,352 parameters): no score leans on our engine.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from qkdflow import Key
from qkdflow.baselines import boosted_trees
from qkdflow.datasets import Dataset, psd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

TEACHER = (72, 92, 50, 50)
STAGES = ((1e-3, 20), (3e-4, 10), (1e-4, 10))  # learning rate, epochs


def linear(dataset: Dataset, seed: int) -> float:
    """Test accuracy of multinomial logistic regression; the penalty with the best valid score."""
    scale = StandardScaler().fit(dataset.train.x)
    train, valid, test = (scale.transform(p.x) for p in (dataset.train, dataset.valid, dataset.test))
    models = [LogisticRegression(C=c, max_iter=5000, random_state=seed) for c in (1.0, 100.0)]
    best = max((m.fit(train, dataset.train.y) for m in models), key=lambda m: m.score(valid, dataset.valid.y))
    return float(best.score(test, dataset.test.y))


def trees(dataset: Dataset, seed: int) -> float:
    """Test accuracy of the boosted trees of every report."""
    result = boosted_trees(dataset, seed)
    assert result is not None
    return float(result["accuracy_test"])


def teacher(dataset: Dataset, seed: int) -> float:
    """Test accuracy of the float network: Adam, batches of 128, 40 epochs in three steps of the rate."""
    scale = StandardScaler().fit(dataset.train.x)
    model = MLPClassifier(
        TEACHER, batch_size=128, alpha=1e-5, random_state=seed, warm_start=True, n_iter_no_change=1000
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # each stage ends by its number of epochs
        for rate, epochs in STAGES:
            model.set_params(learning_rate_init=rate, max_iter=epochs)
            model.fit(scale.transform(dataset.train.x), dataset.train.y)
    return float(model.score(scale.transform(dataset.test.x), dataset.test.y))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=140_000)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    scores: dict[str, list[float]] = {"linear": [], "boosted trees": [], "teacher": []}
    for seed in range(args.seeds):
        start = time.process_time()
        dataset = psd.simulate(Key(seed).fold("dataset"), args.samples)
        tested = len(dataset.indices.test)
        print(f"seed {seed}: {tested:,} test pulses, {time.process_time() - start:.2f} s", flush=True)
        for (name, values), score in zip(scores.items(), (linear, trees, teacher), strict=True):
            with threadpool_limits(1):  # matrices this small only wait for a second thread
                values.append(score(dataset, seed))
            print(f"  {name:14s} {100 * values[-1]:.2f} %", flush=True)
    for name, values in scores.items():
        print(f"{name:14s} {100 * np.mean(values):.2f} % ({100 * min(values):.2f} to {100 * max(values):.2f})")


if __name__ == "__main__":
    main()
