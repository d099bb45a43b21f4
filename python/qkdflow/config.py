"""Settings of a run, checked when they are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import Any

from qkdflow.errors import ConfigError
from qkdflow.export.hls import HlsConfig
from qkdflow.fixed import FixedModel
from qkdflow.hardware.boards import find_part
from qkdflow.hardware.estimator import Estimate, Target, estimate_for
from qkdflow.hardware.estimator.constraints import Constraints
from qkdflow.overlay import TRANSPORTS


@dataclass(frozen=True)
class Budget:
    """How much work a run may do. Trials and epochs of both searches, epochs of both final trainings."""

    samples: int  # of a simulated data set; a file is used whole
    teacher_trials: int
    teacher_trial_epochs: int
    teacher_epochs: int
    student_trials: int
    student_trial_epochs: int
    student_epochs: int
    student_restarts: int  # final students trained from different keys; validation picks one
    baseline_epochs: int


BUDGETS = {
    "quick": Budget(
        samples=12_000,
        teacher_trials=8,
        teacher_trial_epochs=8,
        teacher_epochs=30,
        student_trials=16,
        student_trial_epochs=16,
        student_epochs=60,
        student_restarts=3,
        baseline_epochs=60,
    ),
    "paper": Budget(
        samples=140_000,
        teacher_trials=40,
        teacher_trial_epochs=16,
        teacher_epochs=64,
        student_trials=40,
        student_trial_epochs=32,
        student_epochs=128,
        student_restarts=3,
        baseline_epochs=30,
    ),
}

# What `run NAME` means beside the defaults: the letter's student for its 1D-MLP has 529 parameters.
PRESETS: dict[str, dict[str, Any]] = {"psd": {"max_parameters": 529}}


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides what a run computes: same configuration, same results, timings aside."""

    data: str  # the name of a simulator (psd), or a CSV file
    label: str = "class"  # the CSV's label column
    seed: int = 0
    budget: str = "quick"
    bits: int = 8  # of the student's weights and activations
    sparsity: float = 0.2  # least share of zero kernel integers
    max_parameters: int | None = None  # of the student, zeros included
    teacher: str | None = None  # a saved model to use instead of a search
    jobs: int = 1  # trials of the searches at once; another number is another search
    transport: str | None = None  # what carries the words on the board: comblock, axi_dma or axi_lite
    hls: HlsConfig = HlsConfig()  # noqa: RUF009 - a frozen value
    digits: int | None = None  # signed digits that a weight of the student may have; with 2, no product needs a DSP
    constraints: dict[str, Any] = field(default_factory=dict)  # what the student may need of a part, estimated
    cost: str | None = None  # what the student should need little of

    def __post_init__(self) -> None:
        if self.budget not in BUDGETS:
            raise ConfigError(f"[--budget] must be {' or '.join(BUDGETS)}; got {self.budget!r}")
        if not 2 <= self.bits <= 16:
            raise ConfigError(f"[--bits] must be 2 to 16; got {self.bits}")
        if not 0 <= self.sparsity < 1:
            raise ConfigError(f"[--sparsity] must be at least 0 and below 1; got {self.sparsity}")
        if self.max_parameters is not None and self.max_parameters < 1:
            raise ConfigError(f"[--max-parameters] must be at least 1; got {self.max_parameters}")
        if self.digits is not None and self.digits < 1:
            raise ConfigError(f"[--digits] must be at least 1; got {self.digits}")
        Constraints.of(self.constraints, self.cost)
        find_part(self.constraints.get("part") or self.hls.device.name)
        if not 1 <= self.jobs <= 1024:
            raise ConfigError(f"[--jobs] must be 1 to 1024; got {self.jobs}")
        if self.transport not in (None, *TRANSPORTS):
            raise ConfigError(f"[--transport] must be one of {', '.join(TRANSPORTS)}; got {self.transport!r}")
        if not 0 <= self.seed < 2**64:
            raise ConfigError(f"[--seed] must be 0 to 2^64 - 1; got {self.seed}")
        if self.is_preset or "." in self.data or "/" in self.data:
            return
        near = get_close_matches(self.data, PRESETS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise ConfigError(f"[run] must be one of {', '.join(PRESETS)}, or --data FILE.csv; got {self.data!r}.{hint}")

    @property
    def is_preset(self) -> bool:
        return self.data in PRESETS

    @property
    def limited(self) -> Constraints | None:
        """What the search may need of a part and should need little of; None where neither was asked for."""
        return Constraints.of(self.constraints, self.cost) if self.constraints or self.cost else None

    def estimate(self, fixed: FixedModel) -> Estimate:
        """What a frozen student needs of the constraints' part, built as the hls4ml project is."""
        hls = self.hls
        part = self.constraints.get("part") or hls.device.name
        strategy = hls.strategy if isinstance(hls.strategy, str) else "Latency"  # what layers not named have
        target = Target.of(part, clock_ns=hls.clock_ns, strategy=strategy, io=hls.io_type)
        return estimate_for(fixed, target, hls.reuse_factor)

    @property
    def work(self) -> Budget:
        return BUDGETS[self.budget]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and for comparing two runs."""
        return asdict(self)
