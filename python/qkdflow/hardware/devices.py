"""What a device's name stands for: a simulated board, PYNQ near or far, a ComBlock over UDMA, a UART."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from qkdflow_overlay import Algorithm1, Device

from qkdflow.assess import Assessment, assess
from qkdflow.errors import ConfigError, ToolError
from qkdflow.hardware import uart, udma
from qkdflow.hardware.simulated import Faults, Network, SimulatedBoard, emulator_network, rtl_network
from qkdflow.overlay import Overlay
from qkdflow.rtl import Rtl, RtlConfig, RtlProject, compile_rtl, write_rtl

WAYS = """sim (a simulated board), rtl (one that carries simulated Verilog), pynq (this board),
pynq://HOST[:PORT] (PYNQ.remote), udma://HOST[:PORT]
(ICTP's server on the board), serial:PORT[?baud=115200] (bare-metal firmware), or a file with what it printed"""


def assess_device(
    overlay: Overlay,
    name: str,
    samples: int | None = None,
    timeout_s: float = 5.0,
    bitfile: str | None = None,
    benchmark: bool = False,
    fault: str | None = None,
) -> Assessment:
    """The assessment of a hand-over on the device that `name`, one of WAYS, stands for.

    bitfile: for PYNQ, where it is not the only .bit or .xsa beside the manifest. fault: one that a simulated board is
    to have, a key of simulated.FAULTS. Raises ConfigError, ToolError.
    """
    if fault is not None and name not in ("sim", "rtl"):
        raise ConfigError(
            f"[--fault] only the simulated boards, --device sim and rtl, have faults to order; got --device {name}"
        )
    scheme, host, port = _address(name)
    if name in ("sim", "rtl"):
        network = rtl_network(_rtl(overlay)) if name == "rtl" else emulator_network(overlay.network)
        device = _simulated(overlay, network, timeout_s, fault)
        if name == "rtl":
            device.name += " (Verilog in Verilator)"
        return assess(overlay, device, samples, timeout_s, benchmark)
    if name == "pynq" or (scheme == "pynq" and host):
        return assess(overlay, _pynq(overlay, host, port, timeout_s, bitfile), samples, timeout_s, benchmark)
    if scheme == "udma" and host:
        with udma.UdmaComBlock(host, port or udma.PORT, timeout_s=timeout_s) as comblock:
            return assess(overlay, Algorithm1(comblock, overlay.manifest, timeout_s), samples, timeout_s, benchmark)
    if scheme == "serial":
        return uart.assess_log(overlay, _serial(name, timeout_s), name)
    if Path(name).is_file():
        return uart.assess_log(overlay, Path(name).read_text("ascii", "replace").splitlines(), name)
    raise ConfigError(f"[--device] {' '.join(WAYS.split())} is required; got {name!r}")


def _address(name: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of a device's name; ConfigError where the port is none, or somebody's password is there."""
    if name.startswith(("pynq://", "udma://")) and "@" in name:  # not repeated: it would stand on screens and in logs
        raise ConfigError("[--device] pynq://HOST[:PORT] or udma://HOST[:PORT] is required, without user and password")
    try:
        parts = urlsplit(name)
        return parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"[--device] a host, and a port of 0 to 65535, is required; {error}; got {name!r}") from error


def _serial(name: str, timeout_s: float) -> Iterator[str]:
    port, _, query = name.removeprefix("serial:").partition("?")
    baud = parse_qs(query).get("baud", [str(uart.BAUD)])[0]
    if not baud.isdigit():
        raise ConfigError(f"[--device] a baud rate in digits is required; got {baud!r}")
    return uart.read_serial(port, int(baud), timeout_s)


def _rtl(overlay: Overlay) -> Rtl:
    """The streams of the Verilog that `qkdflow rtl` wrote for this network, else of Verilog with R = 1."""
    fixed, packed = overlay.network, overlay.manifest.transport.kind != "comblock"
    for folder in (overlay.directory / "rtl", overlay.directory.parent / "rtl"):
        if (folder / "rtl.json").is_file():
            found = RtlProject.load(folder)
            if found.fixed.digest == fixed.digest and found.config.output == "logits":
                return compile_rtl(found, "stream")
    with tempfile.TemporaryDirectory() as temporary:  # what is loaded stays
        return compile_rtl(write_rtl(fixed, temporary, RtlConfig(packed=packed)), "stream")


def _simulated(overlay: Overlay, network: Network, timeout_s: float, fault: str | None) -> Device:
    faults = Faults(slow_s=1.5 * timeout_s)
    board = SimulatedBoard(overlay.manifest, network, faults)
    device = board.device(timeout_s)
    if fault is not None:
        assess(overlay, device, 1)  # what a fault strikes is a call, not the first reset
        # A ComBlock's own reset looks at its FIFOs' flags, and clears them.
        faults.inject(fault, 2 if fault in ("overflow", "underflow") else 1)
    return device


def _pynq(overlay: Overlay, host: str | None, port: int | None, timeout_s: float, bitfile: str | None) -> Device:
    try:
        from qkdflow_overlay.overlay import ClassifierOverlay

        target = None
        if host is not None:
            from pynq import Device as PynqDevice
            from pynq.pl_server.remote_device import PYNQ_PORT, RemoteDevice

            target = PynqDevice.active_device = RemoteDevice(0, host, port or PYNQ_PORT)
    except ImportError as error:
        raise ToolError(
            f"[--device] pynq is required; {error}; pip install pynq, in an environment of its own (it needs numpy < 2)"
        ) from error
    except RuntimeError as error:
        raise ToolError(f"[--device] a board that answers is required; got: {error}") from error
    path = Path(bitfile) if bitfile else _bitfile(overlay.directory)
    try:
        board = ClassifierOverlay(path, overlay.directory / "manifest.json", timeout_s, device=target)
    except (RuntimeError, OSError) as error:
        raise ToolError(f"[--device] PYNQ must load {path}; got: {error}") from error
    return board.classifier.device


def _bitfile(directory: Path) -> Path:
    found = sorted(p for p in directory.rglob("*") if p.suffix in (".bit", ".xsa"))
    if len(found) != 1:
        names = ", ".join(p.name for p in found) or "none"
        raise ConfigError(f"[--bitfile] one .bit or .xsa in {directory} is required, or its name; found: {names}")
    return found[0]
