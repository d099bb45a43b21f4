"""A project's Verilog, simulated clock by clock: its logits, its latency, its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qkdflow_overlay import Codec

from qkdflow._core import Key
from qkdflow.errors import ConfigError, DataError, ToolError
from qkdflow.fixed import Codes
from qkdflow.rtl.harness import NO_STALLS, Harness, Interface, build_harness
from qkdflow.rtl.project import RtlProject

TOPS = ("core", "stream")
FOLDER = "simulation"


class Measured(NamedTuple):
    """Clocks from a sample's first beat to its result's last, and from result to result."""

    latency_clk: int
    ii: int


@dataclass(frozen=True)
class Rtl:
    """A compiled project. top: core, MODULE, whose beats are whole samples and results; or stream, MODULE_stream, whose
    beats are words."""

    project: RtlProject
    top: str
    harness: Harness

    def predict(
        self, x: NDArray[Any], stalls: tuple[float, float] = NO_STALLS, key: Key | None = None
    ) -> NDArray[np.float64]:
        """Logits, float64 (n, outputs), of raw inputs (n, *input_shape); stalls and key as Harness.drive has them.

        Raises DataError; ConfigError where the project gives class numbers; ToolError where results stay out.
        """
        if self.project.config.output != "logits":
            raise ConfigError(f"[rtl] logits are required; the project's output is {self.project.config.output}")
        return self.project.fixed.output_type.decode(self.run(self._encode(x), stalls, key))

    def classify(self, x: NDArray[Any]) -> Codes:
        """Class numbers, int64 (n,): what the hardware says, or the largest logit's, the first of equals."""
        codes = self.run(self._encode(x))
        return codes[:, 0] if self.project.config.output == "argmax" else codes.argmax(axis=1)

    def run(self, codes: Codes, stalls: tuple[float, float] = NO_STALLS, key: Key | None = None) -> Codes:
        """Result codes, int64 (n, outputs), of input codes (n, *input_shape), as one packet. Raises ToolError."""
        (source, result), wanted = self.project.ports, len(codes) * self._beats[1]
        sent = np.ascontiguousarray(codes, dtype=np.int64).reshape(len(codes), source.size)
        if self.top == "stream":
            sent = Codec(source).pack(sent).astype(np.int64).reshape(-1, 1)
        last = np.zeros(len(sent), dtype=np.bool_)
        last[-1:] = True
        _, came = self.harness.drive(sent, last, wanted + 1, stalls, key)  # one more must not come
        if len(came.codes) < wanted:
            raise ToolError(
                f"[rtl] {len(codes)} results are required; after {len(came.codes) // self._beats[1]} of them nothing "
                f"moved for {self.harness.patience} clocks"
            )
        if len(came.codes) > wanted or np.flatnonzero(came.last).tolist() != [wanted - 1] * (wanted > 0):
            raise ToolError(
                f"[rtl] {wanted} beats and the packet's end with the last of them are required; got "
                f"{len(came.codes)} or more, and ends at {np.flatnonzero(came.last).tolist()}"
            )
        if self.top == "core":
            return came.codes
        return np.asarray(Codec(result).unpack(came.codes.astype(np.uint32)), dtype=np.int64)

    def measure(self, samples: int = 8) -> Measured:
        """Counted over `samples` of them without stalls. ToolError where results come at uneven intervals."""
        words_in, words_out = self._beats
        sent = np.zeros((samples * words_in, self.harness.interface.elements_in), dtype=np.int64)
        went, came = self.harness.drive(sent, np.zeros(len(sent), dtype=np.bool_), samples * words_out)
        ends = came.clock[words_out - 1 :: words_out]
        intervals = set(np.diff(ends[len(ends) // 2 :]).tolist())  # once the pipeline is full
        if len(ends) < samples or len(intervals) != 1:
            raise ToolError(f"[rtl] a steady interval between results is required; got {sorted(intervals)}")
        return Measured(int(ends[0] - went.clock[0]), intervals.pop())

    @property
    def latency_clk(self) -> int:
        """Measured."""
        return self.measure().latency_clk

    @property
    def ii(self) -> int:
        """Measured."""
        return self.measure().ii

    @property
    def closed_form(self) -> Measured:
        """What `measure` must give."""
        p = self.project
        return Measured(p.stream_latency_clk, p.stream_ii) if self.top == "stream" else Measured(p.latency_clk, p.ii)

    @property
    def _beats(self) -> tuple[int, int]:
        """Beats a sample and beats a result."""
        source, result = self.project.ports
        return (source.words, result.words) if self.top == "stream" else (1, 1)

    def _encode(self, x: NDArray[Any]) -> Codes:
        fixed = self.project.fixed
        rows = np.asarray(x, dtype=np.float64)
        if rows.ndim < 2 or rows.shape[1:] != fixed.input_shape:
            wanted = ", ".join(map(str, fixed.input_shape))
            raise DataError(f"[rtl] inputs of shape (n, {wanted}) are required; got {rows.shape}")
        return fixed.input_type.encode(rows)


def compile_rtl(project: RtlProject, top: str = "core", sources: Sequence[Path] = ()) -> Rtl:
    """Build the simulation of a project's core or of its streams, of its own Verilog or of other `sources` for it.

    Raises ToolError with the tools' words.
    """
    if top not in TOPS:
        raise ConfigError(f"[rtl] top must be one of {', '.join(TOPS)}; got {top!r}")
    interface = _stream(project) if top == "stream" else _core(project)
    patience = 20_000 + 4 * project.stream_latency_clk  # stalls of 255 in 256 clocks included
    return Rtl(project, top, build_harness(interface, sources or project.files, project.directory / FOLDER, patience))


def _core(project: RtlProject) -> Interface:
    first, last = project.stages[0], project.stages[-1]
    source, result = (first.n_in, first.input_type.bits), (last.n_out, last.output_type.bits)
    return Interface(project.config.module, *source, *result, last.output_type.is_signed)


def _stream(project: RtlProject) -> Interface:
    sides = (("in", "samples"), ("out", "results"))
    ports = {f"{side}_{what}": f"{name}_t{what}" for side, name in sides for what in ("valid", "ready", "last", "data")}
    return Interface(f"{project.config.module}_stream", 1, 32, 1, 32, False, "aclk", "aresetn", **ports)
