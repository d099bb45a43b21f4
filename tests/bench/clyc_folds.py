"""The gamma/neutron targets by 10-fold cross-validation: a searched 8-bit student against the linear classifier.

    python tests/bench/clyc_folds.py CLYC.csv [--seeds 1] [--budget quick] [--set digits=2 --set max_parameters=40 ...]
                                     [--write clyc-170]

For each fold the whole line up to the frozen integers runs on the other nine tenths: search, distillation, pruning,
freezing. --set is that of `qkdflow run clyc`. Prints a JSON object a seed: accuracies over all rows, each predicted by
the network that had not seen it, and the DSPs that the folds' students are estimated to need at reuse factor 1.
--write keeps them as docs/results/NAME.json.
"""

from __future__ import annotations

import argparse
import json
import shlex
from typing import Any

import numpy as np
import results
from qkdflow import Key, datasets, settings, stages
from qkdflow.config import RunConfig
from qkdflow.datasets import Dataset
from qkdflow.hardware import estimate

FOLDS = 10


def measure(config: RunConfig, whole: Dataset, key: Key) -> dict[str, Any]:
    """What ten networks that never saw them make of all rows."""
    right = {"linear": 0, "teacher": 0, "student": 0}
    parameters, sparsity, dsps = [], [], []
    for i, data in enumerate(whole.folds(FOLDS, key.fold("folds"))):
        own = key.fold(i)
        x, y = data.test
        linear = stages.train_linear(data, config.work, own.fold("linear")).model
        found = stages.search_teacher(data, config, own.fold("teacher search"))
        teacher = stages.train_teacher(data, found, config, own.fold("teacher")).model
        logits = stages.teacher_logits(teacher, data)
        found = stages.search_student(data, logits, config, own.fold("student search"))
        student = stages.train_student(data, logits, found, config, own.fold("student")).model
        fixed = stages.freeze(student, data.class_names)
        for name, scores in (
            ("linear", linear.logits(x)),
            ("teacher", teacher.logits(x)),
            ("student", fixed.predict(x)),
        ):
            right[name] += int(np.count_nonzero(scores.argmax(axis=1) == y))
        parameters.append(fixed.parameters)
        sparsity.append(fixed.sparsity)
        dsps.append(estimate(fixed, part="xc7z020clg400-1").total.dsp.value)
    return {
        "accuracy": {name: n / whole.samples for name, n in right.items()},
        "student": {
            "parameters": [min(parameters), max(parameters)],
            "least_sparsity": min(sparsity),
            "most_dsp": max(dsps),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv")
    parser.add_argument("--budget", default="quick")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--write", metavar="NAME")
    args = parser.parse_args()
    chosen = settings.merged(settings.preset("clyc"), settings.parse_set(args.set))
    config = settings.make_config(settings.merged(chosen, {"data": args.csv, "budget": args.budget}))
    found = []
    for seed in range(args.seeds):
        key = Key(seed)
        whole = datasets.load_csv(args.csv, label=config.label, key=key.fold("dataset"))
        found.append({"seed": seed, **measure(config, whole, key)})
        print(json.dumps(found[-1]), flush=True)
    if args.write:
        words = [
            "python tests/bench/clyc_folds.py CLYC.csv",
            f"--budget {args.budget}",
            *(f"--set {shlex.quote(s)}" for s in args.set),
        ]
        about = {"rows": whole.samples, "folds": FOLDS, "bits": config.bits, "command": " ".join(words)}
        path = results.RESULTS / f"{args.write}.json"
        path.write_text(json.dumps({**about, **results.machine(), "seeds": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
