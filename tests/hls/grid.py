"""The whole grid of exports, run by hand: csim of each project against the NumPy reference.

    python tests/hls/grid.py [--samples 5000] [CASE...]

A CASE may hold a *: residual-* is a ResNet's block in all its targets. One line a case: outputs compared,
mismatches, seconds of g++. Last comes a mutant, a project that truncates its first activation where the network
rounds: it must differ. Exit code 1 where anything is not as it should.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "python/importers"))
sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

from fixed_graphs import GRAPHS
from fixed_models import codes, exact_type, mlp
from frozen_shared import INPUTS, student
from qkdflow import FixedPoint, Key, reference
from qkdflow.export.csim import Comparison, compare, compile_csim
from qkdflow.export.hls import HlsConfig, write_hls
from qkdflow.fixed import FixedActivation, FixedDense, FixedLayer, FixedModel
from shared_models import expected

ROUNDING = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOW = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")
SMALL, LARGE = (30, 15, 4), (30, 20, 10, 10, 4)
RESOURCE = {"fc1": 30, "fc2": 10, "fc3": 5, "fc4": 2}


def every_mode(activation: str) -> FixedModel:
    """A chain of 6 x 6 layers whose activations take each rounding and overflow mode in turn."""
    key, kind, layers = Key(11).fold(activation), FixedPoint(9, 4), list[FixedLayer]()
    weight, bias = FixedPoint(5, 2), FixedPoint(7, 3)
    for i, (rounding, overflow) in enumerate(product(ROUNDING, OVERFLOW)):
        w = codes(key.fold(i), weight, (6, 6))
        b = codes(key.fold(i).fold("b"), bias, (6,))
        layers.append(FixedDense(f"fc{i}", w, b, weight, bias, exact_type(w, b, kind, weight, bias)))
        kind = FixedPoint(6, 3, activation == "linear", rounding, overflow)
        layers.append(FixedActivation(f"act{i}", activation, kind))
    return FixedModel("modes", (6,), FixedPoint(9, 4), tuple(layers), tuple("abcdef"))


def wide() -> FixedModel:
    """Logits of more than 24 bits: a float would round them."""
    return mlp(
        Key(12),
        LARGE,
        FixedPoint(16, 3),
        FixedPoint(16, 2),
        FixedPoint(30, 6),
        "relu",
        FixedPoint(16, 6, False),
    )


def negative(bits: int) -> FixedModel:
    """Signed inputs and kernels of few bits; two bits tempt hls4ml into ternary products."""
    return mlp(Key(bits), LARGE, FixedPoint(12, 4), FixedPoint(bits, bits), zeros=0.2)


CASES: dict[str, tuple[Callable[[], FixedModel], HlsConfig]] = {
    "vitis-parallel": (lambda: mlp(Key(1), SMALL), HlsConfig()),
    "vitis-parallel-large": (lambda: mlp(Key(2), LARGE), HlsConfig()),
    "vitis-stream": (lambda: mlp(Key(3), LARGE), HlsConfig(io_type="io_stream")),
    "vitis-resource": (lambda: mlp(Key(4), LARGE), HlsConfig(strategy="Resource", reuse_factor=RESOURCE)),
    "vitis-resource-stream": (
        lambda: mlp(Key(5), LARGE),
        HlsConfig(strategy="Resource", reuse_factor=RESOURCE, io_type="io_stream"),
    ),
    "vitis-latency-rf": (lambda: mlp(Key(6), LARGE), HlsConfig(reuse_factor=7)),
    "vivado-parallel": (lambda: mlp(Key(7), LARGE), HlsConfig("Vivado", board="basys3")),
    "vivado-stream": (lambda: mlp(Key(8), LARGE), HlsConfig("Vivado", board="basys3", io_type="io_stream")),
    "pynq-z2-parallel": (lambda: mlp(Key(9), LARGE), HlsConfig("VivadoAccelerator", board="pynq-z2")),
    "pynq-z2-stream": (
        lambda: mlp(Key(10), LARGE),
        HlsConfig("VivadoAccelerator", board="pynq-z2", io_type="io_stream"),
    ),
    "zcu102-stream": (
        lambda: mlp(Key(11), SMALL),
        HlsConfig("VivadoAccelerator", None, "zcu102", io_type="io_stream"),
    ),
    "pynq-z2-wide": (wide, HlsConfig("VivadoAccelerator", board="pynq-z2")),
    "wide": (wide, HlsConfig()),
    "modes-relu": (lambda: every_mode("relu"), HlsConfig()),
    "modes-linear": (lambda: every_mode("linear"), HlsConfig()),
    "modes-linear-stream": (lambda: every_mode("linear"), HlsConfig(io_type="io_stream")),
    "vitis-unrolled": (lambda: mlp(Key(13), SMALL), HlsConfig(strategy="Unrolled", reuse_factor={"fc1": 30, "fc2": 5})),
    "vitis-unrolled-stream": (
        lambda: mlp(Key(14), SMALL),
        HlsConfig(strategy={"fc1": "Unrolled"}, reuse_factor={"fc1": 10}, io_type="io_stream"),
    ),
    "quartus-parallel": (lambda: mlp(Key(15), LARGE), HlsConfig("Quartus")),
    "quartus-stream": (lambda: mlp(Key(16), LARGE), HlsConfig("Quartus", io_type="io_stream")),
    "quartus-resource": (
        lambda: mlp(Key(24), LARGE),
        HlsConfig("Quartus", strategy="Resource", reuse_factor=RESOURCE),
    ),
    "catapult-parallel": (lambda: mlp(Key(17), LARGE), HlsConfig("Catapult")),
    "catapult-stream": (lambda: mlp(Key(18), LARGE), HlsConfig("Catapult", io_type="io_stream")),
    "catapult-resource": (
        lambda: mlp(Key(19), LARGE),
        HlsConfig("Catapult", strategy="Resource", reuse_factor=RESOURCE),
    ),
    "two-bit-kernels": (lambda: negative(2), HlsConfig()),
    "one-bit-kernels": (lambda: negative(1), HlsConfig()),
}

PYNQ = {"backend": "VivadoAccelerator", "board": "pynq-z2"}
TARGETS: dict[str, dict[str, Any]] = {
    "parallel": {},
    "stream": {"io_type": "io_stream"},
    "pynq-z2-parallel": PYNQ,
    "pynq-z2-stream": {**PYNQ, "io_type": "io_stream"},
}
PARALLEL_ALONE = ("activations", "padded_pooling")  # hls4ml 1.3 streams neither relu6 nor poolings over the edge
for graph, build in GRAPHS.items():
    for target, options in TARGETS.items():
        if graph not in PARALLEL_ALONE or "stream" not in target:
            CASES[f"{graph}-{target}"] = (partial(build, Key(1).fold(graph)), HlsConfig(**options))
for target in ("parallel", "stream"):
    options = {**TARGETS[target], "strategy": "Resource", "reuse_factor": {"conv1": 3, "conv3": 4, "fc7": 2}}
    CASES[f"conv2d-resource-{target}"] = (partial(GRAPHS["conv2d"], Key(2)), HlsConfig(**options))
if importlib.util.find_spec("da4ml"):  # pip install '.[da]'; g++ takes minutes for the adders of a larger layer
    DISTRIBUTED: dict[str, Any] = {"strategy": "distributed_arithmetic"}
    for target in ("parallel", "stream"):
        options = {**TARGETS[target], **DISTRIBUTED}
        CASES[f"distributed-dense-{target}"] = (lambda: mlp(Key(20), (10, 6, 3)), HlsConfig(**options))
        CASES[f"distributed-residual-{target}"] = (partial(GRAPHS["residual"], Key(23)), HlsConfig(**options))
    CASES["distributed-dense-vivado"] = (lambda: mlp(Key(22), (10, 6, 3)), HlsConfig("Vivado", **DISTRIBUTED))
for file in INPUTS if expected() else ():  # other people's students, where shared/ is beside the checkout
    CASES[f"imported-{file.removesuffix('.h5')}"] = (lambda file=file: student(file)[1], HlsConfig(strategy="Resource"))


def run(name: str, samples: int, mutate: Callable[[Path], None] | None = None) -> Comparison:
    """Write, compile and compare one case, and print its line."""
    build, config = CASES[name]
    fixed = build()
    x = codes(Key(0).fold(name), fixed.input_type, (samples, *fixed.input_shape))
    with tempfile.TemporaryDirectory() as directory:
        project = write_hls(fixed, directory, config)
        if mutate is not None:
            mutate(project.directory)
        csim = compile_csim(project)
        got = csim.predict(fixed.input_type.decode(x))
    found = compare(fixed.output_type.decode(reference.run(fixed, x)), got)
    label = "mutant of " + name if mutate else name
    print(f"{label:32} {found.outputs:8} {found.mismatches:8} {csim.seconds_to_compile:6.1f} s", flush=True)
    return found


def truncate_first_activation(project: Path) -> None:
    defines = project / "firmware" / "defines.h"
    text = defines.read_text()
    defines.write_text(text.replace("ap_ufixed<8,4,AP_RND,", "ap_ufixed<8,4,AP_TRN,", 1))
    if defines.read_text() == text:
        sys.exit("the mutant could not be made: defines.h has no ap_ufixed<8,4,AP_RND")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("cases", nargs="*", default=list(CASES), metavar="CASE")
    arguments = parser.parse_args()
    names = [name for case in arguments.cases for name in fnmatch.filter(CASES, case) or [case]]
    unknown = [name for name in names if name not in CASES]
    if unknown:
        parser.error(f"a case must be one of {', '.join(CASES)}; got {', '.join(unknown)}")
    found = [run(name, arguments.samples) for name in names]
    outputs, mismatches = sum(f.outputs for f in found), sum(f.mismatches for f in found)
    print(f"{'all':32} {outputs:8} {mismatches:8}")
    mutant = run("vitis-parallel", arguments.samples, truncate_first_activation)
    return 1 if mismatches or not mutant.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
