"""Boards and parts, what a network needs of them, and devices that run one."""

from qkdflow.hardware.estimator import Estimate, Kernel, estimate, estimate_conv2d, estimate_dense, sweep

__all__ = ["Estimate", "Kernel", "estimate", "estimate_conv2d", "estimate_dense", "sweep"]
