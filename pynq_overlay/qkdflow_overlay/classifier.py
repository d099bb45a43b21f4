"""The network on a device as a function of arrays: raw counts in, logits, classes or probabilities out."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qkdflow_overlay.codec import Array, Codec
from qkdflow_overlay.device import Device
from qkdflow_overlay.errors import ManifestError, SelfTestError
from qkdflow_overlay.manifest import Manifest


class Benchmark(NamedTuple):
    """inferences_per_s: whole batches, encoded and decoded. latency_us: of single samples, by percentile.
    driver_share: the part of a batch's time that Python took, transfers and waits left out."""

    samples: int
    inferences_per_s: float
    latency_us: dict[int, float]
    driver_share: float

    def __str__(self) -> str:
        latency = ", ".join(f"p{p} {us:.0f}" for p, us in self.latency_us.items())
        return (
            f"{self.inferences_per_s:.0f} inferences/s in batches of {self.samples}, "
            f"{100 * self.driver_share:.0f} % of the time in the driver; latency of one sample, microseconds: {latency}"
        )


class Classifier:
    """Runs samples through a device. The formats are the manifest's; a call after an error works as well."""

    def __init__(self, device: Device, manifest: Manifest) -> None:
        self.device = device
        self.manifest = manifest
        self.input = Codec(manifest.input)
        self.output = Codec(manifest.output)

    def run(self, codes: Array) -> Array:
        """Logit codes, int64 (n, outputs), of input codes (n, *shape). Raises DeviceTimeout, DeviceError."""
        return self.output.unpack(self.device.run(self.input.pack(codes)))

    def predict(self, x: Array) -> Array:
        """Logits, float64 (n, outputs), of raw inputs (n, *shape)."""
        return self.output.decode(self.run(self.input.encode(x)))

    def predict_proba(self, x: Array) -> Array:
        """Probabilities, float64 (n, outputs): the softmax of the logits, which the host computes."""
        logits = self.predict(x).reshape(len(x), self.manifest.output.size)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True)) if len(x) else logits
        return powers / powers.sum(axis=1, keepdims=True)

    def classify(self, x: Array) -> Array:
        """The index of the largest logit of each sample, int64 (n,)."""
        return np.argmax(self.run(self.input.encode(x)).reshape(len(x), self.manifest.output.size), axis=1)

    def self_test(self, vectors: str | Path | None = None) -> int:
        """Play the vectors that came with the manifest, or an NPZ of the same arrays; how many agreed: all.

        SelfTestError names the first sample and class that differ.
        """
        path = self.manifest.vectors if vectors is None else Path(vectors)
        inputs, expected = _vectors(path)
        got = self.run(inputs).reshape(expected.shape)
        wrong = got != expected
        if wrong.any():
            sample, output = (int(i) for i in np.argwhere(wrong)[0])
            samples, name = int(wrong.any(axis=1).sum()), self.manifest.class_names[output]
            raise SelfTestError(
                f"[self-test on {self.device.name}] sample {sample}, class {name} must give code "
                f"{expected[sample, output]}; got {got[sample, output]}; {int(wrong.sum())} of {wrong.size} logits in "
                f"{samples} of {len(got)} samples differ. Usual cause: the bitstream was built from another export, "
                "or timing is not met"
            )
        return len(inputs)

    def benchmark(self, x: Array, repeats: int = 5, singles: int = 100) -> Benchmark:
        """Throughput of x (n, *shape) as one batch, the fastest of `repeats`, and the latency of `singles` samples.

        Samples a second and microseconds. ManifestError without a sample.
        """
        if len(x) == 0:
            raise ManifestError("[benchmark] at least one sample is required; got none")
        self.predict(x)  # the first call pays for what no other does
        runs = [self._timed(x) for _ in range(repeats)]
        seconds, waited = min(runs)
        latencies = [self._timed(x[i % len(x)][None])[0] for i in range(singles)]
        percentiles = {p: float(1e6 * np.percentile(latencies, p)) for p in (50, 90, 99)}
        return Benchmark(len(x), len(x) / seconds, percentiles, max(0.0, 1 - waited / seconds))

    def _timed(self, x: Array) -> tuple[float, float]:
        start = time.perf_counter()
        self.predict(x)
        return time.perf_counter() - start, self.device.waited_s


def _vectors(path: Any) -> tuple[Array, Array]:
    if path is None:
        raise ManifestError("[self-test] vectors are required: read the manifest with load_manifest, or name an NPZ")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["input_codes"].astype(np.int64), arrays["logit_codes"].astype(np.int64)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ManifestError(f"[{path}] an NPZ with input_codes and logit_codes is required; {error}") from error
