"""The assessment: a hand-over's test vectors through driver and device, against what they must give."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from qkdflow_overlay import Classifier, Device, DeviceError

from qkdflow.accuracy import confusion_matrix
from qkdflow.cards import card, facts, grid, verdict
from qkdflow.errors import DataError, ToolError
from qkdflow.files import read_json, write_json
from qkdflow.fitted import fitted
from qkdflow.fixed import Codes
from qkdflow.html import Child
from qkdflow.overlay import Overlay
from qkdflow.refusal import BROKEN

_SHOWN = 20  # classes of a confusion matrix in a notebook


@dataclass(frozen=True)
class Assessment:
    """What a device did with the test vectors.

    mismatches: logits, of outputs_compared, that differ from the expected ones; first_mismatch: the first
    sample with one. accuracy: share of samples whose largest logit is the label's. confusion: samples by
    (label, predicted class). seconds: wall time of the driver, transfers included; that of a simulation says
    nothing about hardware.
    """

    device: str
    samples: int
    outputs_compared: int
    mismatches: int
    first_mismatch: int | None
    accuracy: float
    confusion: tuple[tuple[int, ...], ...]
    class_names: tuple[str, ...]
    seconds: float
    expected_accuracy: float | None = None
    benchmark: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def save(self, directory: str | Path) -> None:
        """Writes assessment.json into `directory`. Raises ToolError."""
        write_json(Path(directory) / "assessment.json", self.to_dict())

    @classmethod
    def load(cls, directory: str | Path) -> Assessment:
        """Read what `save` wrote. Raises DataError."""
        path = Path(directory) / "assessment.json"
        data = read_json(path)
        try:
            hints = get_type_hints(cls)
            found = cls(**{name: fitted(value, hints[name], name) for name, value in data.items()})
            for value in (found.benchmark or {}).values():
                for number in value.values() if isinstance(value, dict) else (value,):
                    fitted(number, float, "benchmark")
            return found
        except BROKEN as error:
            raise DataError(f"[{path}] an assessment is required; got: {error}") from error

    def text(self) -> str:
        """A few lines for a terminal."""
        lines = [
            f"{self.device}: {self.samples} samples, {self.mismatches} of {self.outputs_compared} logits differ",
            f"accuracy {self.accuracy:.4f}",
        ]
        if self.expected_accuracy is not None:
            lines[1] += f"; the emulator's {self.expected_accuracy:.4f}"
        if self.first_mismatch is not None:
            lines.append(f"the first sample that differs: {self.first_mismatch}")
        for key, value in (self.benchmark or {}).items():
            pairs = ", ".join(f"p{p} {v:.0f}" for p, v in value.items()) if isinstance(value, dict) else f"{value:.4g}"
            lines.append(f"{key.replace('_', ' ')}: {pairs}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        agreed = f"{self.mismatches:,} of {self.outputs_compared:,} logits differ"
        pairs: dict[str, Child] = {
            "samples": f"{self.samples:,}",
            "against the emulator": verdict(agreed, self.mismatches == 0),
            "accuracy": f"{self.accuracy:.4f}",
            "the emulator's": None if self.expected_accuracy is None else f"{self.expected_accuracy:.4f}",
            "first sample that differs": self.first_mismatch,
        }
        rows = [(name, *map(str, row)) for name, row in zip(self.class_names, self.confusion, strict=True)]
        head = ("is \N{RIGHTWARDS ARROW} taken for", *self.class_names)
        confusion = grid(head, rows, numeric=range(1, len(head))) if len(rows) <= _SHOWN else None
        return card("Assessment", self.device, facts(pairs), confusion)


def assess(
    overlay: str | Path | Overlay,
    device: Device,
    samples: int | None = None,
    timeout_s: float | None = None,
    benchmark: bool = False,
) -> Assessment:
    """Run the first `samples` (None: all) test vectors of a hand-over on a device, in one batch.

    timeout_s: how long nothing may move, in place of the device's own. benchmark: measure throughput and
    latency too. Raises ToolError where the device fails or stalls, DataError on a damaged hand-over.
    """
    if not isinstance(overlay, Overlay):
        overlay = Overlay.load(overlay)
    inputs, expected, labels = (part[:samples] for part in overlay.vectors)
    if not len(labels) == len(inputs) == len(expected) > 0:
        raise DataError(f"[assess] as many inputs, logits and labels are required; {overlay.directory} differs")
    if timeout_s is not None:
        device.timeout_s = timeout_s
    classifier = Classifier(device, overlay.manifest)
    measured = None
    try:
        start = time.perf_counter()
        logits = classifier.run(inputs)
        seconds = time.perf_counter() - start
        if benchmark:
            measured = classifier.benchmark(classifier.input.decode(inputs))._asdict()
    except DeviceError as error:
        raise ToolError(f"[assess] {error}") from error
    return found(overlay, device.name, logits, seconds, measured)


def found(
    overlay: Overlay,
    device: str,
    logits: Codes,
    seconds: float,
    benchmark: dict[str, Any] | None = None,
    indices: Codes | None = None,
) -> Assessment:
    """The assessment of logit codes (n, outputs) that a device gave for the vectors of a hand-over: for those with
    these `indices`, or for the first n."""
    samples = np.arange(len(logits)) if indices is None else indices
    _, expected, labels = (part[samples] for part in overlay.vectors)
    wrong = logits != expected
    classes = len(overlay.manifest.class_names)
    predicted = logits.argmax(axis=1)
    confusion = confusion_matrix(labels, predicted, classes)
    return Assessment(
        device=device,
        samples=len(labels),
        outputs_compared=wrong.size,
        mismatches=int(np.count_nonzero(wrong)),
        first_mismatch=int(samples[wrong.any(axis=1)][0]) if wrong.any() else None,
        accuracy=float(np.mean(predicted == labels)),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        class_names=overlay.manifest.class_names,
        seconds=seconds,
        expected_accuracy=float(np.mean(expected.argmax(axis=1) == labels)),
        benchmark=benchmark,
    )
