"""Hyper-parameter search: a hypermodel is a function of hp, a study asks and is told."""

from qkdflow.tune.hyperparameters import HyperParameters
from qkdflow.tune.learn import learn
from qkdflow.tune.parameters import Parameter, Value
from qkdflow.tune.space import Space
from qkdflow.tune.study import SpaceExhausted, Study, Trial, TrialFailed

__all__ = [
    "HyperParameters",
    "Parameter",
    "Space",
    "SpaceExhausted",
    "Study",
    "Trial",
    "TrialFailed",
    "Value",
    "learn",
]
