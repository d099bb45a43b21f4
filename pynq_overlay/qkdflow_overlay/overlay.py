"""The board through PYNQ: a bitstream and a manifest become a classifier. Imports pynq, so it is imported last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pynq
from pynq import DefaultHierarchy, DefaultIP

from qkdflow_overlay import comblock, design
from qkdflow_overlay.classifier import Benchmark, Classifier
from qkdflow_overlay.codec import Array
from qkdflow_overlay.connect import connect
from qkdflow_overlay.manifest import Manifest, load_manifest


class ComBlockIP(DefaultIP):  # type: ignore[misc]
    """PYNQ's driver of a ComBlock: read, write and mmio as of any IP, and `comblock`, the register driver."""

    bindto = [f"{comblock.VLNV}:{version}" for version in ("1.0", "2.0", "2.1")]  # noqa: RUF012 - PYNQ's own way

    def __init__(self, description: Any) -> None:
        super().__init__(description=description)
        self.comblock = comblock.ComBlock(self.mmio, description["fullpath"])


class DmaHierarchy(DefaultHierarchy):  # type: ignore[misc]
    """What PYNQ gives for a hierarchy of a DMA and a network: `dma` and `network`, whatever their names are."""

    @staticmethod
    def checkhierarchy(description: Any) -> bool:
        types = [ip.get("type", "") for ip in description["ip"].values()]
        return any(design.DMA in t for t in types) and any(design.HLS in t for t in types)

    @property
    def dma(self) -> Any:
        return self._of(design.DMA)

    @property
    def network(self) -> Any:
        return self._of(design.HLS)

    def _of(self, vlnv: str) -> Any:
        names = [name for name, ip in self.description["ip"].items() if vlnv in ip.get("type", "")]
        return getattr(self, names[0])


class ClassifierOverlay(pynq.Overlay):  # type: ignore[misc]
    """A `pynq.Overlay` that classifies; its other attributes are PYNQ's: `axi_dma_0`, `ip_dict`, `register_map`.

    bitfile: a .bit with its .hwh beside it, or an .xsa. manifest: its path, or the manifest itself; None where
    manifest.json lies beside the bitfile. What carries the words is chosen from the design's metadata and must
    be what the manifest says. timeout_s: how long nothing may move. Other arguments are pynq.Overlay's.
    """

    def __init__(
        self,
        bitfile: str | Path,
        manifest: str | Path | Manifest | None = None,
        timeout_s: float = 5.0,
        **options: Any,
    ) -> None:
        if manifest is None:
            manifest = Path(bitfile).with_name("manifest.json")
        if not isinstance(manifest, Manifest):
            manifest = load_manifest(manifest)
        found = design.read_design(bitfile)
        found.check(manifest.transport)
        super().__init__(str(bitfile), **options)
        target = self.device

        def registers(cell: str) -> Any:
            entry = self.ip_dict[cell]
            return pynq.MMIO(entry["phys_addr"], entry["addr_range"], device=target)

        def allocate(shape: tuple[int, ...], dtype: Any) -> Any:
            return pynq.allocate(shape, dtype, target=target)

        self.manifest = manifest
        self.classifier = Classifier(connect(found, manifest, registers, allocate, timeout_s), manifest)

    def predict(self, x: Array) -> Array:
        """Logits, float64 (n, outputs), of raw inputs (n, *shape)."""
        return self.classifier.predict(x)

    def predict_proba(self, x: Array) -> Array:
        """Probabilities, float64 (n, outputs)."""
        return self.classifier.predict_proba(x)

    def benchmark(self, x: Array, repeats: int = 5, singles: int = 100) -> Benchmark:
        """Inferences/s, latency percentiles, the driver's share of the time."""
        return self.classifier.benchmark(x, repeats, singles)

    def self_test(self, vectors: str | Path | None = None) -> int:
        """Plays the vectors that build_overlay shipped; SelfTestError names the first sample and class that differ."""
        return self.classifier.self_test(vectors)
