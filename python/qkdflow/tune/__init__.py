"""Hyper-parameter search: a hypermodel is a function of hp, a study asks and is told."""

from qkdflow.tune.hyperparameters import HyperParameters
from qkdflow.tune.learn import learn
from qkdflow.tune.parameters import Parameter, Value
from qkdflow.tune.space import Space
from qkdflow.tune.stopping import Halving, Hyperband, Median
from qkdflow.tune.study import SpaceExhausted, Study
from qkdflow.tune.trial import Trial, TrialFailed, TrialPruned

__all__ = [
    "Halving",
    "HyperParameters",
    "Hyperband",
    "Median",
    "Parameter",
    "Space",
    "SpaceExhausted",
    "Study",
    "Trial",
    "TrialFailed",
    "TrialPruned",
    "Value",
    "learn",
]
