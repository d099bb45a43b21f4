"""Sequences: Embedding and GRU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from qkdflow import _core
from qkdflow.errors import ConfigError
from qkdflow.layers.base import Layer, Shape, param
from qkdflow.regularizers import L1L2


@dataclass(frozen=True)
class Embedding(Layer):
    """A row of the table embeddings (input_dim, output_dim) for every integer of the source."""

    input_dim: int
    output_dim: int
    base_name: ClassVar[str] = "embedding"

    def core(self, src: Shape) -> list[_core.Layer]:
        return [_core.Embedding(self.name, self.input_dim, self.output_dim, param("random_uniform"))]


@dataclass(frozen=True)
class GRU(Layer):
    """Gated recurrent unit with reset_after=True; the last state (units,), or all of them (steps, units).

    kernel (n, 3 units) and recurrent_kernel (units, 3 units) hold the gates z, r and the candidate side by side, bias
    (2, 3 units) the input's and the state's.
    """

    units: int
    activation: str = "tanh"
    recurrent_activation: str = "sigmoid"
    use_bias: bool = True
    return_sequences: bool = False
    reset_after: bool = True
    kernel_regularizer: L1L2 | None = None
    base_name: ClassVar[str] = "gru"

    def __post_init__(self) -> None:
        fixed = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}
        for key, only in fixed.items():
            if getattr(self, key) != only:
                raise ConfigError(f"[{self.name or 'GRU'}] {key} must be {only!r}; got {getattr(self, key)!r}")

    def core(self, src: Shape) -> list[_core.Layer]:
        gru = _core.Gru(
            self.name,
            self.units,
            self.return_sequences,
            self.use_bias,
            param("glorot_uniform", None, self.kernel_regularizer),
            param("glorot_uniform"),
            param("zeros"),
        )
        return [gru]
