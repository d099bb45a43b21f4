"""Sequences: rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.fixed.layer import Codes, FixedLayer, integers


@dataclass(frozen=True, eq=False)
class FixedEmbedding(FixedLayer):
    """A row of `embeddings`, int64 codes (rows, width) of `result_type`, for every code of the source.

    The source's type has no sign and no fraction bits. A code beyond the table gives zeros.
    """

    kind: ClassVar[str] = "embedding"
    arrays: ClassVar[tuple[str, ...]] = ("embeddings",)

    name: str
    embeddings: Codes
    result_type: FixedPoint
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        table = integers(self.embeddings, (2,), self.result_type, self.where, "embeddings (rows, width)")
        object.__setattr__(self, "embeddings", table)

    @property
    def parameters(self) -> int:
        return self.embeddings.size

    @property
    def nonzero(self) -> int:
        return int(np.count_nonzero(self.embeddings))

    @property
    def size_bits(self) -> int:
        return self.embeddings.size * self.result_type.bits

    def core(self) -> _core.FixedLayer:
        return _core.FixedEmbedding(self.name, self.embeddings, self.result_type)
