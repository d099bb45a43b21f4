"""CPU milliseconds a suggestion on Hartmann6's six floats: `python tests/bench/suggestion_cost.py [--n 50,200,1000]`.

The study holds n - 10 random trials, then suggests and is told ten more; the first suggestion, which fits what a
running study would have fitted long before, is reported apart. One line of JSON for each n.
"""

from __future__ import annotations

import argparse
import json
import os
import time

import numpy as np
from qkdflow import Key
from qkdflow.contest.functions import HARTMANN6


def cost(n: int, seed: int) -> dict[str, float]:
    space = HARTMANN6.learned()
    suggester = space.suggester(seed)
    codes = Key(seed).fold("codes").uniform(6 * (n - 10)).reshape(-1, 6)
    values = [[HARTMANN6.objective(space.decode(code))] for code in codes]
    times = []
    for _ in range(11):
        m = len(values)
        begun = time.process_time()
        code = suggester.suggest(
            codes, np.array(values), ["complete"] * m, np.zeros((m, 0)), np.zeros((0, 6)), None, None
        )
        times.append(1e3 * (time.process_time() - begun))
        assert code is not None
        codes = np.vstack([codes, code])
        values.append([HARTMANN6.objective(space.decode(code))])
    late = times[1:]
    return {"first_ms": times[0], "mean_ms": float(np.mean(late)), "min_ms": min(late), "max_ms": max(late)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", default="50,200,1000")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    for n in (int(word) for word in args.n.split(",")):
        runs = [cost(n, seed) for seed in range(args.seeds)]
        line = {word: round(float(np.mean([r[word] for r in runs])), 2) for word in runs[0]}
        print(json.dumps({"n": n, **line, "load": round(os.getloadavg()[0], 1)}))


if __name__ == "__main__":
    main()
