"""A vendor's design, clock by clock."""

from __future__ import annotations

import ctypes
import math
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow._core import FixedPoint, Key
from qkdflow.errors import ConfigError, DataError, ToolError
from qkdflow.fixed import Codes, FixedModel
from qkdflow.handover.templates import render
from qkdflow.rtl.harness import NO_STALLS
from qkdflow.rtl.simulation import Measured
from qkdflow.rtl.vendor.design import INCLUDE, TABLE, Design, find_design
from qkdflow.rtl.vendor.interface import interface
from qkdflow.rtl.verilator import build

PATIENCE = 200_000  # clocks without a transfer after which none will come
UNDEFINED = ("--x-assign", "unique", "--x-initial", "unique")  # drawn when the simulation starts, or zeros
FLOAT_CORE = re.compile(r"^\s*(\w+_(fexp_32ns_32ns_32|fpext_32ns_64)_(\d+)_\w+_ip)\s+\w+\s*\(", re.MULTILINE)
NO_SUCH_MODULE = re.compile(r"Cannot find file containing module: '(\w+)'")


@dataclass(frozen=True)
class VendorRtl:
    """A compiled design with its network's types. predict takes raw inputs and gives logits, as the hardware would."""

    design: Design
    input_shape: tuple[int, ...]
    input_type: FixedPoint
    outputs: int
    output_type: FixedPoint
    _simulate: Any

    def predict(
        self,
        x: NDArray[Any],
        dummies: int = 0,
        stalls: tuple[float, float] = NO_STALLS,
        key: Key | None = None,
    ) -> NDArray[np.float64]:
        """Logits, float64 (n, outputs), of raw inputs (n, *input_shape); see `run`. Raises DataError, ToolError."""
        rows = np.asarray(x, dtype=np.float64)
        if rows.shape[1:] != self.input_shape or rows.ndim < 2:
            wanted = ", ".join(map(str, self.input_shape))
            raise DataError(f"[vendor rtl] inputs of shape (n, {wanted}) are required; got {rows.shape}")
        return self.output_type.decode(self.run(self.input_type.encode(rows), dummies, stalls, key))

    def run(
        self,
        codes: Codes,
        dummies: int = 0,
        stalls: tuple[float, float] = NO_STALLS,
        key: Key | None = None,
    ) -> Codes:
        """Result codes, int64 (n, outputs), of input codes (n, *input_shape).

        dummies: samples of zeros behind the last one, for a pipeline that moves on only when something comes in.
        stalls: the share of clocks in which nothing new is offered (no TVALID, no ap_start), and in which a stream's
        sink is not ready, drawn from `key`; so are the bits that registers and undefined values start with, which are
        zeros without a key. ToolError, with the reason, where a result stays out.
        """
        return self._drive(codes, dummies, stalls, key)[0][: len(codes)]

    def measure(self, samples: int = 16) -> Measured:
        """Clocks from the first sample to its result, and from result to result; ToolError where those are uneven."""
        _, begun, ended = self._drive(np.zeros((samples, *self.input_shape), dtype=np.int64), samples)
        intervals = set(np.diff(ended[samples // 2 : samples]).tolist())
        if len(intervals) != 1:
            raise ToolError(f"[vendor rtl] a steady interval between results is required; got {sorted(intervals)}")
        return Measured(int(ended[0] - begun[0]), intervals.pop())

    def _drive(
        self, codes: Codes, dummies: int, stalls: tuple[float, float] = NO_STALLS, key: Key | None = None
    ) -> tuple[Codes, Codes, Codes]:
        if dummies < 0:
            raise ConfigError(f"[vendor rtl] dummies must be a whole number from 0 on; got {dummies}")
        if not all(0 <= stall < 1 for stall in stalls) or (key is None and stalls != NO_STALLS):
            raise ConfigError(
                f"[vendor rtl] stalls must be shares of clocks, 0 to below 1, and have a key; got {stalls}"
            )
        n = len(codes)
        sent = np.zeros((n + dummies, int(np.prod(self.input_shape))), dtype=np.int64)
        sent[:n] = codes.reshape(n, -1)
        out = np.zeros((len(sent), self.outputs), dtype=np.int64)
        begun, ended = np.zeros(len(sent), dtype=np.int64), np.zeros(len(sent), dtype=np.int64)
        taken = ctypes.c_int64()
        came = self._simulate(
            len(sent), sent.ctypes.data, out.ctypes.data, key.value | 1 if key else 0,
            *(math.floor(256 * stall) for stall in stalls), PATIENCE, begun.ctypes.data, ended.ctypes.data,
            ctypes.byref(taken),
        )  # fmt: skip
        if came < n:
            why = _stuck(n, came, taken.value) if stalls == NO_STALLS else _lost(n, came, taken.value)
            raise ToolError(f"[vendor rtl] {self.design.top}: {why}")
        return out, begun, ended


def _stuck(samples: int, came: int, taken: int) -> str:
    if taken < samples:
        return (
            f"it took {taken} of {samples} samples and gave {came} results, then nothing moved for {PATIENCE} clocks; "
            "a stream may be too shallow, or the design waits for another handshake"
        )
    if came == 0:
        return f"it took all {samples} samples and gave no result in {PATIENCE} clocks"
    kept = samples - came
    return (
        f"the last {kept} of {samples} results never come out: its pipeline moves on only when a new sample comes in "
        "(Vivado HLS 2019.1 writes such; PIPELINE style flp flushes). On a board too they come with later samples "
        f"alone. Send {kept} dummy samples behind the last one: dummies={kept}, verify's --dummies {kept}"
    )


def _lost(samples: int, came: int, taken: int) -> str:
    return (
        f"with stalls it took {taken} of {samples} samples and gave {came} results, then nothing moved for {PATIENCE} "
        "clocks: it loses what its sink is not ready for, or stops for good"
    )


def compile_vendor_rtl(
    folder: str | Path, fixed: FixedModel, packed: bool = True, stand_ins: Sequence[Path] = ()
) -> VendorRtl:
    """The Verilog that HLS wrote for `fixed`, built with Verilator.

    folder: with the .v and .dat files, or above it (a solution, an exported IP). packed: where a stream has words of 32
    bits, whether as many codes share one as fit. stand_ins: Verilog for modules that only the vendor's simulator has,
    other than the exponential and the widening of a float.

    Raises ConfigError where files are missing or the ports do not fit the network, ToolError with the tools' words.
    """
    design = find_design(folder)
    ends = fixed.input_shape, fixed.input_type, fixed.outputs, fixed.output_type
    return compile_design(design, *ends, packed, stand_ins)


def compile_design(
    design: Design,
    input_shape: tuple[int, ...],
    input_type: FixedPoint,
    outputs: int,
    output_type: FixedPoint,
    packed: bool = True,
    stand_ins: Sequence[Path] = (),
) -> VendorRtl:
    """The same for a design whose network is known by its ends alone."""
    size = int(np.prod(input_shape))
    values = interface(design, size, input_type, outputs, output_type, packed)
    harness = render("rtl/simulate_vendor.cpp.j2", values)
    with tempfile.TemporaryDirectory() as temporary:  # what is loaded stays; tables are read where they are
        simulate = _built(design, stand_ins, Path(temporary), harness)
    return VendorRtl(design, input_shape, input_type, outputs, output_type, simulate)


def _built(design: Design, stand_ins: Sequence[Path], folder: Path, harness: str) -> Any:
    verilog = folder.resolve() / "verilog"
    verilog.mkdir()
    texts = {path.name: path.read_text("utf-8", "replace") for path in (*design.sources, *stand_ins)}
    texts = {name: text for name, text in texts.items() if "deadlock" not in name}  # of a detector; see below
    for name, text in {**float_cores("\n".join(texts.values())), **texts}.items():
        # Tables are found wherever the simulation runs.
        text = TABLE.sub(lambda m: m.group(0).replace(m.group(1), str((design.folder / m.group(1)).resolve())), text)
        # The vendor's simulator alone can read the detector of deadlocks.
        text = INCLUDE.sub(lambda m: "" if "deadlock" in m.group(1) else m.group(0), text)
        (verilog / name).write_text(text, encoding="utf-8")
    sources = sorted(verilog.iterdir())
    options = ["-Wno-lint", "-Wno-MULTIDRIVEN", *UNDEFINED, f"-I{verilog}", f"-I{design.folder.resolve()}"]
    try:
        library = build(design.top, sources, harness, folder, options)
    except ToolError as error:
        missing = NO_SUCH_MODULE.findall(str(error))
        if missing:
            raise ConfigError(
                f"[vendor rtl] {design.folder} must hold every module; no file has {', '.join(sorted(set(missing)))}. "
                "Copy the missing .v, or give a stand-in for a vendor's core"
            ) from error
        raise
    simulate = ctypes.CDLL(str(library)).simulate
    pointer, long = ctypes.c_void_p, ctypes.c_int64
    simulate.restype = long
    seed, stall = ctypes.c_uint64, ctypes.c_int
    simulate.argtypes = (long, pointer, pointer, seed, stall, stall, long, pointer, pointer, pointer)
    return simulate


def float_cores(text: str) -> dict[str, str]:
    """Stand-ins for the cores that are used, as HLS names them: ..._fexp_32ns_32ns_32_STAGES_..._ip."""
    found = {}
    for match in FLOAT_CORE.finditer(text):
        name, function, stages = match[1], match[2].split("_")[0], match[3]
        if not re.search(rf"\bmodule\s+{name}\b", text):
            values = {"module": name, "function": function, "bits": 32 if function == "fexp" else 64}
            latency = max(int(stages) - 2, 0)  # a register before the core, and the one that HLS counts behind it
            found[f"{name}.v"] = render("rtl/vendor_float.v.j2", {**values, "latency": latency})
    return found
