"""The gamma/neutron target by 10-fold cross-validation: a searched 8-bit student against the linear classifier.

    python tests/bench/clyc_folds.py CLYC.csv [--max-parameters 170] [--budget quick]

For each fold the whole line up to the frozen integers runs on the other nine tenths: search, distillation, pruning,
freezing. Prints one JSON object: accuracies over all rows, each predicted by the network that had not seen it.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from qkdflow import Key, datasets, stages
from qkdflow.config import RunConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv")
    parser.add_argument("--label", default="class")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--max-parameters", type=int, default=170)
    parser.add_argument("--bits", type=int, default=8)
    parser.add_argument("--budget", default="quick")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    config = RunConfig(args.csv, args.label, args.seed, args.budget, bits=args.bits, max_parameters=args.max_parameters)
    key = Key(args.seed)
    whole = datasets.load_csv(args.csv, label=args.label, key=key.fold("dataset"))
    right = {"linear": 0, "teacher": 0, "student": 0}
    parameters, sparsity = [], []
    for i, data in enumerate(whole.folds(args.folds, key.fold("folds"))):
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
    result = {
        "rows": whole.samples,
        "folds": args.folds,
        "budget": args.budget,
        "seed": args.seed,
        "accuracy": {name: n / whole.samples for name, n in right.items()},
        "student": {
            "bits": args.bits,
            "parameters": [min(parameters), max(parameters)],
            "least_sparsity": min(sparsity),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
