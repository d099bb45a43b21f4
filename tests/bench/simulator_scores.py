"""How hard the simulated scintillation pulses and trap photographs are, for simple classifiers, over seeds.

    python tests/bench/simulator_scores.py gamma-neutron [--samples 12000] [--seeds 3]
    python tests/bench/simulator_scores.py pest-3 --samples 1800

Each seed draws the samples and the split of a run with that seed. The linear classifier and the trees are those of
psd_scores.py; the network is scikit-learn's, so that no score leans on our engine: 64-48-32 for pulses. Photographs are
shrunk to 20 x 20 by means for all three, with the mean and deviation of each colour beside them.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import replace

import numpy as np
from psd_scores import linear, trees
from qkdflow import Key
from qkdflow.datasets import SIMULATORS, Dataset
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits


def network(dataset: Dataset, seed: int) -> float:
    """Test accuracy of a float network, 64-48-32, 40 epochs of Adam in batches of 128."""
    scale = StandardScaler().fit(dataset.train.x)
    model = MLPClassifier((64, 48, 32), batch_size=128, alpha=1e-4, max_iter=40, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it ends by its number of epochs
        model.fit(scale.transform(dataset.train.x), dataset.train.y)
    return float(model.score(scale.transform(dataset.test.x), dataset.test.y))


def as_vectors(dataset: Dataset) -> Dataset:
    """Photographs as 20 x 20 x 3 means, and six numbers that say what a histogram would."""
    if len(dataset.shape) == 1:
        return dataset
    n = dataset.samples
    if dataset.shape[-1] == 1:  # small and grey: every pixel
        return replace(dataset, x=dataset.x.reshape(n, -1))
    small = dataset.x.reshape(n, 20, 4, 20, 4, 3).mean(axis=(2, 4)).reshape(n, -1)
    colours = np.concatenate([dataset.x.mean(axis=(1, 2)), dataset.x.std(axis=(1, 2))], axis=1)
    return replace(dataset, x=np.concatenate([small, colours], axis=1).astype(np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[n for n in SIMULATORS if n != "psd"])
    parser.add_argument("--samples", type=int, default=12_000)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    scores: dict[str, list[float]] = {"linear": [], "boosted trees": [], "network": []}
    start = time.process_time()
    for seed in range(args.seeds):
        dataset = as_vectors(SIMULATORS[args.name](Key(seed).fold("dataset"), args.samples))
        for (name, values), score in zip(scores.items(), (linear, trees, network), strict=True):
            if name == "boosted trees" and dataset.shape[0] > 512:
                continue  # minutes, and no better than chance beyond the histogram
            with threadpool_limits(1):  # matrices this small only wait for a second thread
                values.append(score(dataset, seed))
    for name, values in scores.items():
        if values:
            print(f"{name:14s} {100 * np.mean(values):.2f} % ({100 * min(values):.2f} to {100 * max(values):.2f})")
    print(f"{time.process_time() - start:.0f} CPU seconds")


if __name__ == "__main__":
    main()
