"""The newer course's recommender: what is bought next, after 30 purchases."""

from __future__ import annotations

from qkdflow import layers
from qkdflow._core import Key
from qkdflow.models import Sequential


def recommender(key: Key | int = 0) -> Sequential:
    """Embedding 100x8, GRU 16, dense 100: 3,748 parameters."""
    chain = [layers.Embedding(100, 8), layers.GRU(16), layers.Dense(100), layers.Activation("softmax")]
    return Sequential([layers.Input((30,)), *chain], "recommender", key)
