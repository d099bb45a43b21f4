"""Sequences: Embedding and GRU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from qkdflow import _core, quantizers
from qkdflow.errors import ConfigError
from qkdflow.layers.base import Layer, Shape, param, set_quantizers
from qkdflow.quantizers import Quantizer
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
        state: Quantizer | str | None = getattr(self, "state_quantizer", None)
        gru = _core.Gru(
            self.name,
            self.units,
            self.return_sequences,
            self.use_bias,
            param("glorot_uniform", getattr(self, "kernel_quantizer", None), self.kernel_regularizer),
            param("glorot_uniform", getattr(self, "recurrent_quantizer", None)),
            param("zeros", getattr(self, "bias_quantizer", None)),
            None if state is None else quantizers.get(state).type(),
        )
        return [gru]


@dataclass(frozen=True)
class QGRU(GRU):
    """GRU with quantised kernels, bias and state, in QKeras's words.

    As in hls4ml, and unlike QKeras, what leaves the layer is the quantised state. tanh and sigmoid with reset_after
    alone, where QKeras's defaults are quantized_tanh, hard_sigmoid and reset_after=False: hls4ml has no others.
    """

    kernel_quantizer: Quantizer | str | None = None
    recurrent_quantizer: Quantizer | str | None = None
    bias_quantizer: Quantizer | str | None = None
    state_quantizer: Quantizer | str | None = None
    base_name: ClassVar[str] = "q_gru"

    def __post_init__(self) -> None:
        super().__post_init__()
        kernels, others = ["kernel_quantizer", "recurrent_quantizer"], ["bias_quantizer", "state_quantizer"]
        set_quantizers(self, kernels, others)
        state = self.state_quantizer
        if state is not None and type(quantizers.get(state)) is not quantizers.quantized_bits:
            raise ConfigError(  # of another only the type would be kept, not its function
                f"[{self.name or 'QGRU'}] state_quantizer must be a quantized_bits; got {quantizers.get(state)}"
            )
