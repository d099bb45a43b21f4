"""BoTorch, as Ax puts it together: 5 Sobol points, SingleTaskGP (MixedSingleTaskGP with categories), LogEI."""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

import torch
from botorch.acquisition import LogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import MixedSingleTaskGP, SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.optim import optimize_acqf, optimize_acqf_mixed_alternating
from gpytorch.mlls import ExactMarginalLogLikelihood
from protocol import Parameter, is_active, result, searches, timed

warnings.simplefilter("ignore")
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
FIRST = 5


def is_category(p: Parameter) -> bool:
    return p["kind"] == "Boolean" or (p["kind"] == "Choice" and not p["ordered"])


def levels(p: Parameter) -> list[Any]:
    return [False, True] if p["kind"] == "Boolean" else p["values"] if is_category(p) else sorted(p["values"])


def value(p: Parameter, u: float) -> Any:
    """Of a position in [0, 1], or of a level."""
    if p["kind"] in ("Choice", "Boolean"):
        choices = levels(p)
        return choices[int(u) if is_category(p) else min(int(u * len(choices)), len(choices) - 1)]
    low, high = p["min_value"], p["max_value"]
    x = low * math.exp(math.log(high / low) * u) if p["sampling"] == "log" else low + (high - low) * u
    if p["kind"] == "Int":
        return min(low + p["step"] * round((x - low) / p["step"]), high)
    return min(max(x, low), high)


def ask(space: list[Parameter], x: torch.Tensor, y: torch.Tensor, sobol: Any) -> torch.Tensor:
    bounds = torch.tensor([[0.0, len(levels(p)) - 1.0 if is_category(p) else 1.0] for p in space]).T
    if len(y) < FIRST:
        point = bounds[1] * sobol.draw(1)
        for i, p in enumerate(space):
            if is_category(p):
                point[0, i] = torch.round(point[0, i])
        return point
    categories = [i for i, p in enumerate(space) if is_category(p)]
    outcome = Standardize(m=1)
    if categories:
        model = MixedSingleTaskGP(x, -y, cat_dims=categories, outcome_transform=outcome)
    else:
        model = SingleTaskGP(x, -y, outcome_transform=outcome)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    acquisition = LogExpectedImprovement(model, best_f=(-y).max())
    if categories:
        cat = {i: list(range(int(bounds[1, i]) + 1)) for i in categories}
        point, _ = optimize_acqf_mixed_alternating(acquisition, bounds, cat_dims=cat, num_restarts=8, raw_samples=256)
    else:
        point, _ = optimize_acqf(acquisition, bounds, q=1, num_restarts=8, raw_samples=256)
    return point


for search in searches():
    if search["directions"] > 1:
        sys.exit("one objective here")
    torch.manual_seed(search["seed"])
    space = search["space"]
    sobol = torch.quasirandom.SobolEngine(len(space), scramble=True, seed=search["seed"])
    x, y = torch.zeros(0, len(space)), torch.zeros(0, 1)
    while True:
        point, cpu = timed(lambda x=x, y=y, s=space, q=sobol: ask(s, x, y, q))
        values: dict[str, Any] = {}
        for i, p in enumerate(space):
            if is_active(p, values):
                values[p["name"]] = value(p, float(point[0, i]))
        told = result(values, cpu)
        if told is None:
            break
        x, y = torch.cat([x, point]), torch.cat([y, torch.tensor([[told[0]]])])
