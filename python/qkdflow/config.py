"""Settings of a run, checked when they are made. `settings.py` reads them from files, flags and --set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any

from qkdflow.applications import APPLICATIONS, application
from qkdflow.datasets import SIMULATORS
from qkdflow.errors import ConfigError, did_you_mean
from qkdflow.export.hls import HlsConfig
from qkdflow.fixed import FixedModel
from qkdflow.hardware.boards import find_part
from qkdflow.hardware.estimator import Estimate, Target, estimate_for
from qkdflow.hardware.estimator.constraints import Constraints
from qkdflow.hardware.estimator.target import STRATEGIES as ESTIMATED
from qkdflow.hypermodels import STUDENTS, TEACHERS, check_network
from qkdflow.models.training import Augmentation
from qkdflow.overlay import TRANSPORTS


@dataclass(frozen=True)
class Budget:
    """How much work a run may do. Trials and epochs of both searches, epochs of both final trainings."""

    samples: Annotated[int, "of a simulated data set; a file is used whole"] = 12_000
    pretext_samples: Annotated[int, "images of textures that a teacher of the zoo learns first; 0: none"] = 0
    pretext_epochs: Annotated[int, "of that"] = 4
    teacher_trials: Annotated[int, "of the teacher search"] = 8
    teacher_trial_epochs: Annotated[int, "of each of them"] = 8
    teacher_epochs: Annotated[int, "of the teacher"] = 30
    student_trials: Annotated[int, "of the student search"] = 16
    student_trial_epochs: Annotated[int, "of each of them"] = 16
    student_epochs: Annotated[int, "of the student"] = 60
    student_restarts: Annotated[int, "final students trained from different keys; validation picks one"] = 3
    baseline_epochs: Annotated[int, "of the linear classifier"] = 60
    train_rows: Annotated[int, "at most so many rows to train on, and of validation in proportion; 0: all"] = 0
    least_steps: Annotated[int, "of a final training: a thousand pulses need more epochs than ten thousand"] = 4000


BUDGETS = {
    "quick": Budget(),
    "paper": Budget(
        samples=140_000,
        teacher_trials=40,
        teacher_trial_epochs=16,
        teacher_epochs=64,
        student_trials=40,
        student_trial_epochs=32,
        student_epochs=128,
        baseline_epochs=30,
    ),
}

# Settings that are tables of settings.
TABLES: dict[str, type[Any]] = {"hls": HlsConfig, "augmentation": Augmentation}


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides what a run computes: same configuration, same results, timings aside."""

    data: Annotated[str, "the name of a simulator, or a file or folder"] = ""
    label: Annotated[str, "the label column of a CSV file"] = "class"
    seed: Annotated[int, "of everything that is drawn"] = 0
    budget: Annotated[str, "how much work: quick or paper"] = "quick"
    bits: Annotated[
        int | tuple[int, int], "of the student's weights and activations; [4, 10]: the search chooses each layer's"
    ] = 8
    sparsity: Annotated[float, "least share of zero kernel integers"] = 0.2
    max_parameters: Annotated[int | None, "of the student, zeros included"] = None
    teacher: Annotated[str | None, "a saved model to use instead of a search"] = None
    jobs: Annotated[int, "trials of the searches at once; another number is another search"] = 1
    transport: Annotated[str | None, "what carries the words on the board: comblock, axi_dma or axi_lite"] = None
    hls: Annotated[HlsConfig, "the hls4ml project"] = HlsConfig()  # noqa: RUF009 - a frozen value
    digits: Annotated[int | None, "signed digits that a weight of the student may have; 2: no product needs a DSP"] = (
        None
    )
    constraints: Annotated[
        dict[str, Any], "what the student may need of a part, estimated: lut = 0.6, dsp = 0, ..."
    ] = field(default_factory=dict)
    cost: Annotated[str | None, "what the student should need little of: lut, ff, dsp, bram, latency_clk or ii"] = None
    application: Annotated[str | None, "whose budgets are meant"] = None
    image_size: Annotated[tuple[int, int] | None, "height and width that images of a folder are resized to"] = None
    teacher_network: Annotated[
        dict[str, Any], "what teachers a search builds: kind (mlp, cnn or zoo) and its options"
    ] = field(default_factory=dict)
    student_network: Annotated[
        dict[str, Any], "what students a search builds: kind (mlp, cnn or resnet) and its options"
    ] = field(default_factory=dict)
    augmentation: Annotated[
        Augmentation, "of images in every step: flip mirrors every other, crop cuts all out of a frame of so many zeros"
    ] = Augmentation()  # noqa: RUF009 - a frozen value
    effort: Annotated[dict[str, int], "what differs from the budget"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, kind in TABLES.items():  # a file has mappings
            if isinstance(table := getattr(self, name), Mapping):
                object.__setattr__(self, name, kind(**table))
            elif not isinstance(table, kind):
                raise ConfigError(f"[{name}] must be a table or {kind.__name__}; got {table!r}")
        if self.budget not in BUDGETS:
            raise ConfigError(f"[--budget] must be {' or '.join(BUDGETS)}; got {self.budget!r}")
        self._check_bits()
        if not 0 <= self.sparsity < 1:
            raise ConfigError(f"[--sparsity] must be at least 0 and below 1; got {self.sparsity}")
        if self.max_parameters is not None and self.max_parameters < 1:
            raise ConfigError(f"[--max-parameters] must be at least 1; got {self.max_parameters}")
        if self.digits is not None and self.digits < 1:
            raise ConfigError(f"[--digits] must be at least 1; got {self.digits}")
        if self.limited is not None:
            self._check_estimated()
        if not 1 <= self.jobs <= 1024:
            raise ConfigError(f"[--jobs] must be 1 to 1024; got {self.jobs}")
        if self.transport not in (None, *TRANSPORTS):
            raise ConfigError(f"[--transport] must be one of {', '.join(TRANSPORTS)}; got {self.transport!r}")
        if not 0 <= self.seed < 2**64:
            raise ConfigError(f"[--seed] must be 0 to 2^64 - 1; got {self.seed}")
        if self.image_size is not None:
            object.__setattr__(self, "image_size", tuple(self.image_size))
            if len(self.image_size) != 2 or min(self.image_size) < 1:
                raise ConfigError(f"[--image-size] must be height and width in pixels; got {self.image_size}")
        check_network("teacher_network", self.teacher_network, TEACHERS)
        check_network("student_network", self.student_network, STUDENTS)
        _check_effort(self.effort)
        if self.application is not None:
            application(self.application)
        self._check_data()

    def _check_bits(self) -> None:
        if not isinstance(self.bits, int):
            object.__setattr__(self, "bits", tuple(self.bits))
        widths = (self.bits,) if isinstance(self.bits, int) else self.bits
        if len(widths) > 2 or list(widths) != sorted(widths) or not 2 <= widths[0] <= widths[-1] <= 16:
            raise ConfigError(f"[--bits] must be 2 to 16, or the least and the most of each layer; got {self.bits}")

    def _check_estimated(self) -> None:
        """ConfigError where constraints or a cost are asked of what the estimator does not know."""
        find_part(self.constraints.get("part") or self.hls.device.name)
        strategy = self.hls.strategy
        for asked in (strategy,) if isinstance(strategy, str) else strategy.values():
            if asked.lower() not in ESTIMATED:
                raise ConfigError(
                    f"[--strategy] must be Latency or Resource with constraints or a cost, which are estimated; "
                    f"got {asked!r}"
                )

    def _check_data(self) -> None:
        if "\0" in self.data or "\0" in (self.teacher or ""):
            raise ConfigError(f"[--data] and --teacher must be names of files; got {self.data!r} and {self.teacher!r}")
        if self.is_simulated or "." in self.data or "/" in self.data:
            return
        if not self.data:
            needed = APPLICATIONS[self.application].data if self.application else None
            raise ConfigError(f"[--data] {needed or 'a file, a folder or a simulator'} is required; got nothing")
        hint = did_you_mean(self.data, SIMULATORS) or ". A folder's name needs a slash: ./NAME"
        raise ConfigError(
            f"[data] must be one of {', '.join(SIMULATORS)}, or a file or folder; got {self.data!r}{hint}"
        )

    @property
    def is_simulated(self) -> bool:
        """Whether the data are drawn by a simulator of ours."""
        return self.data in SIMULATORS

    @property
    def pretrains(self) -> bool:
        """Whether teachers learn a task made here before the data: networks of the zoo, where the budget has one."""
        return self.teacher is None and self.teacher_network.get("kind") == "zoo" and self.work.pretext_samples > 0

    @property
    def limited(self) -> Constraints | None:
        """What the search may need of a part and should need little of; None where neither was asked for."""
        return Constraints.of(self.constraints, self.cost) if self.constraints or self.cost else None

    def estimate(self, fixed: FixedModel) -> Estimate:
        """What a frozen student needs of the constraints' part, built as the hls4ml project is."""
        hls = self.hls
        part = self.constraints.get("part") or hls.device.name
        every, named = (hls.strategy, {}) if isinstance(hls.strategy, str) else ("Latency", hls.strategy)
        target = Target.of(part, clock_ns=hls.clock_ns, strategy=every, io=hls.io_type)
        return estimate_for(fixed, target, hls.reuse_factor, strategies=named)

    @property
    def work(self) -> Budget:
        """The budget, as the application and then `effort` change it."""
        own = APPLICATIONS[self.application].effort.get(self.budget, {}) if self.application else {}
        return replace(BUDGETS[self.budget], **{**own, **self.effort})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON and for comparing two runs."""
        return asdict(self)


def _check_effort(effort: Mapping[str, Any]) -> None:
    known = [f.name for f in fields(Budget)]
    for name, value in effort.items():
        if name not in known:
            raise ConfigError(f"[effort] has {', '.join(known)}; got {name!r}{did_you_mean(name, known)}")
        least = 0 if name in ("train_rows", "least_steps", "pretext_samples") else 1
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(f"[effort] {name} must be a whole number from {least} on; got {value!r}")
