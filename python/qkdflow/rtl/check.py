"""A project against the emulator, bit for bit, and against its closed form, clock for clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qkdflow._core import Key
from qkdflow.errors import ConfigError
from qkdflow.fixed import Codes, FixedModel
from qkdflow.rtl.project import RtlProject
from qkdflow.rtl.simulation import Measured, compile_rtl

STALLED = 0.25  # of the samples are run again with stalls on both sides


@dataclass(frozen=True)
class Check:
    """outputs: compared, of them `mismatches` differ. claimed: the clocks that the closed form says."""

    top: str
    outputs: int
    mismatches: int
    measured: Measured
    claimed: Measured

    @property
    def passed(self) -> bool:
        """No output differs, and the clocks are those claimed."""
        return self.mismatches == 0 and self.measured == self.claimed

    def __str__(self) -> str:
        clocks = f"{self.measured.latency_clk} clocks, one result every {self.measured.ii} (simulated"
        if self.claimed == self.measured:
            clocks += "; the closed form says so too"
        else:
            clocks += f"; the closed form says {self.claimed.latency_clk} and {self.claimed.ii}"
        return f"{self.top}: {self.mismatches} of {self.outputs} outputs differ from the emulator; {clocks})"


def check_rtl(project: RtlProject, top: str = "core", samples: int = 10_000, key: Key | None = None) -> Check:
    """Random and extreme inputs, drawn from `key`, then some of them again with random stalls. Raises ToolError."""
    key, fixed, rtl = key or Key(0), project.fixed, compile_rtl(project, top)
    x = draw(fixed, samples, key)
    some = x[: max(1, int(STALLED * samples))]
    found = np.concatenate([rtl.run(x), rtl.run(some, (0.5, 0.5), key)])
    wanted = expected(project, np.concatenate([x, some]))
    return Check(top, found.size, int((found != wanted).sum()), rtl.measure(), rtl.closed_form)


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
