"""The ladder's rungs. Each is held against the integers of the C++ emulator, but the emulator itself, which is held
against the NumPy reference. A new rung is a function and its line in RUNGS."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qkdflow import reference, rtl
from qkdflow._core import Key
from qkdflow.assess import assess
from qkdflow.errors import ConfigError
from qkdflow.export.csim import Csim, compile_csim, compiler_problem, load_csim
from qkdflow.export.hls import HlsConfig, write_hls
from qkdflow.fixed import FixedModel, FixedWeighted
from qkdflow.freeze import inexact_layers
from qkdflow.hardware.simulated import simulated_device
from qkdflow.models import Model
from qkdflow.verify.difference import Difference, Traced, locate, samples
from qkdflow.verify.subject import Subject

Real = NDArray[np.float64]
FOLDED = 8  # the reuse factor of Verilog made here: builds in seconds, and takes every folded path
STALLS = (0.5, 0.5)  # of the clocks, in which a vendor's design gets nothing, and in which no result is taken
STALLED = 0.25  # of the samples are simulated again with them, from random register contents


@dataclass(frozen=True)
class Outcome:
    """outputs: compared, of them `mismatches` differ. not_run: what is missing, in words; nothing was compared then.

    A rung that is not meant to be exact compares classes, and has no mismatches: `classes_differ` counts.
    """

    rung: str
    against: str
    outputs: int = 0
    mismatches: int = 0
    classes_differ: int | None = None
    note: str = ""
    not_run: str | None = None
    difference: Difference | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**vars(self), "difference": self.difference.to_dict() if self.difference else None}


class Missing(Exception):
    """What a rung needs and has not got, in words."""


class Rung(NamedTuple):
    name: str
    against: str
    run: Callable[[Subject], Outcome]


def run(rung: Rung, subject: Subject) -> Outcome:
    try:
        return replace(rung.run(subject), rung=rung.name, against=rung.against)
    except Missing as missing:
        return Outcome(rung.name, rung.against, not_run=str(missing))


def _float(subject: Subject) -> Outcome:
    return _classes(subject, _student(subject).logits(subject.x), "float32 training arithmetic")


def _fake(subject: Subject) -> Outcome:
    student = _student(subject)
    inexact = inexact_layers(student, subject.fixed)
    logits = student.exact_logits(subject.x)
    if inexact:
        what = f"not exact by design: {', '.join(inexact)} (slopes of 18 bits, tables)"
        return _classes(subject, logits, what)
    return _compared(subject, logits, lambda x: _trained(student, subject.fixed, x))


def _emulator(subject: Subject) -> Outcome:
    fixed = subject.fixed
    codes = fixed.input_type.encode(subject.x)
    want, got = reference.run(fixed, codes), fixed.run(codes)
    wrong = want != got
    places = samples(wrong)
    difference = locate(fixed, subject.x[places], places, fixed.trace(subject.x[places]), {}) if len(places) else None
    return Outcome("", "", wrong.size, int(wrong.sum()), note=subject.about, difference=difference)


def _csim(subject: Subject) -> Outcome:
    problem = compiler_problem(subject.project.config.backend if subject.project else None)
    if problem:
        raise Missing(problem)
    if subject.project is not None:
        csim, note = load_csim(subject.project), ""
        return _simulated(subject, csim, note)
    with tempfile.TemporaryDirectory() as directory:
        csim = compile_csim(write_hls(subject.fixed, Path(directory) / "project", HlsConfig()))
        return _simulated(subject, csim, "a Vitis project made for this")


def _simulated(subject: Subject, csim: Csim, note: str) -> Outcome:
    found = _compared(subject, csim.predict(subject.x), csim.trace, csim.types())
    config = csim.project.config
    return replace(found, note=note or f"{config.backend}, {config.io_type}, {config.strategy}")


def _rtl(subject: Subject) -> Outcome:
    """The vendor's Verilog where a folder of it was given, else ours: the directory's, or one made for this."""
    problem = rtl.verilator_problem()
    if problem:
        raise Missing(problem)
    if subject.vendor_rtl is not None:
        return _vendor_rtl(subject, rtl.compile_vendor_rtl(subject.vendor_rtl, subject.fixed, subject.packed))
    if subject.rtl is not None:
        return _verilog(subject, subject.rtl, "")
    with tempfile.TemporaryDirectory() as directory:
        try:
            factors = rtl.nearest_reuse_factors(subject.fixed, FOLDED)
            project = rtl.write_rtl(subject.fixed, Path(directory) / "rtl", rtl.RtlConfig(factors))
        except ConfigError as refusal:
            raise Missing(str(refusal)) from refusal
        return _verilog(subject, project, "made for this; ")


def _vendor_rtl(subject: Subject, vendor: rtl.VendorRtl) -> Outcome:
    some = subject.x[: math.ceil(STALLED * len(subject.x))]
    found = vendor.predict(subject.x, subject.dummies)
    again = vendor.predict(some, subject.dummies, STALLS, Key(0).fold("stalls"))
    changed = int(np.count_nonzero(again != found[: len(some)]))
    outcome, said = _compared(subject, found, lambda x: {}), (vendor.design.latency_clk, vendor.design.ii)
    note = f"{vendor.design.top}, {_clocks(vendor.measure())}"
    note += "" if None in said else f"; csynth says {said[0]} and {said[1]}"
    note += f"; {changed} of {again.size} outputs change with stalls and random registers"
    return replace(outcome, outputs=outcome.outputs + again.size, mismatches=outcome.mismatches + changed, note=note)


def _verilog(subject: Subject, project: rtl.RtlProject, note: str) -> Outcome:
    compiled = rtl.compile_rtl(project)
    if project.config.output == "argmax":
        wrong = compiled.classify(subject.x) != subject.fixed.predict(subject.x).argmax(axis=1)
        found = Outcome("", "", wrong.size, int(np.count_nonzero(wrong)))
    else:
        found = _compared(subject, compiled.predict(subject.x), lambda x: {})
    return replace(found, note=f"{note}{_clocks(compiled.measure())}")


def _clocks(measured: rtl.Measured) -> str:
    return f"{measured.latency_clk} clocks, one result every {measured.ii}, simulated"


def _overlay(subject: Subject) -> Outcome:
    if subject.overlay is None or subject.project is None:
        raise Missing("a run's hand-over is required (08_overlay, with 07_hls); `qkdflow run` writes both")
    vectors, fixed = subject.overlay.vectors, subject.fixed
    stale = fixed.run(vectors.inputs) != vectors.logits
    if stale.any():
        raise Missing(f"the hand-over must be of this network; {int(stale.sum())} of its logits are of another")
    found = assess(subject.overlay, simulated_device(subject.overlay.directory, subject.project), len(subject.x))
    note = found.device
    if found.first_mismatch is not None:
        note += f"; first at sample {found.first_mismatch}, between the network and the driver"
    return Outcome("", "", found.outputs_compared, found.mismatches, note=note)


RUNGS = (
    Rung("float", "emulator's classes", _float),
    Rung("fake", "emulator", _fake),
    Rung("emulator", "NumPy reference", _emulator),
    Rung("csim", "emulator", _csim),
    Rung("rtl", "emulator", _rtl),
    Rung("overlay", "emulator", _overlay),
)


def _student(subject: Subject) -> Model:
    if subject.student is None:
        raise Missing("the trained student is required; a run has it, and a folder that Model.save wrote")
    return subject.student


def _classes(subject: Subject, logits: NDArray[Any], note: str) -> Outcome:
    same = logits.argmax(axis=1) == subject.fixed.predict(subject.x).argmax(axis=1)
    return Outcome("", "", len(same), classes_differ=int(np.count_nonzero(~same)), note=note)


def _compared(
    subject: Subject, logits: Real, trace: Callable[[Real], Traced], types: Mapping[str, str] | None = None
) -> Outcome:
    wrong = subject.fixed.predict(subject.x) != logits
    places, difference = samples(wrong), None
    if len(places):
        traced = trace(subject.x[places])
        seen = traced or {subject.fixed.layers[-1].name: logits[places]}
        difference = locate(subject.fixed, subject.x[places], places, seen, types or {}, logits_alone=not traced)
    return Outcome("", "", wrong.size, int(wrong.sum()), difference=difference)


def _trained(student: Model, fixed: FixedModel, x: Real) -> dict[str, Real]:
    """The trained network's own results at the layers that it shares with the frozen one."""
    nodes = student.graph.trace(np.ascontiguousarray(x, dtype=np.float32).astype(np.float64))
    frozen = {layer.name: layer for layer in fixed.layers}
    found = {}
    for layer, stage in zip(student.layers, student.stages, strict=True):
        if not len(stage.nodes):
            continue
        if layer.name in frozen:
            weighted = isinstance(frozen[layer.name], FixedWeighted)
            found[layer.name] = nodes[stage.nodes[0 if weighted else -1]]
        if f"{layer.name}_activation" in frozen:
            found[f"{layer.name}_activation"] = nodes[stage.nodes[-1]]
    return found
