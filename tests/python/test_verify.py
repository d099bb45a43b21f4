"""The ladder of a directory: what it finds, and whether it names the layer and the cause where something is wrong."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from csim_models import compiled, needs_csim
from fixed_graphs import GRAPHS
from fixed_models import codes, mlp
from qkdflow import FixedPoint, Key, reference, rtl
from qkdflow.cli import main
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError, DataError
from qkdflow.export import csim
from qkdflow.export.hls import HlsConfig, write_hls
from qkdflow.files import read_npz, write_json, write_npz
from qkdflow.fixed import FixedActivation, FixedDense, FixedModel
from qkdflow.fixed.model import INPUT
from qkdflow.freeze import freeze
from qkdflow.hardware import simulated
from qkdflow.models import Model
from qkdflow.overlay import build_overlay
from qkdflow.verify import RUNGS, causes, difference, rungs, verify
from test_freeze import COUNTS, raw, student

needs_no_compiler = ("float", "fake", "emulator")


def dataset() -> Dataset:
    x = raw(400)
    y = (x[:, 0] > x[:, 1]).astype(np.int64) + (x[:, 2] > 900)
    return Dataset.make("pulses", x, y, ("a", "b", "c"), COUNTS, Key(1))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's directory as far as the ladder reads it."""
    data, model = dataset(), student("RND", 6)
    model.fit(*data.train, epochs=3)
    write_json(tmp_path / "run.json", {"format": "qkdflow.run/1", "config": {}})
    data.save(tmp_path / "01_dataset")
    model.save(tmp_path / "05_student")
    fixed = freeze(model, data.class_names)
    fixed.save(tmp_path / "06_fixed")
    build_overlay(fixed, data, tmp_path / "08_overlay")
    return tmp_path


def test_a_run(run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a compiler three rungs run, and the others say what they need."""
    monkeypatch.setattr(rungs, "compiler_problem", lambda *_: "g++ is not on PATH")
    monkeypatch.setattr(rungs.rtl, "verilator_problem", lambda: "Verilator 5 is required")
    assert main(["verify", str(run)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "59 samples of the test part"
    table = {line.split()[0]: line for line in said[2:]}
    assert tuple(table) == tuple(rung.name for rung in RUNGS)
    assert "classes differ; float32 training arithmetic" in table["float"]
    assert table["fake"].split()[1:4] == ["emulator", "177", "0"]
    assert table["emulator"].split()[1:5] == ["NumPy", "reference", "177", "0"]
    assert "not run: g++ is not on PATH" in table["csim"]
    assert "not run: Verilator 5 is required" in table["rtl"]
    assert "not run: a run's hand-over is required" in table["overlay"]
    assert main(["verify", str(run), "--rungs", "fake,csim"]) == 2  # asked for by name
    capsys.readouterr()
    assert main(["verify", str(run), "--rungs", "emulator", "--samples", "7", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(r["rung"], r["outputs"], r["mismatches"]) for r in found["rungs"]] == [("emulator", 21, 0)]


def test_verilog_that_was_given_must_be_simulated(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, fixed: FixedModel, packed: bool) -> None:
        raise ConfigError(f"[{folder}] packed: {packed}")

    monkeypatch.setattr(rungs, "compiler_problem", lambda *_: "g++ is not on PATH")
    monkeypatch.setattr(rungs.rtl, "verilator_problem", lambda: "Verilator 5 is required")
    assert main(["verify", str(run), "--rtl", "verilog", "--samples", "5"]) == 2
    assert "not run: Verilator 5 is required" in capsys.readouterr().out
    monkeypatch.setattr(rungs.rtl, "verilator_problem", lambda: None)
    monkeypatch.setattr(rungs.rtl, "compile_vendor_rtl", refuse)
    for arguments, message in (
        (["--rtl", "verilog", "--rungs", "fake"], "[--rtl] the rung rtl is required among the rungs; got fake"),
        (["--unpacked"], "[--unpacked] is about the streams of the Verilog that --rtl names; give --rtl"),
        (["--dummies", "1"], "[--dummies] is about the pipeline of the Verilog that --rtl names; give --rtl"),
        (["--rtl", "verilog", "--rungs", "rtl"], "[verilog] packed: True"),
        (["--rtl", "verilog", "--rungs", "rtl", "--unpacked"], "[verilog] packed: False"),
    ):
        assert main(["verify", str(run), *arguments]) == 2
        assert message in capsys.readouterr().err


def test_a_student_that_is_no_longer_what_was_frozen(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fixed = FixedModel.load(run / "06_fixed")
    cut = next(layer for layer in fixed.layers if layer.name == "relu1")
    assert isinstance(cut, FixedActivation)
    kind = FixedPoint(cut.result_type.bits, cut.result_type.integer, False, "TRN", "SAT")
    wrong = tuple(replace(cut, result_type=kind) if layer is cut else layer for layer in fixed.layers)
    replace(fixed, layers=wrong).save(run / "06_fixed")
    assert main(["verify", str(run), "--rungs", "fake"]) == 1
    said = capsys.readouterr().out
    assert "fake: first at layer relu1, sample 0" in said
    assert "(ap_ufixed<6,2,AP_TRN,AP_SAT>); likely cause: rounding: RND, not TRN" in said


def test_the_hand_over(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its vectors through driver and simulated board; vectors of another network are no rung of this one."""
    monkeypatch.setattr(simulated, "compiler_problem", lambda *_: "the test has no compiler")
    write_hls(FixedModel.load(run / "06_fixed"), run / "07_hls" / "project", HlsConfig())
    found = verify(run, ("overlay",)).outcomes[0]
    assert (found.outputs, found.mismatches, found.not_run) == (177, 0, None)
    assert "simulated ComBlock" in found.note
    arrays = read_npz(run / "08_overlay" / "vectors.npz")
    arrays["logit_codes"][3, 1] += 1
    write_npz(run / "08_overlay" / "vectors.npz", arrays)
    found = verify(run, ("overlay",)).outcomes[0]
    assert str(found.not_run).endswith("1 of its logits are of another")


def test_saved_things(run: Path, tmp_path: Path) -> None:
    """A student alone is frozen anew; a frozen network alone has no float rungs."""
    found = verify(run / "05_student", needs_no_compiler, 50)
    assert [(o.outputs, o.mismatches) for o in found.outcomes] == [(50, 0), (150, 0), (150, 0)]
    assert found.about == "50 random samples"
    found = verify(run / "06_fixed", needs_no_compiler)
    assert [bool(o.not_run) for o in found.outcomes] == [True, True, False]
    assert found.outputs == 3000
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for name, got in (("none", "nothing there"), ("file", "a file"), ("empty", "a folder with none of run.json")):
        with pytest.raises(DataError, match=f"a saved student, a frozen network or an hls4ml project.* got {got}"):
            verify(tmp_path / name)
    with pytest.raises(ConfigError, match="rungs must be some of float, fake, emulator"):
        verify(run, ("emulator", "board"))
    with pytest.raises(ConfigError, match="whole number from 1 on; got 0"):
        verify(run, samples=0)


@pytest.mark.skipif(rtl.verilator_problem() is not None, reason=f"rtl: {rtl.verilator_problem()}")
def test_verilog_of_a_run(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ours, made for this; then a folder that `qkdflow rtl` left, of another network: its outputs differ."""
    [ours] = verify(run, ("rtl",)).outcomes
    assert (ours.outputs, ours.mismatches) == (177, 0)
    assert re.fullmatch(r"made for this; \d+ clocks, one result every \d+, simulated", ours.note)
    fixed = FixedModel.load(run / "06_fixed")
    last = fixed.layers[-1]
    assert isinstance(last, FixedDense)
    other = replace(fixed, layers=(*fixed.layers[:-1], replace(last, bias=last.bias + 1)))
    rtl.write_rtl(other, run / "rtl", rtl.RtlConfig(rtl.nearest_reuse_factors(other, 4)))
    assert main(["verify", str(run), "--rungs", "rtl"]) == 1
    assert f"rtl: first at layer {last.name}, sample 0" in capsys.readouterr().out


@needs_csim
def test_a_project_that_was_changed(tmp_path: Path) -> None:
    """The mutant truncates where the network rounds; its own trace names layer and cause."""
    project = compiled("vitis-parallel").project
    found = verify(project.directory, ("csim",), 200)
    assert [(o.outputs, o.mismatches) for o in found.outcomes] == [(800, 0)]
    fixed = project.fixed
    assert isinstance(fixed.layers[1], FixedActivation)
    kind = replace(fixed.layers[1], result_type=FixedPoint(8, 4, False, "TRN", "SAT"))
    other = csim.load_csim(project)
    subject = rungs.Subject(
        tmp_path, replace(fixed, layers=(fixed.layers[0], kind, *fixed.layers[2:])), raw_inputs(fixed), ""
    )
    outcome = rungs._simulated(subject, other, "")
    assert outcome.mismatches > 10
    first = outcome.difference
    assert first is not None
    assert (first.layer, first.cause) == ("act1", "rounding: RND, not TRN")
    assert (first.want_type, first.got_type) == ("ap_ufixed<8,4,AP_TRN,AP_SAT>", "ap_ufixed<8,4,AP_RND,AP_SAT,0>")
    assert first.got == first.want + 1 / 16


def raw_inputs(fixed: FixedModel) -> np.ndarray:
    return fixed.input_type.decode(codes(Key(3), fixed.input_type, (300, *fixed.input_shape)))


def wrong_values(layer: FixedActivation, sources: list[reference.Value], **change: object) -> np.ndarray:
    kind = FixedPoint.from_dict({**layer.result_type.to_dict(), **change})
    return kind.decode(reference.result(replace(layer, result_type=kind), sources))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"rounding": "RND_CONV"}, "rounding: RND_CONV, not RND"),
        ({"overflow": "WRAP"}, "saturation: WRAP, not SAT"),
        ({"rounding": "TRN", "overflow": "WRAP"}, "rounding and saturation: TRN and WRAP, not RND and SAT"),
        ({"bits": 6}, "precision: 2 fraction bits too few"),
        ({"bits": 9, "integer": 5}, "precision: 1 integer bits too many"),
    ],
)
def test_causes_of_a_cast(change: dict[str, object], cause: str) -> None:
    fixed = mlp(Key(1), (30, 15, 4))
    act = fixed.layers[1]
    assert isinstance(act, FixedActivation)
    x = codes(Key(2), fixed.input_type, (2000, 30))
    sums = reference.Value(reference.trace(fixed, x)["fc1"], fixed.layers[0].result_type.fraction, 30)
    assert causes.likely(act, [sums], wrong_values(act, [sums], **change)) == cause


def test_causes_of_a_sum() -> None:
    fixed = mlp(Key(1), (30, 15, 4))
    fc, value = fixed.dense[0], reference.Value(codes(Key(2), fixed.input_type, (50, 30)), 0, 10)
    assert isinstance(fc, FixedDense)
    right = fc.result_type.decode(reference.result(fc, [value]))
    step = fc.result_type.step
    grid = step * 2**3
    assert (
        causes.likely(fc, [value], np.floor(right / grid) * grid) == "precision: its result has 3 fraction bits too few"
    )
    assert causes.likely(fc, [value], right + step) == "precision: weights, bias or accumulator are others"
    products = (value.codes[:, :, None] * fc.weights) >> 3 << 3  # the input is whole: a product's grid is the weight's
    bias = fc.bias << fc.result_type.fraction - fc.bias_type.fraction
    up = fc.result_type.fraction - fc.weight_type.fraction
    cut = fc.result_type.decode((products.sum(axis=1) << up) + (bias >> 3 + up << 3 + up))
    said = f"order of accumulation: products are cut by {3 + up} bits before they are summed"
    assert causes.likely(fc, [value], cut) == said


def test_causes_of_a_merge() -> None:
    """What only moves values has no rounding of its own: a type too narrow is all that it can get wrong."""
    fixed = GRAPHS["residual"](Key(1))
    traced = reference.trace(fixed, codes(Key(2), fixed.input_type, (40, *fixed.input_shape)))
    add = next(layer for layer in fixed.layers if layer.kind == "add")
    sources = [
        reference.Value(traced[name], fixed.emulator.type(name).fraction, fixed.emulator.type(name).bits)
        for name in add.inputs
    ]
    kind = add.result_type
    narrow = FixedPoint(kind.bits - 2, kind.integer - 2)
    got = narrow.decode(reference.cast(traced[add.name], kind.fraction, narrow))
    assert causes.likely(add, sources, got) == "precision: its result wraps, 2 integer bits too few"


def test_floats_that_sum_are_named() -> None:
    wide = mlp(Key(1), (30, 4), FixedPoint(16, 3), FixedPoint(16, 2), FixedPoint(30, 6))
    fc, kind = wide.dense[0], wide.input_type
    value = reference.Value(codes(Key(2), kind, (50, 30)), kind.fraction, kind.bits)
    x, w = kind.decode(value.codes).astype(np.float32), fc.weight_type.decode(fc.weights).astype(np.float32)
    sums = np.cumsum(x[:, :, None] * w, axis=1, dtype=np.float32)[:, -1]  # term by term
    got = (sums + fc.bias_type.decode(fc.bias).astype(np.float32)).astype(np.float64)
    assert causes.likely(fc, [value], got) == "order of accumulation: summed in 32-bit floats"


def test_the_first_layer_is_found_in_a_graph() -> None:
    """Both branches differ behind the layer that is wrong; the layer is named, not what reads it."""
    fixed = GRAPHS["residual"](Key(1))
    x = raw_inputs(fixed)[:20]
    traced = fixed.trace(x)
    wrong = {name: values.copy() for name, values in traced.items()}
    places = np.arange(100, 120)
    assert difference.locate(fixed, x, places, wrong, {}) is None
    third = fixed.layers[2].name
    assert third != INPUT
    for layer in fixed.layers[2:]:
        wrong[layer.name][4:] += layer.result_type.step
    found = difference.locate(fixed, x, places, wrong, {third: "ap_fixed<9,9>"})
    assert found is not None
    assert (found.layer, found.sample, found.got_type) == (third, 104, "ap_fixed<9,9>")
    assert f"first at layer {third}, sample 104, element [0, 0, 0]" in str(found)


def test_layers_that_are_not_exact_by_design_are_not_held_to_it(tmp_path: Path) -> None:
    from qkdflow import Sequential
    from qkdflow.layers import BatchNormalization, Input, QDense
    from qkdflow.quantizers import quantized_bits

    q = quantized_bits(6, 1, alpha=1, rounding="RND")
    model: Model = Sequential(
        [Input((4,), type=COUNTS), QDense(3, kernel_quantizer=q, bias_quantizer=q), BatchNormalization(name="bn")]
    )
    model.save(tmp_path)
    found = verify(tmp_path, ("fake",), 40).outcomes[0]
    assert (found.outputs, found.mismatches) == (40, 0)
    assert found.note.startswith("not exact by design: bn")
    assert found.classes_differ is not None
