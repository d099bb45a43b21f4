"""Which weights of a kernel stay or go together."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qkdflow.errors import ConfigError

Numbers = NDArray[np.int32]
BRAM_BITS = 36  # of one word of a block RAM


@dataclass(frozen=True)
class Structure(ABC):
    """groups: a number for each weight, those of one number go together. blocks: within those of one number a share
    goes. Both have the kernel's shape, (..., n_out), or are None: each weight alone; the whole kernel."""

    @abstractmethod
    def groups(self, shape: tuple[int, ...]) -> Numbers | None:
        """The group of each weight of a kernel of this shape."""

    def blocks(self, shape: tuple[int, ...]) -> Numbers | None:
        """The block of each weight of a kernel of this shape."""
        return None

    def final_sparsity(self) -> float | None:
        """The final sparsity that a schedule must have; None where it may have any."""
        return None


@dataclass(frozen=True)
class Weights(Structure):
    """Each weight for itself."""

    def groups(self, shape: tuple[int, ...]) -> None:
        return None


@dataclass(frozen=True)
class Neurons(Structure):
    """Whole neurons, or filters of a convolution, with bias and BatchNormalization; `shrink` then builds the smaller
    network."""

    def groups(self, shape: tuple[int, ...]) -> Numbers:
        return np.array(np.broadcast_to(np.arange(shape[-1]), shape), dtype=np.int32)


@dataclass(frozen=True)
class NofM(Structure):
    """At most n of every m weights that follow each other along an output's inputs; final sparsity 1 - n / m."""

    n: int = 2
    m: int = 4

    def __post_init__(self) -> None:
        if not 0 < self.n < self.m:
            raise ConfigError(f"[NofM] n must be above 0 and below m; got {self.n} of {self.m}")

    def groups(self, shape: tuple[int, ...]) -> None:
        return None

    def blocks(self, shape: tuple[int, ...]) -> Numbers:
        n_in, n_out = math.prod(shape[:-1]), shape[-1]
        rows = np.arange(n_in)[:, np.newaxis] // self.m
        return (rows + -(-n_in // self.m) * np.arange(n_out)).astype(np.int32).reshape(shape)

    def final_sparsity(self) -> float:
        return 1 - self.n / self.m


@dataclass(frozen=True)
class DspGroups(Structure):
    """The weights that one multiplier computes with, in turn, in hls4ml's Resource strategy.

    hls4ml stores a kernel output by output and gives multiplier i the weights i * reuse_factor to
    (i + 1) * reuse_factor - 1 of that row (hls4ml 1.3, nnet_dense_resource.h: w_index = ir + rufactor * im). With all
    of them zero, HLS leaves the multiplier out.
    """

    reuse_factor: int

    def __post_init__(self) -> None:
        if self.reuse_factor < 1:
            raise ConfigError(f"[{type(self).__name__}] reuse_factor must be at least 1; got {self.reuse_factor}")

    @property
    def weights(self) -> int:
        """Neighbours in hls4ml's row that go together."""
        return self.reuse_factor

    def groups(self, shape: tuple[int, ...]) -> Numbers:
        n_in, n_out = math.prod(shape[:-1]), shape[-1]
        place = np.arange(n_in)[:, np.newaxis] + n_in * np.arange(n_out)
        return (place // self.weights).astype(np.int32).reshape(shape)


@dataclass(frozen=True)
class BramGroups(DspGroups):
    """The weights in one block RAM: those of as many neighbouring multipliers as fill its words of 36 bits.

    That are 36 / bits multipliers where it divides, else those of two words, rounded up, as hls4ml's own DSP-aware
    pruning counts. Their products go with them.
    """

    bits: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.bits <= BRAM_BITS:
            raise ConfigError(f"[BramGroups] bits must be 1 to {BRAM_BITS}; got {self.bits}")

    @property
    def weights(self) -> int:
        multipliers = BRAM_BITS // self.bits if BRAM_BITS % self.bits == 0 else -(-2 * BRAM_BITS // self.bits)
        return multipliers * self.reuse_factor


def structure(text: str) -> tuple[Structure, str]:
    """What a word of the command line means, as structure and scope of `prune_low_magnitude`.

    layer (each kernel has the sparsity), global (all together have), neurons, N:M (at most n of every m weights), dsp:R
    and bram:R:BITS (what one multiplier or one block RAM of hls4ml's Resource strategy holds at reuse factor R).
    ConfigError for any other.
    """
    words: dict[str, tuple[Structure, str]] = {
        "layer": (Weights(), "layer"),
        "global": (Weights(), "global"),
        "neurons": (Neurons(), "layer"),
    }
    if text in words:
        return words[text]
    kind, *numbers = text.split(":")
    makers: dict[tuple[str, int], type[Structure]] = {("dsp", 1): DspGroups, ("bram", 2): BramGroups}
    make = makers.get((kind, len(numbers)))
    if kind.isdecimal():
        make, numbers = (NofM if len(numbers) == 1 else None), [kind, *numbers]
    if make is None or not all(n.isdecimal() for n in numbers):
        raise ConfigError(f"[--pruning] must be layer, global, neurons, N:M, dsp:R or bram:R:BITS; got {text!r}")
    return make(*map(int, numbers)), "layer"
