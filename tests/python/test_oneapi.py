"""oneAPI's projects, whose C++ Intel's icpx alone compiles: here by g++, with stand-ins for what they use of SYCL."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from csim_models import needs_csim
from fixed_models import codes, mlp
from qkdflow import FixedPoint, Key, reference
from qkdflow.export.csim import compare
from qkdflow.export.hls import HlsConfig, HlsProject, write_hls
from qkdflow.fixed import FixedModel

STAND_IN = Path(__file__).parents[1] / "hls/sycl_stand_in"
EVEN = FixedPoint(6, 3, True, "RND_CONV", "SAT")


def simulated(project: HlsProject, x: np.ndarray) -> np.ndarray:
    """Logits (n, outputs) of raw inputs (n, features) by the project's own C++."""
    import hls4ml

    # The ac_types that hls4ml brings for Quartus are those of Intel's but for this: they are not literal types.
    ac_types = Path(hls4ml.__file__).parent / "templates/quartus/ac_types"
    for weights in (project.directory / "src/firmware/weights").glob("*.h"):
        weights.write_text(weights.read_text(encoding="utf-8").replace(" constexpr ", " const "), encoding="utf-8")
    paths = [f"-I{path}" for path in (STAND_IN, ac_types, "src", "src/firmware")]
    sources = ["src/firmware/myproject.cpp", "src/myproject_bridge.cpp"]
    command = ["g++", "-std=c++17", "-O0", "-w", "-shared", "-fPIC", *paths, *sources, "-o", "net.so"]
    done = subprocess.run(command, cwd=project.directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, re.findall("error: .*", done.stderr)[:5]
    top = ctypes.CDLL(str(project.directory / "net.so")).myproject_double
    rows, logits = np.ascontiguousarray(x, np.float64), np.zeros((len(x), project.fixed.outputs))
    for row, into in zip(rows, logits, strict=True):
        top(ctypes.c_void_p(row.ctypes.data), ctypes.c_void_p(into.ctypes.data))
    return logits


@needs_csim
@pytest.mark.parametrize(
    ("model", "options"),
    [
        (mlp(Key(1), (30, 15, 4)), {}),
        (mlp(Key(2), (30, 15, 4), activation="linear", activation_type=EVEN), {"io_type": "io_stream"}),
        (mlp(Key(3), (30, 15, 4)), {"strategy": "Resource", "reuse_factor": {"fc1": 90, "fc2": 5}}),
    ],
    ids=["latency", "stream", "resource"],
)
def test_oneapis_cpp_computes_the_integers(model: FixedModel, options: dict[str, object], tmp_path: Path) -> None:
    project = write_hls(model, tmp_path / "p", HlsConfig("oneAPI", **options))  # type: ignore[arg-type]
    x = codes(Key(5), model.input_type, (300, *model.input_shape))
    want = model.output_type.decode(reference.run(model, x))
    assert compare(want, simulated(project, model.input_type.decode(x))) == (300 * model.outputs, 0)
    assert len(np.unique(want)) > 100
