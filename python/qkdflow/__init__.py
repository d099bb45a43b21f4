"""From a data set to a bit-exact tiny neural network on an FPGA."""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

from qkdflow import _core
from qkdflow._core import FixedPoint, Key

if TYPE_CHECKING:
    from qkdflow.importers.build import load_model
    from qkdflow.models import History, Model, Sequential
    from qkdflow.settings import configure
    from qkdflow.workflow import load_run

__version__: str
__all__ = ["FixedPoint", "History", "Key", "Model", "Sequential", "__version__", "configure", "load_model", "load_run"]

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

# What needs more than the engine is imported when it is first named: qkdflow.Sequential, qkdflow.stages.
_HOMES = {
    "History": "models",
    "Model": "models",
    "Sequential": "models",
    "configure": "settings",
    "load_model": "importers.build",
    "load_run": "workflow",
}
_LATER = (
    "datasets",
    "export",
    "fixed",
    "freeze",
    "hardware",
    "plots",
    "report",
    "sources",
    "stages",
    "tune",
    "workflow",
    "zoo",
)


def __getattr__(name: str) -> Any:
    if name == "__version__":  # reading a distribution's metadata is a fifth of the import's time
        return importlib.import_module("importlib.metadata").version("qkdflow")
    if name in _HOMES:
        return getattr(importlib.import_module(f"qkdflow.{_HOMES[name]}"), name)
    if name in _LATER:
        return importlib.import_module(f"qkdflow.{name}")
    raise AttributeError(f"module 'qkdflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What a user may name, for completion: also what is imported only then."""
    return sorted({*__all__, *_LATER})
