"""The manifest: what the hardware takes and gives; qkdflow writes it (schema: docs/manifest.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qkdflow_overlay.errors import ManifestError

FORMAT = "qkdflow.overlay/1"
ROUNDING = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOW = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")
CODE_BITS = (8, 16, 32, 64)


def _need(ok: bool, message: str) -> None:
    if not ok:
        raise ManifestError("[manifest] " + message)


@dataclass(frozen=True)
class FixedType:
    """A fixed-point type: value = code * 2^(integer - bits); `integer` counts a signed type's sign bit."""

    bits: int
    integer: int
    is_signed: bool
    rounding: str
    overflow: str

    def __post_init__(self) -> None:
        _need(1 <= self.bits <= 53, f"a type must have 1 to 53 bits, to fit a double; got {self.bits}")
        _need(abs(self.integer) <= 63, f"a type's integer must be -63 to 63; got {self.integer}")
        _need(self.rounding in ROUNDING, f"rounding must be one of {ROUNDING}; got {self.rounding!r}")
        _need(self.overflow in OVERFLOW, f"overflow must be one of {OVERFLOW}; got {self.overflow!r}")

    @property
    def fraction(self) -> int:
        return self.bits - self.integer

    @property
    def low_code(self) -> int:
        if not self.is_signed:
            return 0
        return -(1 << (self.bits - 1)) + (1 if self.overflow == "SAT_SYM" else 0)

    @property
    def high_code(self) -> int:
        return (1 << (self.bits - 1 if self.is_signed else self.bits)) - 1


@dataclass(frozen=True)
class Port:
    """One end of the network: a sample's shape, its type, and the bits that each code occupies in words."""

    shape: tuple[int, ...]
    type: FixedType
    code_bits: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        _need(len(self.shape) > 0 and min(self.shape) > 0, f"a shape must be positive; got {self.shape}")
        _need(self.code_bits in CODE_BITS, f"code_bits must be one of {CODE_BITS}; got {self.code_bits}")
        _need(
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
class Transport:
    """How words reach the network: a ComBlock's word registers and FIFO depths.

    reset: the output register that holds the network in reset while it is 1. result: "fifo" (the input FIFO
    carries the logits) or "register" (input registers hold them from `output` on; `count` counts results).
    """

    kind: str
    registers: dict[str, int]
    ofifo_depth: int
    ififo_depth: int
    reset: str
    result: str
    output: str | None = None
    count: str | None = None

    def __post_init__(self) -> None:
        _need(self.kind == "comblock", f"transport.kind must be 'comblock'; got {self.kind!r}")
        _need(
            self.result in ("fifo", "register"),
            f"transport.result must be fifo or register; got {self.result!r}",
        )
        names = [self.reset] + ([self.output, self.count] if self.result == "register" else [])
        for name in [*names, "IFIFO_VALUE", "IFIFO_CONTROL", "IFIFO_STATUS", "OFIFO_VALUE"]:
            _need(name in self.registers, f"transport.registers must have {name}")
        for depth in (self.ofifo_depth, self.ififo_depth):
            _need(1 <= depth < 1 << 16, f"FIFO depths must be 1 to 65535; got {depth}")


@dataclass(frozen=True)
class Manifest:
    """Everything the driver needs; nothing of it is typed a second time."""

    name: str
    input: Port
    output: Port
    class_names: tuple[str, ...]
    transport: Transport

    def __post_init__(self) -> None:
        _need(
            len(self.class_names) == self.output.size,
            f"one class name a logit is required ({self.output.size}); got {len(self.class_names)}",
        )
        if self.transport.result == "register":
            last = self.transport.registers[str(self.transport.output)] + self.output.words
            _need(last <= 16, f"the logits must fit the 16 input registers; got {self.output.words} words")


def load_manifest(path: str | Path) -> Manifest:
    """Read a manifest.json. Raises ManifestError that names the file."""
    try:
        return parse_manifest(json.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise ManifestError(f"[{path}] a manifest is required; {error.strerror}") from error
    except ValueError as error:
        raise ManifestError(f"[{path}] a manifest is required; {error}") from error


def parse_manifest(data: dict[str, Any]) -> Manifest:
    """A manifest from its JSON value. Raises ManifestError."""
    try:
        _need(data["format"] == FORMAT, "format must be {!r}; got {!r}".format(FORMAT, data["format"]))
        ports = {
            side: Port(tuple(data[side]["shape"]), FixedType(**data[side]["type"]), data[side]["code_bits"])
            for side in ("input", "output")
        }
        return Manifest(
            name=data["name"],
            input=ports["input"],
            output=ports["output"],
            class_names=tuple(data["class_names"]),
            transport=Transport(**data["transport"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ManifestError(f"[manifest] a manifest of qkdflow is required; got: {error!r}") from error
