"""A project against the emulator, bit for bit, and against its closed form, clock for clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qkdflow._core import Key
from qkdflow.errors import ConfigError
from qkdflow.fixed import Codes, FixedModel
from qkdflow.rtl.project import RtlProject
from qkdflow.rtl.simulation import Measured, compile_rtl
from qkdflow.rtl.vendor import compile_vendor_rtl

STALLED = 0.25  # of the samples are run again with stalls on both sides


@dataclass(frozen=True)
class Check:
    """outputs: compared, of them `mismatches` differ. claimed: the clocks that `claim` says, which `must` be met."""

    top: str
    outputs: int
    mismatches: int
    measured: Measured
    claimed: Measured | None
    claim: str = "the closed form"
    must: bool = True

    @property
    def passed(self) -> bool:
        """No output differs and, where they must, the clocks are those claimed."""
        return self.mismatches == 0 and (not self.must or self.measured == self.claimed)

    def __str__(self) -> str:
        clocks = f"{self.measured.latency_clk} clocks, one result every {self.measured.ii} (simulated"
        if self.claimed == self.measured:
            clocks += f"; {self.claim} says so too"
        elif self.claimed:
            clocks += f"; {self.claim} says {self.claimed.latency_clk} and {self.claimed.ii}"
        return f"{self.top}: {self.mismatches} of {self.outputs} outputs differ from the emulator; {clocks})"


def check_rtl(project: RtlProject, top: str = "core", samples: int = 10_000, key: Key | None = None) -> Check:
    """Random and extreme inputs, drawn from `key`, then some of them again with random stalls. Raises ToolError."""
    key, fixed, rtl = key or Key(0), project.fixed, compile_rtl(project, top)
    x = draw(fixed, samples, key)
    some = x[: max(1, int(STALLED * samples))]
    found = np.concatenate([rtl.run(x), rtl.run(some, (0.5, 0.5), key)])
    wanted = expected(project, np.concatenate([x, some]))
    return Check(top, found.size, int((found != wanted).sum()), rtl.measure(), rtl.closed_form)


def check_vendor_rtl(
    folder: str | Path,
    fixed: FixedModel,
    samples: int = 10_000,
    key: Key | None = None,
    dummies: int = 0,
    packed: bool = True,
) -> Check:
    """Verilog that HLS wrote for `fixed` against the emulator, with its clocks beside those that HLS estimated."""
    rtl = compile_vendor_rtl(folder, fixed, packed)
    x = draw(fixed, samples, key or Key(0))
    found, wanted, said = rtl.run(x, dummies), fixed.run(x), (rtl.design.latency_clk, rtl.design.ii)
    claimed = Measured(said[0], said[1]) if said[0] is not None and said[1] is not None else None
    mismatches = int((found != wanted).sum())
    return Check(rtl.design.top, found.size, mismatches, rtl.measure(), claimed, "csynth", must=False)


def expected(project: RtlProject, codes: Codes) -> Codes:
    """Result codes (n, outputs) that the emulator says a project must give."""
    logits = project.fixed.run(codes)
    return logits if project.config.output == "logits" else logits.argmax(axis=1)[:, np.newaxis]


def draw(fixed: FixedModel, samples: int, key: Key) -> Codes:
    """Input codes (samples, *input_shape): three quarters uniform, a quarter of the smallest and largest code alone."""
    if samples < 1:
        raise ConfigError(f"[rtl] at least one sample is required; got {samples}")
    kind, shape = fixed.input_type, (samples, *fixed.input_shape)
    drawn = np.asarray(key.uniform(int(np.prod(shape)))).reshape(shape)
    span = kind.high_code - kind.low_code + 1
    uniform = kind.low_code + np.minimum(np.floor(drawn * span), span - 1).astype(np.int64)
    ends = np.where(drawn < 0.5, kind.low_code, kind.high_code)
    codes = np.where((np.arange(samples) % 4 == 3).reshape(-1, *(1,) * len(fixed.input_shape)), ends, uniform)
    return np.ascontiguousarray(codes, dtype=np.int64)
