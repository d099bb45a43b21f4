"""Run a network exported by qkdflow on a board, through the manifest that came with it."""

from __future__ import annotations

from typing import Any

from qkdflow_overlay.algorithm1 import Algorithm1
from qkdflow_overlay.axi_lite import AxiLite
from qkdflow_overlay.classifier import Benchmark, Classifier
from qkdflow_overlay.codec import Codec
from qkdflow_overlay.comblock import ComBlock, FifoStatus
from qkdflow_overlay.connect import connect
from qkdflow_overlay.control import ApCtrl
from qkdflow_overlay.design import Design, read_design
from qkdflow_overlay.device import Device
from qkdflow_overlay.errors import DeviceError, DeviceTimeout, ManifestError, SelfTestError
from qkdflow_overlay.manifest import FixedType, Manifest, Port, load_manifest
from qkdflow_overlay.stream import DmaStream
from qkdflow_overlay.transports import ComBlockTransport, DmaTransport, LiteTransport, Transport

__all__ = [
    "Algorithm1",
    "ApCtrl",
    "AxiLite",
    "Benchmark",
    "Classifier",
    "ClassifierOverlay",
    "Codec",
    "ComBlock",
    "ComBlockTransport",
    "Design",
    "Device",
    "DeviceError",
    "DeviceTimeout",
    "DmaStream",
    "DmaTransport",
    "FifoStatus",
    "FixedType",
    "LiteTransport",
    "Manifest",
    "ManifestError",
    "Port",
    "SelfTestError",
    "Transport",
    "connect",
    "load_manifest",
    "read_design",
]


def __getattr__(name: str) -> Any:
    """`ClassifierOverlay` brings pynq, which only a board has: it is imported when it is asked for."""
    if name == "ClassifierOverlay":
        from qkdflow_overlay.overlay import ClassifierOverlay

        return ClassifierOverlay
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
