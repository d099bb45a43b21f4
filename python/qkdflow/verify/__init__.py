"""The ladder of a run: every rung held against the one it must equal, and where two part, the layer and the cause."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qkdflow.errors import ConfigError
from qkdflow.verify.difference import Difference
from qkdflow.verify.rungs import RUNGS, Outcome, run
from qkdflow.verify.subject import load

__all__ = ["RUNGS", "Difference", "Outcome", "Verification", "verify"]


@dataclass(frozen=True)
class Verification:
    """What the rungs found. `about` says which samples were taken."""

    about: str
    outcomes: tuple[Outcome, ...]

    @property
    def mismatches(self) -> int:
        """Over all rungs."""
        return sum(outcome.mismatches for outcome in self.outcomes)

    @property
    def outputs(self) -> int:
        """Compared bit for bit."""
        return sum(outcome.outputs for outcome in self.outcomes if outcome.classes_differ is None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"about": self.about, "rungs": [outcome.to_dict() for outcome in self.outcomes]}

    def text(self) -> str:
        """A table, and a line for each difference."""
        rows = [("rung", "against", "compared", "mismatches", "")]
        for o in self.outcomes:
            counts = "-" if o.not_run else str(o.outputs), "-" if o.not_run else str(o.mismatches)
            note = f"not run: {o.not_run}" if o.not_run else o.note
            if o.classes_differ is not None:
                counts, note = (counts[0], "-"), f"{o.classes_differ} classes differ; {note}"
            rows.append((o.rung, o.against, *counts, note))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            "  ".join(
                (r[0].ljust(widths[0]), r[1].ljust(widths[1]), r[2].rjust(widths[2]), r[3].rjust(widths[3]), r[4])
            )
            for r in rows
        ]
        lines += [f"{o.rung}: {o.difference}" for o in self.outcomes if o.difference]
        return "\n".join([self.about, *(line.rstrip() for line in lines)])


def verify(
    directory: str | Path,
    rungs: tuple[str, ...] | None = None,
    samples: int | None = None,
    vendor_rtl: str | Path | None = None,
    packed: bool = True,
    dummies: int = 0,
) -> Verification:
    """Run the ladder of a run's directory, a saved student, a frozen network or an hls4ml project.

    rungs: the names of those wanted, all of RUNGS where None. samples: the first so many of the run's test part (all of
    it where None); without a data set, random ones. vendor_rtl: a folder of Verilog that Vitis or Vivado HLS wrote of
    this network, which the rung `rtl` then simulates; packed: whether as many codes share a word of its streams as fit
    (`run --transport comblock`: a word each); dummies: samples sent behind the last, for a pipeline that would keep its
    last results, which is an error without them. What a rung needs and has not got is said in its outcome. Raises
    ConfigError, DataError.
    """
    known = [rung.name for rung in RUNGS]
    unknown = [name for name in rungs or () if name not in known]
    if unknown:
        raise ConfigError(f"[verify] rungs must be some of {', '.join(known)}; got {', '.join(unknown)}")
    if vendor_rtl is not None and rungs is not None and "rtl" not in rungs:
        raise ConfigError(f"[--rtl] the rung rtl is required among the rungs; got {', '.join(rungs)}")
    subject = load(directory, samples)
    if vendor_rtl is not None:
        subject = replace(subject, vendor_rtl=Path(vendor_rtl), packed=packed, dummies=dummies)
    wanted = [rung for rung in RUNGS if rungs is None or rung.name in rungs]
    return Verification(subject.about, tuple(run(rung, subject) for rung in wanted))
