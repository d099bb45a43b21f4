"""hls4ml's C simulation against the NumPy reference, bit for bit; the reference against ap_fixed itself."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from csim_models import CONFIGS, compiled, needs_csim
from fixed_graphs import GRAPHS
from fixed_models import codes, mlp
from qkdflow import FixedPoint, Key, reference
from qkdflow.errors import ConfigError, DataError, ToolError
from qkdflow.export.csim import compare, compile_csim, load_csim
from qkdflow.export.hls import HlsConfig, HlsProject, write_hls
from qkdflow.fixed import FixedActivation, FixedModel
from qkdflow.freeze import freeze
from qkdflow.layers import (
    BatchNormalization,
    Flatten,
    Input,
    QActivation,
    QConv2D,
    QConv2DBatchnorm,
    QDense,
    Rescaling,
)
from qkdflow.models import Sequential
from qkdflow.quantizers import quantized_bits, quantized_relu

ROUNDING = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOW = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")
SAMPLES = 3_000


@needs_csim
@pytest.mark.parametrize("name", CONFIGS)
def test_csim_equals_the_reference(name: str) -> None:
    here = Path.cwd()
    csim = compiled(name)
    fixed = csim.project.fixed
    x = codes(Key(8).fold(name), fixed.input_type, (SAMPLES, 30))
    found = compare(fixed.output_type.decode(reference.run(fixed, x)), csim.predict(fixed.input_type.decode(x)))
    assert found == (SAMPLES * 4, 0)
    assert csim.seconds_to_compile > 0
    assert Path.cwd() == here


@needs_csim
@pytest.mark.parametrize(("graph", "io_type"), [("residual", "io_stream"), ("depthwise", "io_parallel")])
def test_csim_of_a_graph_equals_the_reference(tmp_path: Path, graph: str, io_type: str) -> None:
    """Two blocks, as an accelerator; tests/hls/grid.py has every layer in every target."""
    fixed = GRAPHS[graph](Key(3).fold(graph))
    config = HlsConfig("VivadoAccelerator", board="pynq-z2", io_type=io_type)
    csim = compile_csim(write_hls(fixed, tmp_path / "project", config))
    x = codes(Key(4), fixed.input_type, (500, *fixed.input_shape))
    found = compare(fixed.output_type.decode(reference.run(fixed, x)), csim.predict(fixed.input_type.decode(x)))
    assert found == (500 * fixed.outputs, 0)


@needs_csim
def test_csim_of_folded_normalisations_and_a_softmax_equals_the_reference(tmp_path: Path) -> None:
    pixels = FixedPoint(6, 6, False, "RND", "SAT")
    quantized = {"kernel_quantizer": quantized_bits(5, 1, alpha=1), "bias_quantizer": quantized_bits(9, 3, alpha=1)}
    chain = [
        Input((5, 5, 2), type=pixels),
        Rescaling(2.0**-6),
        QConv2DBatchnorm(3, 3, padding="same", activation=quantized_relu(6, 2), **quantized),
        QConv2D(3, 2, **quantized),
        BatchNormalization(),
        QActivation(quantized_relu(6, 2)),
        Flatten(),
        QDense(4, **quantized),
        QActivation(quantized_bits(8, 3, alpha=1)),
    ]
    model = Sequential(chain)
    x = pixels.decode(codes(Key(4), pixels, (300, 5, 5, 2)))
    model.fit(x, np.arange(300) % 4, epochs=2)
    fixed = freeze(model, fold_batch_normalization=True, softmax="stable")
    csim = compile_csim(write_hls(fixed, tmp_path / "project", HlsConfig(io_type="io_stream")))
    assert compare(fixed.predict(x), csim.predict(x)) == (300 * 4, 0)
    assert len(np.unique(fixed.predict(x))) > 100


def mutants(fixed: FixedModel) -> dict[str, FixedModel]:
    """One tensor's precision, or one logit's weights, a little wrong."""
    act, last = fixed.layers[1], fixed.layers[-1]
    assert isinstance(act, FixedActivation)
    kind = act.result_type
    fields = kind.to_dict()

    def with_activation(**change: object) -> FixedModel:
        wrong = replace(act, result_type=FixedPoint.from_dict({**fields, **change}))
        return replace(fixed, layers=(fixed.layers[0], wrong, *fixed.layers[2:]))

    weights = fixed.dense[-1].weights.copy()
    weights[:, 0] -= np.sign(weights[:, 0])
    return {
        "rounding": with_activation(rounding="RND_CONV"),
        "truncated": with_activation(rounding="TRN"),
        "wrapped": with_activation(overflow="WRAP"),
        "zeroed": with_activation(overflow="SAT_ZERO"),
        "weights": replace(fixed, layers=(*fixed.layers[:-1], replace(last, weights=weights))),
    }


@needs_csim
@pytest.mark.parametrize("mutant", ["rounding", "truncated", "wrapped", "zeroed", "weights"])
def test_a_wrong_precision_is_caught(mutant: str) -> None:
    csim = compiled("vitis-parallel")
    fixed = csim.project.fixed
    x = codes(Key(9), fixed.input_type, (SAMPLES, 30))
    wrong = reference.run(mutants(fixed)[mutant], x)
    found = compare(fixed.output_type.decode(wrong), csim.predict(fixed.input_type.decode(x)))
    assert found.mismatches > 10


@needs_csim
def test_one_row_and_shapes() -> None:
    csim = compiled("vitis-parallel")
    assert csim.predict(np.zeros((1, 30))).shape == (1, 4)
    assert csim.predict(np.zeros((0, 30))).shape == (0, 4)
    x = codes(Key(9), csim.project.fixed.input_type, (5, 30))
    assert (csim.predict(x.astype(np.uint16)) == csim.predict(x.astype(np.float32))).all()
    for shape in ((30,), (2, 29), (2, 30, 1)):
        with pytest.raises(DataError, match=r"inputs of shape \(n, 30\) are required"):
            csim.predict(np.zeros(shape))


@needs_csim
def test_load_finds_what_was_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    csim = compiled("vitis-parallel")
    x = codes(Key(9), csim.project.fixed.input_type, (50, 30)).astype(float)
    project = HlsProject.load(csim.project.directory)
    monkeypatch.setenv("PATH", str(tmp_path))  # no compiler from here on
    again = load_csim(project)
    assert again.seconds_to_compile == csim.seconds_to_compile
    assert (again.predict(x) == csim.predict(x)).all()
    moved = tmp_path / "moved"
    shutil.copytree(project.directory, moved)
    with pytest.raises(ToolError, match=r"a C\+\+ compiler is required"):  # its weights are found by path
        load_csim(HlsProject.load(moved))
    (moved / "firmware" / "weights" / "w2.txt").unlink()
    note = next((moved / "firmware").glob("*.json"))
    note.write_text(note.read_text().replace(str(project.directory.resolve()), str(moved.resolve())))
    with pytest.raises(ToolError, match=r"must hold w2\.txt"):
        load_csim(HlsProject.load(moved))


@needs_csim
def test_compiler_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write_hls(mlp(Key(1), (30, 15, 4)), tmp_path / "p", HlsConfig())
    fake = tmp_path / "bin" / "g++"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'firmware/myproject.cpp:7: error: no such thing' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    with pytest.raises(ToolError, match=r"must compile; g\+\+ ended with: .*myproject.cpp:7: error: no such thing"):
        compile_csim(project)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"g\+\+ is not on PATH"):
        compile_csim(project)


@needs_csim
def test_oneapi_is_written_and_not_run(tmp_path: Path) -> None:
    project = write_hls(mlp(Key(1), (6, 3, 2)), tmp_path / "p", HlsConfig("oneAPI"))
    assert (tmp_path / "p" / "CMakeLists.txt").is_file()
    with pytest.raises(ToolError, match="built by Intel's icpx alone"):
        compile_csim(project)


@needs_csim
def test_path_that_a_shell_would_read(tmp_path: Path) -> None:
    project = write_hls(mlp(Key(1), (30, 15, 4)), tmp_path / "a$b", HlsConfig())
    with pytest.raises(ConfigError, match="without quotes"):
        compile_csim(project)


def test_compare() -> None:
    a = np.array([[1.0, 2.0], [3.0, np.nan]])
    assert compare(a, a) == (4, 1)
    assert compare(a[:1], np.nextafter(a[:1], [[1.0, 9.0]])) == (2, 1)
    with pytest.raises(DataError, match="one shape"):
        compare(a, a[0])


@needs_csim
def test_every_cast_is_ap_fixeds(tmp_path: Path) -> None:
    """Every code of ap_fixed<9,5> into each mode of small types, by the vendor's own open headers; the emulator too."""
    found = importlib.util.find_spec("hls4ml")
    assert found is not None
    assert found.origin is not None
    headers = Path(found.origin).parent / "templates" / "vivado" / "ap_types"
    shapes = [(4, 2), (8, 2)]  # bits go at both ends; bits come at the low end
    kinds = [
        FixedPoint(bits, integer, is_signed, rounding, overflow)
        for (bits, integer), is_signed, rounding, overflow in product(shapes, (True, False), ROUNDING, OVERFLOW)
    ]
    calls = "\n".join(f"  cast<{kind.ap_type} >();" for kind in kinds)
    (tmp_path / "cast.cpp").write_text(
        '#include "ap_fixed.h"\n#include <cstdio>\n'
        "template <class T> void cast() {\n"
        "  for (int c = -256; c < 256; ++c) {\n"
        "    ap_fixed<9, 5> from; from.range() = c;\n"
        '    T to = from; std::printf("%d ", (int)to.range().to_uint64());\n  }\n  std::puts("");\n}\n'
        f"int main() {{\n{calls}\n}}\n"
    )
    compile_command = ["g++", "-std=c++11", "-w", f"-I{headers}", "cast.cpp", "-o", "cast"]
    subprocess.run(compile_command, cwd=tmp_path, check=True)
    lines = subprocess.run(["./cast"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(lines) == len(kinds) == 112
    for kind, line in zip(kinds, lines, strict=True):
        raw = np.array([int(word) for word in line.split()])
        every, spelt = np.arange(-256, 256), (1 << kind.bits) - 1
        assert raw.tolist() == (reference.cast(every, 4, kind) & spelt).tolist(), kind
        one = FixedModel("cast", (1,), FixedPoint(9, 5), (FixedActivation("cast", "linear", kind),), ("x",))
        assert raw.tolist() == (one.run(every[:, np.newaxis])[:, 0] & spelt).tolist(), kind
