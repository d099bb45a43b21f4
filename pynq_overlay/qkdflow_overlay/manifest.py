"""The manifest: what the hardware takes and gives; qkdflow writes it (schema: docs/manifest.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from qkdflow_overlay.errors import ManifestError, need
from qkdflow_overlay.transports import ComBlockTransport, Transport, parse_transport

FORMAT = "qkdflow.overlay/1"
ROUNDING = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOW = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")
CODE_BITS = (8, 16, 32, 64)


@dataclass(frozen=True)
class FixedType:
    """A fixed-point type: value = code * 2^(integer - bits); `integer` counts a signed type's sign bit."""

    bits: int
    integer: int
    is_signed: bool
    rounding: str
    overflow: str

    def __post_init__(self) -> None:
        need(1 <= self.bits <= 53, f"a type must have 1 to 53 bits, to fit a double; got {self.bits}")
        need(abs(self.integer) <= 63, f"a type's integer must be -63 to 63; got {self.integer}")
        need(self.rounding in ROUNDING, f"rounding must be one of {ROUNDING}; got {self.rounding!r}")
        need(self.overflow in OVERFLOW, f"overflow must be one of {OVERFLOW}; got {self.overflow!r}")

    @property
    def fraction(self) -> int:
        """Bits behind the point."""
        return self.bits - self.integer

    @property
    def low_code(self) -> int:
        """The smallest integer code."""
        if not self.is_signed:
            return 0
        return -(1 << (self.bits - 1)) + (1 if self.overflow == "SAT_SYM" else 0)

    @property
    def high_code(self) -> int:
        """The largest integer code."""
        return (1 << (self.bits - 1 if self.is_signed else self.bits)) - 1


@dataclass(frozen=True)
class Port:
    """One end of the network: a sample's shape, its type, and the bits that each code occupies in words."""

    shape: tuple[int, ...]
    type: FixedType
    code_bits: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        need(len(self.shape) > 0 and min(self.shape) > 0, f"a shape must be positive; got {self.shape}")
        need(self.code_bits in CODE_BITS, f"code_bits must be one of {CODE_BITS}; got {self.code_bits}")
        need(
            self.type.bits <= self.code_bits,
            f"code_bits must hold the type's {self.type.bits} bits; got {self.code_bits}",
        )

    @property
    def size(self) -> int:
        """Codes a sample."""
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def words(self) -> int:
        """32-bit words a sample; the last one may be padded with zeros."""
        return -(-self.size * self.code_bits // 32)


@dataclass(frozen=True)
class Manifest:
    """Everything the driver needs; nothing of it is typed a second time."""

    name: str
    input: Port
    output: Port
    class_names: tuple[str, ...]
    transport: Transport
    vectors: Path | None = field(default=None, compare=False)  # those shipped, where read from a hand-over

    def __post_init__(self) -> None:
        need(
            len(self.class_names) == self.output.size,
            f"one class name a logit is required ({self.output.size}); got {len(self.class_names)}",
        )
        transport = self.transport
        if isinstance(transport, ComBlockTransport) and transport.result == "register":
            last = transport.registers[str(transport.output)] + self.output.words
            need(last <= 16, f"the logits must fit the 16 input registers; got {self.output.words} words")


def load_manifest(path: str | Path) -> Manifest:
    """Read a manifest.json. Raises ManifestError that names the file."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        file = str(data.get("vectors", {}).get("file", "vectors.npz"))
        need(Path(file).name == file, f"vectors.file must be a file beside the manifest; got {file!r}")
        return replace(parse_manifest(data), vectors=Path(path).parent / file)
    except OSError as error:
        raise ManifestError(f"[{path}] a manifest is required; {error.strerror}") from error
    except (ValueError, AttributeError, RecursionError) as error:
        raise ManifestError(f"[{path}] a manifest is required; {error}") from error


def parse_manifest(data: dict[str, Any]) -> Manifest:
    """A manifest from its JSON value. Raises ManifestError."""
    try:
        need(data["format"] == FORMAT, "format must be {!r}; got {!r}".format(FORMAT, data["format"]))
        ports = {
            side: Port(tuple(data[side]["shape"]), FixedType(**data[side]["type"]), data[side]["code_bits"])
            for side in ("input", "output")
        }
        return Manifest(
            name=data["name"],
            input=ports["input"],
            output=ports["output"],
            class_names=tuple(data["class_names"]),
            transport=parse_transport(data["transport"]),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ManifestError(f"[manifest] a manifest of qkdflow is required; got: {error!r}") from error
