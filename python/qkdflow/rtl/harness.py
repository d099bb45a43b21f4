"""A module with a valid/ready handshake on either side, made C++ by Verilator and driven clock by clock."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import Key
from qkdflow.errors import ConfigError, ToolError
from qkdflow.fixed import Codes
from qkdflow.handover.templates import render
from qkdflow.rtl.verilator import build

NO_STALLS = (0.0, 0.0)


class Beats(NamedTuple):
    """What crossed a handshake: codes (n, elements), whether `last` was up, at which clock."""

    codes: Codes
    last: NDArray[np.bool_]
    clock: Codes


@dataclass(frozen=True)
class Interface:
    """A module's ports. A beat carries `elements` codes of `element_bits`, the first in the lowest bits."""

    module: str
    elements_in: int
    element_bits_in: int
    elements_out: int
    element_bits_out: int
    signed_out: bool
    clock: str = "clk"
    reset: str = "resetn"
    in_valid: str = "in_valid"
    in_ready: str = "in_ready"
    in_last: str = "in_last"
    in_data: str = "in_data"
    out_valid: str = "out_valid"
    out_ready: str = "out_ready"
    out_last: str = "out_last"
    out_data: str = "out_data"


@dataclass(frozen=True)
class Harness:
    """A compiled module. patience: clocks without a transfer after which none will come."""

    interface: Interface
    library: Path
    patience: int
    _simulate: Any

    def drive(
        self,
        codes: Codes,
        last: NDArray[np.bool_],
        capacity: int,
        stalls: tuple[float, float] = NO_STALLS,
        key: Key | None = None,
    ) -> tuple[Beats, Beats]:
        """Offer beats (n, elements) with their `last`, take at most `capacity`: what went in, and what came out.

        stalls: the share of clocks in which the source offers nothing, and in which the sink is not ready, drawn from
        `key`; so are the bits that registers start with. Ends when nothing moves any more.
        """
        if not all(0 <= stall < 1 for stall in stalls):
            raise ConfigError(f"[rtl] stalls must be shares of clocks, 0 to below 1; got {stalls}")
        sent, ends = np.ascontiguousarray(codes, dtype=np.int64), np.ascontiguousarray(last, dtype=np.uint8)
        out = np.zeros((capacity, self.interface.elements_out), dtype=np.int64)
        out_last = np.zeros(capacity, dtype=np.uint8)
        in_clock, out_clock = np.full(len(sent), -1, dtype=np.int64), np.zeros(capacity, dtype=np.int64)
        came = self._simulate(
            len(sent), sent.ctypes.data, ends.ctypes.data, capacity, out.ctypes.data, out_last.ctypes.data,
            (key or Key(0)).value, *(math.floor(256 * stall) for stall in stalls), self.patience,
            in_clock.ctypes.data, out_clock.ctypes.data,
        )  # fmt: skip
        taken = int((in_clock >= 0).sum())
        return (
            Beats(sent[:taken], ends[:taken].astype(np.bool_), in_clock[:taken]),
            Beats(out[:came], out_last[:came].astype(np.bool_), out_clock[:came]),
        )


def build_harness(interface: Interface, sources: Sequence[Path], folder: Path, patience: int) -> Harness:
    """Compile Verilog and harness into `folder`. Raises ToolError with the tools' words."""
    text = render("rtl/simulate.cpp.j2", asdict(interface))
    library = build(interface.module, sources, text, folder)
    return Harness(interface, library, patience, _load(library))


def _load(library: Path) -> Any:
    try:
        simulate = ctypes.CDLL(str(library)).simulate
    except (OSError, AttributeError) as error:
        raise ToolError(f"[rtl] the compiled simulation must load; {error}") from error
    pointer, long = ctypes.c_void_p, ctypes.c_int64
    simulate.restype = long
    simulate.argtypes = (
        long, pointer, pointer, long, pointer, pointer, ctypes.c_uint64, ctypes.c_int, ctypes.c_int, long, pointer,
        pointer,
    )  # fmt: skip
    return simulate
