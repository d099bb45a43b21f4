"""How values show themselves in notebooks: what a reader came for is there, names stay text, and nothing runs."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_page import Page
from qkdflow import FixedPoint, Key, Sequential
from qkdflow.assess import Assessment
from qkdflow.cards import card, facts, grid, lines
from qkdflow.datasets import Dataset
from qkdflow.export.hls import HlsConfig, HlsProject
from qkdflow.fixed import FixedModel
from qkdflow.freeze import freeze
from qkdflow.hardware.estimator import estimate
from qkdflow.layers import Input, QActivation, QDense
from qkdflow.models import History, Model
from qkdflow.quantizers import quantized_bits, quantized_relu
from qkdflow.report.card import RunReport
from qkdflow.tune import Study, Trial
from report_example import example_report

HOSTILE = '"><script>alert(1)</script>&amp;'
NAMES = ("quiet", HOSTILE)


def data() -> Dataset:
    kind = FixedPoint(4, 4, False, "RND", "SAT")
    x = np.asarray(Key(0).uniform(120) * 15, np.float32).round().reshape(40, 3)
    return Dataset.make(HOSTILE, x, np.arange(40) % 2, NAMES, kind, Key(1))


@cache
def model() -> Model:
    q = quantized_bits(6, 2, alpha=1, rounding="RND")
    layers = [
        Input((3,), type=data().input_type),
        QDense(5, kernel_quantizer=q, bias_quantizer=q, name="fc1"),
        QActivation(quantized_relu(6, 2, rounding="RND")),
        QDense(2, kernel_quantizer=q, bias_quantizer=q),
    ]
    return Sequential(layers, name=HOSTILE)


@cache
def fixed() -> FixedModel:
    return freeze(model(), NAMES)


def study() -> Study:
    found = Study(lambda hp: (hp.Int(HOSTILE, 1, 9), hp.Float("rate", 0.1, 1.0)), seed=3, direction="min")
    found.optimize(lambda trial: abs(float(trial.values["rate"]) - 0.5), 7)
    return found


def assessment(mismatches: int) -> Assessment:
    return Assessment(
        HOSTILE, 40, 80, mismatches, 3 if mismatches else None, 0.975, ((20, 0), (1, 19)), NAMES, 0.1, 1.0
    )


def two_objectives() -> Study:
    found = Study(
        lambda hp: hp.Int("units", 1, 9), direction=("max", "min"), cost=lambda values: 10 * float(values["units"])
    )
    return Study.of(
        found.space,
        [Trial(i, {"units": 1 + i}, "complete", v[0], objectives=v) for i, v in enumerate([(0.5, 2.0), (0.4, 3.0)])],
        direction=("max", "min"),
        cost=lambda values: 10 * float(values["units"]),
    )


CARDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "dataset": (data, ("40 samples of shape (3,)", "ap_ufixed<4,4,AP_RND,AP_SAT>", "all 28 6 6")),
    "model": (model, ("Sequential", "(3,) to (2,), 32 parameters", "fc1 QDense (5,) 20")),
    "history": (
        lambda: History({"loss": [2.0, math.nan, 0.5, 0.5], "val_loss": [math.nan] * 4}),
        ("4 epochs", "loss 2 0.5 2 0.5", "val_loss nan nan nan nan"),
    ),
    "untrained": (lambda: History({}), ("0 epochs",)),
    "study": (study, ("7 trials, 7 complete", "best so far", "rate")),
    "front": (two_objectives, ("Of the front", "trial value 0 value 1 cost units 0 0.5 2 10 1")),
    "no trials": (lambda: Study(lambda hp: hp.Int("n", 1, 9)), ("0 trials",)),
    "fixed": (fixed, ("(3,) to 2 logits, 32 parameters", "of 6 bits", "ap_ufixed<4,4> RND SAT", "ap_fixed<6,3> RND")),
    "hls": (
        lambda: HlsProject(Path(HOSTILE), fixed(), HlsConfig(reuse_factor={"fc1": 3}), "0", (HOSTILE,)),
        ("xc7z020clg400-1 (pynq-z2)", "io_parallel", "fc1 3", "5 ns"),
    ),
    "assessment": (lambda: assessment(0), ("0 of 80 logits differ", "accuracy 0.9750", "the emulator's 1.0000")),
    "fault": (lambda: assessment(2), ("2 of 80 logits differ", "first sample that differs 3")),
    "estimate": (
        lambda: estimate(fixed(), part="xc7z020clg400-1", strategy="resource", reuse_factor=5),
        ("fits : LUT", "Estimated, not implemented", "reuse factor", "total"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CARDS)
def test_a_card_says_what_a_reader_came_for_and_names_stay_text(name: str) -> None:
    make, words = CARDS[name]
    parsed = Page(make()._repr_html_())
    parsed.assert_inert()
    for value in words:
        assert value in parsed.text


def test_names_from_outside_are_there_as_they_are() -> None:
    for name in ("dataset", "model", "study", "hls", "assessment"):
        assert HOSTILE.split("&")[0] in Page(CARDS[name][0]()._repr_html_()).text


def test_a_run_shows_its_headline_its_classifiers_and_what_to_mind() -> None:
    report = example_report()
    report["hls"] = {"not_run": HOSTILE}
    shown = RunReport(Path("runs") / HOSTILE, report)
    assert shown == report
    parsed = Page(shown._repr_html_())
    parsed.assert_inert()
    for value in ("An 8-bit student of 529 parameters", "linear 124 95.88", "30.91 times", "No board took part"):
        assert value in parsed.text
    assert f"C simulation not run: {HOSTILE}" in parsed.text
    assert "0 of 80,000 outputs differ" in parsed.text


def test_tables_set_numbers_right_and_sum_below() -> None:
    html = grid(("a", "b"), [("x", "1"), ("all", "2")], numeric=(1,), foot=True)
    assert '<th style="text-align:right">2</th>' in html
    assert '<td style="text-align:left">x</td>' in html
    assert Page(facts({"there": "1", "not there": None})).text == "there 1"


def test_lines_share_a_scale_and_leave_out_what_is_no_number() -> None:
    html = str(lines({"a": [0.0, 1.0, math.nan], "b": [1.0, 2.0, 2.0]}, "what is seen"))
    assert 'points="2.0,118.0 160.0,60.0"' in html
    assert 'points="2.0,60.0 160.0,2.0 318.0,2.0"' in html
    assert 'aria-label="what is seen"' in html
    assert lines({"a": [1.0]}, "nothing to join") is None
    assert lines({"a": [math.inf, math.nan]}, "no number") is None


def test_colours_are_of_no_theme() -> None:
    """Ink and paper are the page's own: a colour is only given to what is neither."""
    html = card("t", "about", *(make()._repr_html_() for make, _ in CARDS.values()))
    assert "background" not in html
    assert {"#000", "#fff", "black", "white"} & set(html.split("color:")) == set()
