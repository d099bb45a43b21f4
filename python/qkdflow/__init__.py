"""From a data set to a bit-exact tiny neural network on an FPGA."""

from qkdflow._core import FixedPoint, Key

__all__ = ["FixedPoint", "Key"]
