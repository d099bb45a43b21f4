"""The hand-over to a board: a manifest, the driver, encoded test vectors, and how to run them.

Nothing in it depends on a board: the manifest (docs/manifest.md) says what words the network takes and gives.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import qkdflow_overlay
from numpy.typing import NDArray
from qkdflow_overlay import Manifest, ManifestError
from qkdflow_overlay.comblock import REGISTERS
from qkdflow_overlay.manifest import FORMAT, parse_manifest

from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError, DataError
from qkdflow.files import read_json, read_npz, write_atomic, write_json, write_npz
from qkdflow.fixed import Codes, FixedModel

FIFO_DEPTH = 1024  # words; one block RAM of 36 Kb a FIFO


class Part(Protocol):
    @property
    def x(self) -> NDArray[Any]: ...
    @property
    def y(self) -> NDArray[Any]: ...


class Labelled(Protocol):
    """What is asked of a dataset: a test part of raw inputs x (n, *shape) and labels y (n,)."""

    @property
    def test(self) -> Part: ...


class Vectors(NamedTuple):
    """Test vectors: input codes (n, *shape), the logit codes (n, outputs) they must give, labels (n,)."""

    inputs: Codes
    logits: Codes
    labels: Codes


@dataclass(frozen=True)
class Overlay:
    """A hand-over on disk."""

    directory: Path
    manifest: Manifest
    samples: int

    @property
    def vectors(self) -> Vectors:
        arrays = read_npz(self.directory / "vectors.npz")
        try:
            return Vectors(*(arrays[key].astype(np.int64) for key in ("input_codes", "logit_codes", "labels")))
        except KeyError as error:
            raise DataError(f"[{self.directory / 'vectors.npz'}] an array {error} is required") from None

    @classmethod
    def load(cls, directory: str | Path) -> Overlay:
        """A hand-over that `build_overlay` wrote. Raises DataError."""
        path = Path(directory) / "manifest.json"
        data = read_json(path)
        try:
            return cls(Path(directory), parse_manifest(data), int(data["vectors"]["samples"]))
        except (ManifestError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"[{path}] a manifest of qkdflow is required; got: {error}") from error


def build_overlay(
    fixed: FixedModel,
    dataset: Labelled,
    directory: str | Path,
    samples: int | None = None,
    result: str = "fifo",
) -> Overlay:
    """Write the hand-over of a frozen network; same network and dataset, same bytes.

    samples: vectors to ship, from the first of the test part on (None: all of it). result: "fifo" or
    "register", where the processor reads the logits. Raises ConfigError where the network does not fit.
    """
    directory = Path(directory)
    inputs = fixed.input_type.encode(dataset.test.x[:samples])
    labels = np.asarray(dataset.test.y[:samples], dtype=np.int64)
    if len(labels) == 0 or len(inputs) != len(labels):
        raise ConfigError(f"[overlay] test samples with a label each are required; got {len(labels)}")
    description = _manifest(fixed, len(labels), result)
    try:
        manifest = parse_manifest(description)
    except ManifestError as error:
        raise ConfigError(f"[overlay] {error}") from error
    vectors = {"input_codes": inputs, "logit_codes": fixed.run(inputs), "labels": labels}
    write_npz(directory / "vectors.npz", {key: _narrow(codes) for key, codes in vectors.items()})
    _copy_driver(directory / "driver" / "qkdflow_overlay")
    write_atomic(directory / "README.md", _readme(manifest, len(labels)))
    write_json(directory / "manifest.json", description)
    return Overlay(directory, manifest, len(labels))


def _manifest(fixed: FixedModel, samples: int, result: str) -> dict[str, Any]:
    transport: dict[str, Any] = {
        "kind": "comblock",
        "registers": REGISTERS,
        "ofifo_depth": FIFO_DEPTH,
        "ififo_depth": FIFO_DEPTH,
        "reset": "OREG0",
        "result": result,
    }
    if result == "register":
        transport |= {"output": "IREG1", "count": "IREG0"}
    return {
        "format": FORMAT,
        "name": fixed.name,
        "input": _port(fixed.input_shape, fixed.input_type),
        "output": _port((fixed.outputs,), fixed.output_type),
        "class_names": list(fixed.class_names),
        "transport": transport,
        "vectors": {"file": "vectors.npz", "samples": samples},
        "model": {
            "digest": fixed.digest,
            "parameters": fixed.parameters,
            "nonzero": fixed.nonzero,
            "bits": fixed.bits,
            "sparsity": fixed.sparsity,
        },
        "versions": {"qkdflow": version("qkdflow"), "numpy": np.__version__},
    }


def _port(shape: tuple[int, ...], kind: FixedPoint) -> dict[str, Any]:
    return {"shape": list(shape), "type": kind.to_dict(), "code_bits": 32 if kind.bits <= 32 else 64}


def _narrow(codes: Codes) -> NDArray[Any]:
    """The same integers in the smallest signed type that holds them."""
    low, high = int(codes.min()), int(codes.max())
    for dtype in (np.int8, np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return codes.astype(dtype)
    return codes


def _copy_driver(target: Path) -> None:
    """The driver's sources, as they are installed here."""
    shutil.rmtree(target, ignore_errors=True)
    for source in sorted(Path(qkdflow_overlay.__file__).parent.glob("*.py")):
        write_atomic(target / source.name, source.read_bytes())


def _readme(manifest: Manifest, samples: int) -> str:
    return f"""# {manifest.name}: hand-over

`manifest.json` says what the network takes and gives; `driver/` runs it (NumPy alone, Python 3.8 or newer);
`vectors.npz` holds {samples} encoded test samples (`input_codes`), the logits they must give (`logit_codes`)
and their labels.

A sample is {manifest.input.words} words of 32 bits, a result {manifest.output.words}.

On the board, with a block design that holds a ComBlock `comblock_0` and the network behind it:

    export PYTHONPATH=$PWD/driver
    python3

    >>> import numpy, pynq
    >>> from qkdflow_overlay import Classifier, ComBlock, load_manifest
    >>> manifest = load_manifest("manifest.json")
    >>> board = pynq.Overlay("design.bit").comblock_0
    >>> classifier = Classifier(ComBlock(board, manifest.transport), manifest)
    >>> vectors = numpy.load("vectors.npz")
    >>> wrong = classifier.run(vectors["input_codes"]) != vectors["logit_codes"]
    >>> int(wrong.sum())  # 0 on a board that works

Without a board, where qkdflow is installed and the hls4ml project is at hand:

    >>> from qkdflow.assess import assess
    >>> from qkdflow.export.hls import HlsProject
    >>> from qkdflow.hardware.simulated import simulated_device
    >>> assess(".", simulated_device(".", HlsProject.load("PROJECT")))
"""
