"""Sequences: rows of a table, and hls4ml's gated recurrent unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qkdflow import _core
from qkdflow._core import FixedPoint
from qkdflow.fixed import tables
from qkdflow.fixed.layer import Codes, FixedLayer, integers, need
from qkdflow.fixed.pointwise import TABLE_SIZE, TABLE_TYPE


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


@dataclass(frozen=True, eq=False)
class FixedGRU(FixedLayer):
    """Keras's GRU with reset_after, as hls4ml computes it: gates from tables, the state held in `result_type`.

    kernel (n, 3 units), recurrent_kernel (units, 3 units), bias (2, 3 units): int64 codes, gates z, r and the
    candidate side by side. accum_type holds every sum exactly; what it rounds is the product of r and the state's sum
    alone. The tables of sigmoid and tanh are hls4ml's, of `table_size` entries of `table_type`.
    """

    kind: ClassVar[str] = "gru"
    arrays: ClassVar[tuple[str, ...]] = ("kernel", "recurrent_kernel", "bias")

    name: str
    kernel: Codes
    recurrent_kernel: Codes
    bias: Codes
    kernel_type: FixedPoint
    recurrent_type: FixedPoint
    bias_type: FixedPoint
    accum_type: FixedPoint
    result_type: FixedPoint
    return_sequences: bool = False
    table_type: FixedPoint = TABLE_TYPE
    table_size: int = TABLE_SIZE
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kinds = {"kernel": self.kernel_type, "recurrent_kernel": self.recurrent_type, "bias": self.bias_type}
        for name, kind in kinds.items():
            object.__setattr__(self, name, integers(getattr(self, name), (2,), kind, self.where, name))
        units = self.units
        shapes = self.kernel.shape[1:], self.recurrent_kernel.shape, self.bias.shape
        need(
            shapes == ((3 * units,), (units, 3 * units), (2, 3 * units)),
            self.where,
            f"kernel (n, 3 units), recurrent_kernel (units, 3 units) and bias (2, 3 units) are required; got "
            f"{self.kernel.shape}, {self.recurrent_kernel.shape} and {self.bias.shape}",
        )

    @property
    def units(self) -> int:
        """How many numbers the state has."""
        return int(self.recurrent_kernel.shape[0])

    @property
    def kernel_codes(self) -> tuple[tuple[Codes, FixedPoint], ...]:
        return (self.kernel, self.kernel_type), (self.recurrent_kernel, self.recurrent_type)

    @property
    def parameters(self) -> int:
        return int(self.kernel.size + self.recurrent_kernel.size + self.bias.size)

    @property
    def nonzero(self) -> int:
        return sum(int(np.count_nonzero(getattr(self, name))) for name in self.arrays)

    @property
    def size_bits(self) -> int:
        kernels: int = self.kernel.size * self.kernel_type.bits + self.recurrent_kernel.size * self.recurrent_type.bits
        return int(kernels + self.bias.size * self.bias_type.bits)

    def table(self, function: str) -> Codes:
        """Codes (table_size,) of `table_type`: sigmoid or tanh as hls4ml fills them."""
        return tables.sampled(function, self.table_size, self.table_type)

    def core(self) -> _core.FixedLayer:
        return _core.FixedGRU(
            self.name,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            self.kernel_type,
            self.recurrent_type,
            self.bias_type,
            self.table("sigmoid"),
            self.table("tanh"),
            self.table_type,
            self.accum_type,
            self.return_sequences,
            self.result_type,
        )
