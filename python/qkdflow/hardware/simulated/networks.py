"""What can stand behind a simulated core: the integer emulator, the NumPy reference, hls4ml's C simulation, Verilog."""

from __future__ import annotations

from qkdflow import reference
from qkdflow.export.csim import Csim
from qkdflow.fixed import FixedModel
from qkdflow.hardware.simulated.network import Network
from qkdflow.rtl import Rtl


def emulator_network(fixed: FixedModel) -> Network:
    """The integer emulator as a function of codes."""
    return fixed.run


def csim_network(csim: Csim) -> Network:
    """The compiled project as a function of codes."""
    fixed = csim.project.fixed
    return lambda codes: fixed.output_type.encode(csim.predict(fixed.input_type.decode(codes)))


def rtl_network(rtl: Rtl) -> Network:
    """Simulated Verilog as a function of codes; each call is a packet after a reset."""
    return rtl.run


def reference_network(fixed: FixedModel) -> Network:
    """The NumPy reference as a function of codes."""
    return lambda codes: reference.run(fixed, codes)
