from __future__ import annotations

import copy
import json
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from fixed_models import mlp
from html_page import Page
from qkdflow import FixedPoint, Key, Sequential, cli, workflow
from qkdflow.accuracy import margin, wilson
from qkdflow.config import RunConfig
from qkdflow.datasets import psd
from qkdflow.freeze import freeze
from qkdflow.html import Html, join, tag
from qkdflow.layers import BatchNormalization, Input, QDense, Rescaling
from qkdflow.models import Model
from qkdflow.quantizers import quantized_bits
from qkdflow.recipe import Trained
from qkdflow.report import (
    activation_summary,
    headline,
    layer_rows,
    pulse_summary,
    verdicts,
    weight_summary,
    write_report,
)
from qkdflow.report.page import page
from qkdflow.report.searches import study_of
from qkdflow.summary import Report, search_part
from qkdflow.tune import HyperParameters, Study, Trial, TrialFailed
from report_example import estimated, example_report


@pytest.fixture(scope="module")
def example() -> str:
    return page(example_report())


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that read words: drawing takes most of a report's time."""
    monkeypatch.setattr("qkdflow.plots.svg", lambda figure, name: "<svg></svg>")


def test_the_page_stands_alone(example: str) -> None:
    Page(example).assert_inert()
    assert "@import" not in example
    assert "url(http" not in example.replace(" ", "")
    assert "prefers-color-scheme: dark" in example
    assert "@media print" in example


def test_the_same_values_give_the_same_page(example: str) -> None:
    assert page(example_report()) == example


def test_what_a_reader_came_for_is_there(example: str) -> None:
    text = Page(example).text
    for value in (
        "An 8-bit student of 529 parameters, 20.39 % of its weights zero",
        "16,352",
        "30.91",
        "523,264",
        "95.88",  # the linear classifier
        "ap_ufixed<10,10>",
        "80,000",
        "xc7z020clg400-1",
        "Simulated device (compiled HLS code)",
        "teacher search",
        "3.11.9",
        "seed 0",
        "No board took part",
    ):
        assert value in text
    for model in ("teacher", "student"):
        for figure in ("confusion", "search", "history"):
            assert f'id="{figure}-{model}-figure_1"' in example
    for figure in ("front", "importance", "slices", "response", "parallel"):
        assert f'id="{figure}-student-figure_1"' in example
        assert f'id="{figure}-teacher-figure_1"' not in example
    for figure in ("size", "pulses", "weights", "widths", "activations"):
        assert f'id="{figure}-figure_1"' in example


def assert_tables_are_rectangular(text: str) -> None:
    for table in re.findall("<table.*?</table>", text):
        rows = re.findall("<tr>.*?</tr>", table)
        assert len(rows) > 1
        widths = {sum(int(n or 1) for n in re.findall(r'<t[hd](?: colspan="(\d+)")?', row)) for row in rows}
        assert len(widths) == 1, table


def test_tables_are_rectangular(example: str) -> None:
    assert_tables_are_rectangular(example)


HOSTILE = '"><script>alert(1)</script>&amp;\x00\udcff'


def test_names_from_outside_stay_text(tmp_path: Path) -> None:
    report = example_report()
    report["dataset"]["name"] = report["dataset"]["source"] = HOSTILE
    report["dataset"]["class_names"][0] = HOSTILE
    report["dataset"]["pulses"] = {HOSTILE: report["dataset"]["pulses"]["double"]}
    report["student"]["layers"][1]["name"] = report["student"]["layers"][1]["weight_type"] = HOSTILE
    report["student"]["activations"]["layers"][HOSTILE] = report["student"]["activations"]["layers"].pop("input")
    report["student"]["weights"] = {HOSTILE: report["student"]["weights"]["dense_0"]}
    search = report["student_search"]
    name = HOSTILE.rstrip("\udcff")  # the space is checked: a name is text
    search["space"][0]["name"] = name
    for trial in search["trials"]:
        trial["values"][name] = trial["values"].pop("fc1")
    report["baselines"][HOSTILE] = {"not_run": HOSTILE}
    report["hls"] = {"not_run": HOSTILE, "part": HOSTILE}
    report["assessment"]["device"] = report["versions"]["python"] = report["budget"] = HOSTILE
    report["timings"] = {HOSTILE: 1.0}
    report["verdicts"] = [HOSTILE]
    write_report(tmp_path, report)
    parsed = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "script" not in parsed.tags
    assert "<script>alert(1)</script>" in parsed.text
    assert json.loads((tmp_path / "report.json").read_bytes())["dataset"]["name"] == HOSTILE


@pytest.mark.usefixtures("undrawn")
def test_parts_that_were_not_run_say_why() -> None:
    report = example_report()
    report["baselines"]["boosted_trees"] = {"not_run": "scikit-learn is not installed"}
    report["hls"] = {"backend": "Vitis", "not_run": "there is no C++ compiler"}
    report["assessment"] = {"not_run": "the overlay was not asked for"}
    report["teacher_search"] = {"not_run": "a trained teacher was given"}
    text = Page(page(report)).text
    assert_tables_are_rectangular(page(report))
    assert "Boosted trees: not compared, because scikit-learn is not installed." in text
    assert "The HLS code was not compiled and compared, because there is no C++ compiler." in text
    assert "The assessment was not run, because the overlay was not asked for." in text
    assert "not run: a trained teacher was given" in text
    assert "its HLS code was not run." in headline(report)


def test_the_barest_report_is_a_page() -> None:
    report = example_report()
    for key in ("baselines", "teacher_search", "student_search", "hls", "assessment", "float_vs_fixed"):
        del report[key]
    for key in ("size_bits", "timings", "verdicts"):
        del report[key]
    del report["dataset"]["pulses"]
    for model in ("teacher", "student"):
        del report[model]["history"], report[model]["confusion_test"]
    del report["student"]["weights"], report["student"]["activations"]
    text = Page(page(report)).text
    assert "Linear classifier: not compared, because this run did not include it." in text
    assert "Confusion" not in text


def test_a_baseline_that_is_not_beaten_is_named() -> None:
    report = example_report()
    report["baselines"]["linear"]["accuracy_test"] = 0.9965
    found = verdicts(report)
    assert "The student (98.98 %) does not beat the linear classifier (99.65 %)." in found
    assert any(s.startswith("The teacher leads the linear classifier by 0.01 points, less than") for s in found)
    assert not any("boosted" in s for s in found)
    report["baselines"]["linear"]["accuracy_test"] = report["teacher"]["accuracy_test"]
    assert any(s.startswith("The teacher") and "does not beat" in s for s in verdicts(report))


@pytest.mark.usefixtures("undrawn")
def test_differences_are_called_faults() -> None:
    report = example_report()
    report["hls"]["mismatches"], report["assessment"]["mismatches"] = 3, 1
    report["float_vs_fixed"] |= {"class_changes": 2, "exact_mismatches": 5}
    text = Page(page(report)).text
    assert "3 of 80,000 HLS outputs differ from the emulator: a fault." in text
    assert "1 of 80,000 assessed outputs differ from the emulator: a fault." in text
    assert "another class for 2 of 20,000 samples" in text
    assert "3 of 80,000 outputs of its HLS code differ" in headline(report)
    assert "5 logits of the frozen integers differ" in text
    assert text.count(" differs ") == 4


@pytest.mark.usefixtures("undrawn")
def test_a_design_that_does_not_fit_its_part_is_said_with_the_cure() -> None:
    report = {**example_report(), "estimate": estimated(1.08, "does not fit")}
    said = next(s for s in verdicts(report) if s.startswith("Estimated, not implemented"))
    assert "does not fit xc7z020clg400-1 (LUT 30.0 %, FF 10.0 %, DSP 108.0 %" in said
    assert "change fc1 first" in said
    assert "--strategy Resource --reuse-factor N" in said
    words = " ".join(Page(page(report)).words)
    assert "5 to 11" in words
    assert "Verdict: does not fit" in words


def test_a_design_that_fits_needs_no_sentence_and_one_not_estimated_says_why() -> None:
    report = example_report()
    before = verdicts(report)
    assert verdicts({**report, "estimate": estimated(0.1, "fits")}) == before
    refused = {**report, "estimate": {"not_run": "strategy must be latency or resource; got 'unrolled'"}}
    assert "Not estimated: strategy must be latency or resource; got 'unrolled'." in verdicts(refused)
    assert "not estimated: strategy must be" in " ".join(Page(page(refused)).words)


def test_a_student_that_is_hardly_smaller_is_said_to_be_where_nothing_limits_it() -> None:
    report = example_report()
    report["student"]["parameters"] = report["teacher"]["parameters"] // 2
    said = (
        "The student has 50 % of its teacher's parameters: --max-parameters N searches a smaller one (another --out)."
    )
    assert said in verdicts(report)
    assert said not in verdicts({**report, "config": {**(report.get("config") or {}), "max_parameters": 9000}})
    report["student"]["parameters"] = report["teacher"]["parameters"] // 3
    assert not any("--max-parameters" in s for s in verdicts(report))


def test_the_file_is_completed_and_can_be_written_again_from_itself(tmp_path: Path) -> None:
    report = example_report()
    report["baselines"]["linear"]["accuracy_test"] = np.float64(0.999)
    report["student"]["history"]["val_loss"][3] = float("nan")
    before = copy.deepcopy(report["verdicts"])
    complete = write_report(tmp_path / "a", report)
    assert report["verdicts"] == before
    assert complete["verdicts"] == [*before, *(v for v in verdicts(report) if v not in before)]
    assert len(complete["verdicts"]) == 3
    loaded = json.loads((tmp_path / "a" / "report.json").read_text(encoding="utf-8"))
    assert loaded == complete
    assert loaded["student"]["history"]["val_loss"][3] is None
    write_report(tmp_path / "b", loaded)
    for name in ("report.json", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_markup_is_escaped_by_construction() -> None:
    assert tag("p", "<", Html("<b>"), ["&", None], 3, title='"') == '<p title="&quot;">&lt;<b>&amp;3</p>'
    assert isinstance(join("a"), Html)


def test_wilson_agrees_with_published_values() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1 / 29, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert margin(0.5, 0.5, 100) == pytest.approx(1.96 * (0.5 / 100) ** 0.5, rel=1e-4)


class Part(NamedTuple):
    x: Any
    y: Any


def _fixed() -> Any:
    weight_type, wide = FixedPoint(4, 1, rounding="RND", overflow="SAT"), FixedPoint(16, 8)
    dense = SimpleNamespace(
        kind="dense",
        name="fc1",
        weights=np.array([[-8, 7], [0, 7], [1, 0]]),
        bias=np.array([0, 3]),
        weight_type=weight_type,
        bias_type=wide,
        result_type=wide,
    )
    relu = SimpleNamespace(kind="activation", name="relu1", activation="relu", result_type=FixedPoint(8, 4, False))
    return SimpleNamespace(input_type=FixedPoint(10, 10, False), layers=(dense, relu))


def test_codes_are_counted_zeros_apart() -> None:
    summary = weight_summary(_fixed())["fc1"]
    assert (summary["low_code"], summary["high_code"], summary["zeros"]) == (-8, 7, 2)
    assert summary["edges"] == [code - 0.5 for code in range(-8, 9)]
    assert {int(e + 0.5): c for e, c in zip(summary["edges"], summary["counts"], strict=False) if c} == {
        -8: 1,
        1: 1,
        7: 2,
    }


def test_wide_types_are_counted_in_bins_of_whole_codes() -> None:
    fixed = _fixed()
    fixed.layers[0].weight_type = FixedPoint(9, 2)
    fixed.layers[0].weights = np.array([[-256, 255], [5, -1]])
    summary = weight_summary(fixed)["fc1"]
    assert len(summary["counts"]) == 64
    assert sum(summary["counts"]) == 4
    assert summary["edges"][0] == -256.5
    assert summary["edges"][-1] == 255.5


def test_results_are_counted_by_their_significant_bits() -> None:
    fixed, x = mlp(Key(3), (5, 6, 2)), np.round(1100 * np.asarray(Key(4).uniform(900 * 5)).reshape(900, 5))
    found = activation_summary(fixed, x)
    codes = fixed.input_type.encode(x[:500])
    results = {"input": codes, **fixed.emulator.trace(codes)}
    types = {"input": fixed.input_type, **{layer.name: layer.result_type for layer in fixed.layers}}
    assert found["samples"] == 500
    assert list(found["layers"]) == ["input", *(layer.name for layer in fixed.layers)]
    saturated = 0
    for name, layer in found["layers"].items():
        kind, flat = types[name], [int(code) for code in results[name].ravel()]
        assert 2.0 ** layer["last_bit"] == kind.step
        bits = Counter(min(abs(code), kind.high_code).bit_length() for code in flat)
        assert {b: n for b, n in enumerate(layer["counts"]) if n} == bits
        assert layer["at_limit"] == sum(code in {kind.low_code, kind.high_code} - {0} for code in flat)
        saturated += layer["at_limit"]
    assert saturated > 0


def test_layers_are_listed_with_their_types() -> None:
    rows = layer_rows(_fixed())
    assert [row["kind"] for row in rows] == ["input", "dense", "relu"]
    assert rows[1] | {"name": "fc1", "inputs": 3, "outputs": 2, "parameters": 8, "weights": 6, "nonzero": 4} == rows[1]
    assert rows[1]["weight_type"] == "ap_fixed<4,1,AP_RND,AP_SAT>"


def test_pulses_are_summed_up_by_class() -> None:
    x = np.arange(40, dtype=np.float32).reshape(20, 2)
    y = np.array([0] * 12 + [2] * 8)
    dataset: Any = SimpleNamespace(train=Part(x, y), class_names=("a", "none", "c"))
    summary = pulse_summary(dataset)
    assert summary is not None
    assert list(summary) == ["a", "c"]
    assert summary["a"]["mean"] == [11.0, 12.0]
    assert summary["a"]["low"] == pytest.approx([2.2, 3.2])
    assert len(summary["c"]["examples"]) == 6
    images: Any = SimpleNamespace(train=Part(np.zeros((2, 4, 4)), np.zeros(2)), class_names=("a",))
    assert pulse_summary(images) is None


def test_the_search_in_the_report_is_the_study_that_was() -> None:
    def accuracy(trial: Trial) -> tuple[float, dict[str, Any]]:
        if trial.number == 4:
            raise TrialFailed("diverged")
        units = int(trial.values["units"])
        return 1 - abs(units - 11) / 20 - 0.1 * (trial.values["kind"] == "b"), {"parameters": 31 * units}

    def space(hp: HyperParameters) -> None:
        hp.Int("units", 1, 20)
        hp.Choice("kind", ["a", "b"])
        with hp.conditional_scope("kind", ["b"]):
            hp.Float("rate", 1e-3, 1, sampling="log")
        hp.Boolean("bias")

    study = Study(space, seed=9)
    study.optimize(accuracy, 14)
    again = study_of(json.loads(json.dumps(search_part(study))))
    assert [(t.values, t.state, t.objectives) for t in again.trials] == [
        (t.values, t.state, t.objectives) for t in study.trials
    ]
    assert again.best is not None
    assert study.best is not None
    assert again.best.number == study.best.number
    somewhere = [{"units": 3, "kind": "a", "bias": False}, {"units": 12, "kind": "b", "rate": 0.1, "bias": True}]
    assert [list(a) for a in again.predict(somewhere)] == [list(a) for a in study.predict(somewhere)]
    assert again.cost(again.trials[0]) == study.trials[0].info["parameters"]


def test_layers_that_are_not_exact_by_design_are_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = psd.simulate(Key(1), 200)
    q = quantized_bits(6, 2, alpha=1, rounding="RND")
    model: Model = Sequential(
        [
            Input(data.shape, type=data.input_type),
            Rescaling(2.0**-10),
            QDense(data.classes, kernel_quantizer=q, bias_quantizer=q),
            BatchNormalization(name="bn"),
        ]
    )
    model.compile()
    trained = Trained(model, model.fit(data.train.x, data.train.y, epochs=2, validation_data=data.valid, key=3))
    fixed = freeze(model, data.class_names)
    assert (fixed.predict(data.test.x) != model.exact_logits(data.test.x)).any()
    report = Report(RunConfig("psd"), data)
    report.networks(trained, trained, fixed)
    found = report.parts["float_vs_fixed"]
    assert found["inexact_layers"] == ["bn"]
    assert "exact_mismatches" not in found

    whole = {**example_report(), "float_vs_fixed": {**found, "exact_class_changes": 3}}
    (said,) = [sentence for sentence in verdicts(whole) if "float64" in sentence]
    assert "another class for 3 of" in said
    assert "by design, in bn" in said
    assert not any("fault" in sentence for sentence in verdicts(whole))
    monkeypatch.setattr(workflow, "run", lambda *_: whole)
    assert cli.main(["run", "psd", "--out", str(tmp_path)]) == 0
