"""Resources and clocks of a network before any vendor tool: physics first, prices fitted to real reports."""

from qkdflow.hardware.estimator.conv import estimate_conv2d
from qkdflow.hardware.estimator.dense import dense, estimate_dense, last_width, lay_out
from qkdflow.hardware.estimator.fit import Row
from qkdflow.hardware.estimator.kernel import Kernel
from qkdflow.hardware.estimator.network import Estimate, estimate, estimate_for, find_fixed, held
from qkdflow.hardware.estimator.sweep import sweep
from qkdflow.hardware.estimator.target import Target
from qkdflow.hardware.estimator.values import LayerEstimate, Quantity

__all__ = [
    "Estimate",
    "Kernel",
    "LayerEstimate",
    "Quantity",
    "Row",
    "Target",
    "dense",
    "estimate",
    "estimate_conv2d",
    "estimate_dense",
    "estimate_for",
    "find_fixed",
    "held",
    "last_width",
    "lay_out",
    "sweep",
]
