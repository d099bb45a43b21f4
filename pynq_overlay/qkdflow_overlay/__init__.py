"""Run a network exported by qkdflow on a board, through the manifest that came with it."""

from qkdflow_overlay.classifier import Classifier, Device
from qkdflow_overlay.codec import Codec
from qkdflow_overlay.comblock import ComBlock, FifoStatus
from qkdflow_overlay.errors import DeviceError, DeviceTimeout, ManifestError
from qkdflow_overlay.manifest import FixedType, Manifest, Port, Transport, load_manifest

__all__ = [
    "Classifier",
    "Codec",
    "ComBlock",
    "Device",
    "DeviceError",
    "DeviceTimeout",
    "FifoStatus",
    "FixedType",
    "Manifest",
    "ManifestError",
    "Port",
    "Transport",
    "load_manifest",
]
