"""Verilog that Vitis or Vivado HLS wrote, simulated against the emulator in place of the vendor's co-simulation."""

from __future__ import annotations

from qkdflow.rtl.vendor.design import Design, find_design
from qkdflow.rtl.vendor.simulation import VendorRtl, compile_design, compile_vendor_rtl

__all__ = ["Design", "VendorRtl", "compile_design", "compile_vendor_rtl", "find_design"]
