"""Models: layers with their parameters, and Keras's fit, evaluate, predict, summary and save."""

from __future__ import annotations

from qkdflow.models.model import Model, Sequential
from qkdflow.models.saving import load_model
from qkdflow.models.teaching import AttentionHint, FeatureHint
from qkdflow.models.training import History
from qkdflow.models.weights import Weights

__all__ = ["AttentionHint", "FeatureHint", "History", "Model", "Sequential", "Weights", "load_model"]
