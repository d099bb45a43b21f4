"""Verilog of a frozen network without a vendor's tools: written, simulated clock by clock."""

from __future__ import annotations

from qkdflow.rtl.check import Check, check_rtl
from qkdflow.rtl.plan import nearest_reuse_factors
from qkdflow.rtl.project import RtlConfig, RtlProject, write_rtl
from qkdflow.rtl.simulation import Measured, Rtl, compile_rtl
from qkdflow.rtl.vendor import VendorRtl, compile_vendor_rtl
from qkdflow.rtl.verilator import find_verilator, verilator_problem

__all__ = [
    "Check",
    "Measured",
    "Rtl",
    "RtlConfig",
    "RtlProject",
    "VendorRtl",
    "check_rtl",
    "compile_rtl",
    "compile_vendor_rtl",
    "find_verilator",
    "nearest_reuse_factors",
    "verilator_problem",
    "write_rtl",
]
