"""Compiled projects that several tests share: a compile takes 5 to 20 s, so there are few of them."""

from __future__ import annotations

import atexit
import importlib.util
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest
from fixed_models import mlp
from qkdflow import Key
from qkdflow.export.csim import Csim, compile_csim, compiler_problem
from qkdflow.export.hls import HlsConfig, write_hls

LARGE = (30, 20, 10, 10, 4)
CONFIGS = {
    "vitis-parallel": HlsConfig(),
    "vitis-stream-resource": HlsConfig(
        strategy="Resource", reuse_factor={"fc1": 30, "fc2": 10, "fc3": 5, "fc4": 2}, io_type="io_stream"
    ),
    "pynq-z2-stream": HlsConfig("VivadoAccelerator", board="pynq-z2", io_type="io_stream"),
}

problem = compiler_problem() or (None if importlib.util.find_spec("hls4ml") else "hls4ml is not installed")
needs_csim = pytest.mark.skipif(problem is not None, reason=str(problem))


@cache
def compiled(name: str) -> Csim:
    """The csim of a random 30-20-10-10-4 network under one of CONFIGS, in a path with spaces."""
    directory = Path(tempfile.mkdtemp(prefix="a project "))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return compile_csim(write_hls(mlp(Key(5).fold(name), LARGE), directory, CONFIGS[name]))
