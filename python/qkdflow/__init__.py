"""From a data set to a bit-exact tiny neural network on an FPGA."""

from __future__ import annotations

import warnings

from qkdflow import _core
from qkdflow._core import FixedPoint, Key

__all__ = ["FixedPoint", "Key"]

# Where another package has loaded a libdnnl.so.3 of its own into this process before, we are given that one.
if _core.onednn_version()[:2] != _core.ONEDNN_BUILT_WITH[:2]:
    warnings.warn(
        "[qkdflow] oneDNN {}.{}.{} is required; got {}.{}.{}, which this process had loaded before: "
        "results and speed are not the tested ones. Import qkdflow first; keep oneDNN off LD_PRELOAD.".format(
            *_core.ONEDNN_BUILT_WITH, *_core.onednn_version()
        ),
        RuntimeWarning,
        stacklevel=2,
    )
