"""Which bits of which ports are which codes: ap_vld and ap_none ports, AXI streams, as HLS writes them for hls4ml.

Ports of one side come in the order of the file. Together they carry a sample: one port packed with all codes, one port
a code, or a stream whose beats are packed as a whole (codes on whole bytes in Vitis) or in words of 32 bits, as the
hand-over's wrapper has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qkdflow._core import FixedPoint
from qkdflow.errors import ConfigError
from qkdflow.overlay import port as word_port
from qkdflow.rtl.vendor.design import Design, Ports

ALWAYS = {"ap_ce", "ap_continue"}  # a clock enable; the word that a result was seen
CONTROL = {"ap_clk", "ap_rst", "ap_rst_n", "ap_start", "ap_done", "ap_idle", "ap_ready", "interrupt", *ALWAYS}
HANDSHAKES = ("VALID", "READY", "_ap_vld")  # ends of names that are down while nothing is said
WORD = 32


@dataclass(frozen=True)
class Element:
    """Where code `index` of a sample lies: `bits` bits from `at` on, in beat `beat` of its port."""

    index: int
    at: int
    bits: int
    beat: int = 0


@dataclass(frozen=True)
class Side:
    """A port with data, and what goes with it; empty names are ports that it has not."""

    data: str
    width: int
    valid: str = ""
    ready: str = ""
    last: str = ""
    keeps: tuple[str, ...] = ()
    elements: tuple[Element, ...] = field(default=())
    beats: int = 1


def interface(
    design: Design, n_in: int, input_type: FixedPoint, n_out: int, output_type: FixedPoint, packed: bool
) -> dict[str, Any]:
    """The values for simulate_vendor.cpp.j2. packed: as many codes share a word as fit. Raises ConfigError."""
    ports = design.ports
    every = {**ports.inputs, **ports.outputs}
    if "ap_clk" not in ports.inputs or not {"ap_rst", "ap_rst_n"} & set(ports.inputs):
        raise ConfigError(f"[vendor rtl] {design.top} must have ap_clk and ap_rst or ap_rst_n; it has {_list(every)}")
    control = next((name.removesuffix("_AWADDR") for name in ports.inputs if name.endswith("_AWADDR")), "")
    streams = any(name.endswith("_TDATA") for name in every)
    if not streams and "ap_start" not in ports.inputs:
        raise ConfigError(
            f"[vendor rtl] {design.top} must have ap_start (ap_ctrl_hs) or AXI streams; it has {_list(every)}"
        )
    sides = _sides(ports.inputs, ports, control, streams), _sides(ports.outputs, ports, control, streams)
    reset = "ap_rst_n" if "ap_rst_n" in ports.inputs else "ap_rst"
    return {
        "top": design.top,
        "clock": "ap_clk",
        "reset": reset,
        "reset_low": reset == "ap_rst_n",
        "control": control,
        "always": [name for name in ports.inputs if name in ALWAYS],
        "idle": [name for name in ports.inputs if name == "ap_start" or name.endswith(HANDSHAKES)],
        "handshake": not streams,
        "has_start": "ap_start" in ports.inputs,
        "n_in": n_in,
        "n_out": n_out,
        "signed_out": output_type.is_signed,
        "inputs": _laid_out(sides[0], n_in, input_type, packed, f"{design.top}'s input"),
        "outputs": _laid_out(sides[1], n_out, output_type, packed, f"{design.top}'s output"),
    }


def _sides(names: dict[str, int | None], ports: Ports, control: str, streams: bool) -> list[Side]:
    every = {**ports.inputs, **ports.outputs}

    def also(name: str) -> str:
        return name if name in every else ""

    found = []
    for name, width in names.items():
        if name in CONTROL or (control and name.startswith(f"{control}_")) or width is None:
            continue
        if streams:
            if name.endswith("_TDATA"):
                stem = name.removesuffix("TDATA")
                keeps = tuple(k for k in (f"{stem}TKEEP", f"{stem}TSTRB") if k in ports.inputs)
                found.append(Side(name, width, f"{stem}TVALID", f"{stem}TREADY", also(f"{stem}TLAST"), keeps))
        elif not name.endswith("_ap_vld"):
            found.append(Side(name, width, also(f"{name}_ap_vld")))
    return found


def _laid_out(sides: list[Side], count: int, kind: FixedPoint, packed: bool, where: str) -> list[Side]:
    wanted = f"{count} codes of {kind.bits} bits ({kind.ap_type})"
    if len(sides) == count:
        if any(side.width < kind.bits for side in sides):
            narrow = next(side for side in sides if side.width < kind.bits)
            raise ConfigError(f"[vendor rtl] {where} must carry {wanted}; {narrow.data} has {narrow.width} bits")
        return [_with(side, (Element(i, 0, kind.bits),), 1) for i, side in enumerate(sides)]
    if len(sides) != 1:
        raise ConfigError(
            f"[vendor rtl] {where} must carry {wanted} in one port or in {count}; it has "
            f"{_list({side.data: side.width for side in sides})}"
        )
    side = sides[0]
    step, rest = divmod(side.width, count)
    if rest == 0 and kind.bits <= step < 2 * max(kind.bits, 8):
        return [_with(side, tuple(Element(i, i * step, kind.bits) for i in range(count)), 1)]
    words = word_port((count,), kind, packed)
    if side.width == WORD and side.valid.endswith("TVALID") and words.code_bits <= WORD:
        each = WORD // words.code_bits
        elements = tuple(Element(i, i % each * words.code_bits, kind.bits, i // each) for i in range(count))
        return [_with(side, elements, words.words)]
    raise ConfigError(f"[vendor rtl] {where} must carry {wanted}; {side.data} has {side.width} bits")


def _with(side: Side, elements: tuple[Element, ...], beats: int) -> Side:
    return Side(side.data, side.width, side.valid, side.ready, side.last, side.keeps, elements, beats)


def _list(widths: dict[str, int | None] | dict[str, int]) -> str:
    return ", ".join(f"{name} ({width or '?'})" for name, width in widths.items()) or "no ports"
