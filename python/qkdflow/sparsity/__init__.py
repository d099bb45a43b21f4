"""Magnitude pruning in TFMOT's words: when (schedules), what goes together (structures), and of which layers."""

from __future__ import annotations

from qkdflow.sparsity.channels import Channels, removable
from qkdflow.sparsity.rules import PruningRule, core_rules, prune_low_magnitude
from qkdflow.sparsity.schedules import ConstantSparsity, PolynomialDecay, PruningSchedule
from qkdflow.sparsity.structures import BramGroups, DspGroups, Neurons, NofM, Structure, Weights, structure

__all__ = [
    "BramGroups",
    "Channels",
    "ConstantSparsity",
    "DspGroups",
    "Neurons",
    "NofM",
    "PolynomialDecay",
    "PruningRule",
    "PruningSchedule",
    "Structure",
    "Weights",
    "core_rules",
    "prune_low_magnitude",
    "removable",
    "structure",
]
