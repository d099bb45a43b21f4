"""The hand-over to a board: a manifest, the driver, encoded test vectors, and how to run them.

Nothing in it depends on a board: the manifest (docs/manifest.md) says what words the network takes and gives.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import qkdflow_overlay
from numpy.typing import NDArray
from qkdflow_overlay import ComBlockTransport, DmaTransport, LiteTransport, Manifest, ManifestError, Port, Transport
from qkdflow_overlay.comblock import REGISTERS
from qkdflow_overlay.manifest import CODE_BITS, FORMAT, FixedType, parse_manifest

from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError, DataError
from qkdflow.files import read_json, read_npz, write_atomic, write_json, write_npz
from qkdflow.fixed import Codes, FixedModel
from qkdflow.refusal import BROKEN

FIFO_DEPTH = 1024  # words; one block RAM of 36 Kb a FIFO
RUN_FOLDER = "08_overlay"  # in a run's directory
TRANSPORTS = ("comblock", "axi_dma", "axi_lite")


class Part(Protocol):
    @property
    def x(self) -> NDArray[Any]:
        """Raw inputs (n, *input_shape)."""

    @property
    def y(self) -> NDArray[Any]:
        """Labels (n,)."""


class Labelled(Protocol):
    """What is asked of a dataset: a test part of raw inputs x (n, *shape) and labels y (n,)."""

    @property
    def test(self) -> Part:
        """The samples that become test vectors."""


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
    def network(self) -> FixedModel:
        """The frozen network that the hardware carries."""
        return FixedModel.load(self.directory / "network")

    @property
    def vectors(self) -> Vectors:
        """The test vectors that were shipped. Raises DataError where the file is damaged."""
        arrays = read_npz(self.directory / "vectors.npz")
        try:
            return Vectors(*(arrays[key].astype(np.int64) for key in ("input_codes", "logit_codes", "labels")))
        except KeyError as error:
            raise DataError(f"[{self.directory / 'vectors.npz'}] an array {error} is required") from None
        except (ValueError, TypeError) as error:
            raise DataError(f"[{self.directory / 'vectors.npz'}] whole numbers are required; {error}") from error

    @classmethod
    def load(cls, directory: str | Path) -> Overlay:
        """A hand-over that `build_overlay` wrote, or that of a run. Raises DataError."""
        if not (Path(directory) / "manifest.json").exists() and (Path(directory) / RUN_FOLDER).is_dir():
            directory = Path(directory) / RUN_FOLDER
        path = Path(directory) / "manifest.json"
        data = read_json(path)
        try:
            return cls(Path(directory), parse_manifest(data), int(data["vectors"]["samples"]))
        except BROKEN as error:
            raise DataError(f"[{path}] a manifest of qkdflow is required; got: {error}") from error


def build_overlay(
    fixed: FixedModel,
    dataset: Labelled,
    directory: str | Path,
    samples: int | None = None,
    result: str = "fifo",
    transport: str = "comblock",
    control: str = "auto_restart",
    addresses: Mapping[str, int] | None = None,
) -> Overlay:
    """Write the hand-over of a frozen network; same network and dataset, same bytes.

    samples: vectors to ship, from the first of the test part on (None: all of it). transport: what carries the
    words, "comblock", "axi_dma" or "axi_lite". result: with a ComBlock, where the processor reads the logits,
    "fifo" or "register". control: with a DMA, how ap_ctrl starts the network. addresses: of the cells, by name.
    Raises ConfigError where the network does not fit.
    """
    directory = Path(directory)
    inputs = fixed.input_type.encode(dataset.test.x[:samples])
    labels = np.asarray(dataset.test.y[:samples], dtype=np.int64)
    if len(labels) == 0 or len(inputs) != len(labels):
        raise ConfigError(f"[overlay] test samples with a label each are required; got {len(labels)}")
    try:
        narrow = transport != "comblock"
        ports = port(fixed.input_shape, fixed.input_type, narrow), port((fixed.outputs,), fixed.output_type, narrow)
        how = _transport(transport, ports, result, control, dict(addresses or {}))
        description = _manifest(fixed, len(labels), ports, how)
        manifest = parse_manifest(description)
    except ManifestError as error:
        raise ConfigError(f"[overlay] {error}") from error
    vectors = {"input_codes": inputs, "logit_codes": fixed.run(inputs), "labels": labels}
    write_npz(directory / "vectors.npz", {key: _narrow(codes) for key, codes in vectors.items()})
    fixed.save(directory / "network")
    _copy_driver(directory / "driver" / "qkdflow_overlay")
    write_atomic(directory / "README.md", _readme(manifest, len(labels)))
    write_json(directory / "manifest.json", description)
    return Overlay(directory, manifest, len(labels))


def _transport(kind: str, ports: tuple[Port, Port], result: str, control: str, addresses: dict[str, int]) -> Transport:
    if kind == "comblock":
        registers = {"output": "IREG1", "count": "IREG0"} if result == "register" else {}
        return ComBlockTransport(REGISTERS, FIFO_DEPTH, FIFO_DEPTH, "OREG0", result, addresses=addresses, **registers)
    if kind == "axi_dma":
        return DmaTransport(control=control, addresses=addresses)
    if kind == "axi_lite":
        # HLS gives an array a window of a power of two, aligned to its size.
        sizes = [max(16, 4 << (port.words - 1).bit_length()) for port in ports]
        largest = max(sizes)
        return LiteTransport(input_offset=largest, output_offset=2 * largest, addresses=addresses)
    raise ConfigError(f"[overlay] transport must be one of {', '.join(TRANSPORTS)}; got {kind!r}")


def _manifest(fixed: FixedModel, samples: int, ports: tuple[Port, Port], transport: Transport) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": fixed.name,
        "input": asdict(ports[0]),
        "output": asdict(ports[1]),
        "class_names": list(fixed.class_names),
        "transport": {key: value for key, value in asdict(transport).items() if value is not None},
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


def port(shape: tuple[int, ...], kind: FixedPoint, narrow: bool) -> Port:
    """narrow: as many codes a word as fit; else one code a word, as a FIFO of 32-bit samples has it."""
    bits = min(bits for bits in CODE_BITS if bits >= (kind.bits if narrow else max(kind.bits, 32)))
    known = FixedType(kind.bits, kind.integer, kind.is_signed, kind.rounding, kind.overflow)
    return Port(shape, known, bits)


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


_BEHIND = {
    "comblock": "a ComBlock `{t.cell}` and the network behind its FIFOs",
    "axi_dma": "an AXI DMA `{t.dma}` and the network `{t.ip}` between its streams",
    "axi_lite": "the network `{t.ip}` behind AXI-Lite registers",
}


def _readme(manifest: Manifest, samples: int) -> str:
    behind = _BEHIND[manifest.transport.kind].format(t=manifest.transport)
    return f"""# {manifest.name}: hand-over

`manifest.json` says what the network takes and gives; `driver/` runs it (NumPy alone, Python 3.8 or newer);
`vectors.npz` holds {samples} encoded test samples (`input_codes`), the logits they must give (`logit_codes`)
and their labels; `network/` holds the integers themselves, for the simulated board.

A sample is {manifest.input.words} words of 32 bits, a result {manifest.output.words}.

On a board with PYNQ, whose block design holds {behind}:

    export PYTHONPATH=$PWD/driver
    python3

    >>> from qkdflow_overlay import ClassifierOverlay
    >>> overlay = ClassifierOverlay("design.bit", "manifest.json")  # design.hwh lies beside it; or an .xsa
    >>> overlay.self_test()  # plays vectors.npz: {samples} on a board that works

Without a board, where qkdflow is installed:

    qkdflow assess . --device sim
"""
