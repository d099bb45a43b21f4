"""The firmware for a processor without an operating system: Algorithm 1 on a ComBlock, in C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from qkdflow_overlay import Codec, ComBlockTransport

from qkdflow.errors import ConfigError
from qkdflow.files import write_atomic
from qkdflow.handover.templates import copy, render
from qkdflow.overlay import Overlay

PLATFORMS = ("microblaze", "zynq", "host")
PLAIN = ("algorithm1.c", "algorithm1.h", "comblock.h", "main.c")
PER_CLASS = 20


def write_firmware(
    overlay: Overlay,
    directory: str | Path,
    platform: str,
    comblock_base: int,
    timer_base: int = 0,
    timer_hz: int = 100_000_000,
    per_class: int = PER_CLASS,
) -> int:
    """Write the C files for `platform`, one of PLATFORMS; how many vectors they hold: `per_class` of every class.

    timer_hz: the timer's rate, also how many ticks without a word that moves are a time-out. Raises ConfigError.
    """
    transport = overlay.manifest.transport
    if not isinstance(transport, ComBlockTransport):
        raise ConfigError(f"[firmware] a ComBlock is required; the manifest has {transport.kind}")
    if platform not in PLATFORMS:
        raise ConfigError(f"[firmware] platform must be one of {', '.join(PLATFORMS)}; got {platform!r}")
    vectors = _vectors(overlay, per_class)
    values: dict[str, Any] = {
        "name": overlay.manifest.name,
        "input_words": overlay.manifest.input.words,
        "output_words": overlay.manifest.output.words,
        "classes": overlay.manifest.output.size,
        "code_bits": overlay.manifest.output.code_bits,
        "ofifo_depth": transport.ofifo_depth,
        "result": transport.result,
        "reset": int(transport.reset[4:]),
        "result_register": transport.registers[str(transport.output)] if transport.output else 0,
        "count_register": transport.registers[str(transport.count)] if transport.count else 0,
        "comblock_base": comblock_base,
        "timer_base": timer_base,
        "timer_hz": timer_hz,
        "vectors": vectors,
    }
    for name in ("network.h", "vectors.h"):
        write_atomic(Path(directory) / name, render(f"baremetal/{name}.j2", values))
    for name in PLAIN:
        write_atomic(Path(directory) / name, copy(f"baremetal/{name}"))
    write_atomic(Path(directory) / "platform.h", copy(f"baremetal/platform_{platform}.h"))
    return len(vectors)


def _vectors(overlay: Overlay, per_class: int) -> list[dict[str, Any]]:
    inputs, _, labels = overlay.vectors
    chosen = [np.flatnonzero(labels == c)[:per_class] for c in range(overlay.manifest.output.size)]
    indices = np.sort(np.concatenate(chosen))
    if len(indices) == 0 or indices[-1] >= 1 << 16:
        raise ConfigError(f"[firmware] vectors with indices below {1 << 16} are required; got {len(indices)} of them")
    words = Codec(overlay.manifest.input).pack(inputs[indices])
    rows = zip(indices.tolist(), labels[indices].tolist(), words.tolist(), strict=True)
    return [{"index": i, "label": label, "words": row} for i, label, row in rows]
