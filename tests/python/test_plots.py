from __future__ import annotations

import io
import math
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from qkdflow import plots
from qkdflow.plots.style import log_ticks, percent_axis
from report_example import example_report

REPORT = example_report()
REUSE = [
    {
        "device": device,
        "mhz": mhz,
        "asked": rf,
        "taken": {"fc1": rf if rf != 8 else 6},
        "latency_clk": (rf + 5, rf + 4, rf + 9),
        "share": {"lut": 0.2, "ff": 0.1, "dsp": 1.1 / rf, "bram": 0.0},
    }
    for device in ("pynq-z1", "zcu102")
    for mhz in (100, 200)
    for rf in (1, 8)
]
TRIALS = [
    {"number": 0, "objective": 0.98, "cost": 800, "refused": None},
    {"number": 1, "objective": 0.99, "cost": 1000, "refused": None},
    {"number": 2, "objective": 0.97, "cost": 1400, "refused": "LUT"},
    {"number": 3, "objective": None, "cost": None, "refused": "DSP"},
]
FIGURES = {
    "search": lambda: plots.search_history(REPORT["student_search"], "Student search"),
    "curves": lambda: plots.learning_curves(REPORT["teacher"]["history"], "Teacher"),
    "confusion": lambda: plots.confusion(
        REPORT["student"]["confusion_test"], REPORT["dataset"]["class_names"], "Student"
    ),
    "weights": lambda: plots.weight_histograms(REPORT["student"]["weights"]),
    "activations": lambda: plots.activation_histograms(REPORT["student"]["activations"]),
    "widths": lambda: plots.layer_widths(REPORT["student"]["layers"]),
    "size": lambda: plots.accuracy_against_parameters(REPORT),
    "reuse": lambda: plots.reuse_factor(REUSE, "student", [{"reuse_factor": 8, "latency_clk": 20, "mhz": 100}]),
    "cost": lambda: plots.accuracy_against_cost(TRIALS, "lut", chosen=1, limit=900),
    "residuals": lambda: plots.residuals({"lut": {"a": np.array([0.1, -0.2, 0.0]), "b": np.array([0.3])}}),
    "pulses": lambda: plots.pulses(REPORT["dataset"]["pulses"]),
}


def test_a_figure_shows_itself_in_a_notebook() -> None:
    """As a small image on paper of its own, the same bytes each time, figures of a user's in our look too."""
    with plots.look():
        own = plots.Figure(figsize=(3, 2))
        own.add_subplot(title="$ is a letter")
    for figure in (own, FIGURES["pulses"]()):
        first = figure._repr_png_()
        assert first == figure._repr_png_()
        image = Image.open(io.BytesIO(first)).convert("RGB")
        assert image.size == tuple(round(90 * inches) for inches in figure.get_size_inches())
        assert image.getpixel((0, 0)) == (254, 254, 254)
        assert len(first) < 40_000


def test_a_network_of_no_clock_is_drawn_at_half_a_clock() -> None:
    point = {**REUSE[0], "latency_clk": (0, 0, 2)}
    axes = plots.reuse_factor([point], "wires").axes[0]
    assert {float(y) for line in axes.lines for y in line.get_ydata()} == {0.5 / point["mhz"]}


def test_images_are_drawn_each_over_its_own_range() -> None:
    x = np.stack([np.zeros((4, 4, 1)), np.arange(16).reshape(4, 4, 1)])
    axes = plots.images(x, ["flat", "ramp"]).axes
    assert [ax.get_title() for ax in axes] == ["flat", "ramp"]
    assert [np.ptp(np.asarray(ax.images[0].get_array())) for ax in axes] == [0.0, 1.0]
    weights = plots.images(np.array([[[-3, 0]], [[1, 2]]]), signed=True).axes
    assert [ax.images[0].get_clim() for ax in weights] == [(-3.0, 3.0)] * 2
    colours = plots.images(np.ones((11, 2, 2, 3))).axes
    assert [bool(ax.images) for ax in colours] == [True] * 11 + [False] * 9


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_bytes_each_time_and_stands_alone(name: str) -> None:
    first = plots.svg(FIGURES[name](), name)
    assert first == plots.svg(FIGURES[name](), name)
    assert "mathdefault" not in first  # TeX, which nothing here reads
    root = ElementTree.fromstring(first)  # noqa: S314
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert all(i.startswith(f"{name}-") for i in ids)
    for element in root.iter():
        for key, value in element.attrib.items():
            if key.endswith("href"):
                assert value.removeprefix("#") in ids
    assert "<metadata" not in first


def test_figures_follow_the_colours_of_their_page() -> None:
    text = plots.svg(FIGURES["size"](), "size")
    assert "var(--ink, #1b1f24)" in text
    assert "var(--font, sans-serif)" in text
    assert "DejaVu" not in text


def test_a_users_settings_neither_change_a_figure_nor_are_changed() -> None:
    plain = plots.svg(FIGURES["curves"](), "c")
    mine = {"font.size": 20, "svg.fonttype": "path", "svg.hashsalt": "mine", "axes.grid": True}
    with matplotlib.rc_context(mine):
        assert plots.svg(FIGURES["curves"](), "c") == plain
        assert {key: matplotlib.rcParams[key] for key in mine} == mine


def test_pyplot_is_never_loaded() -> None:
    code = "import sys, qkdflow.plots; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_confusion_names_every_count() -> None:
    text = plots.svg(plots.confusion([[990, 10], [0, 1234]], ["gamma", "neutron"], "t"), "c")
    for word in ("990", "99.00 %", "10", "1.00 %", "1,234", "100.00 %", "gamma", "neutron"):
        assert f">{word}<" in text


def test_layers_say_their_bits_their_zeros_and_what_is_at_the_limit() -> None:
    text = plots.svg(plots.layer_widths(REPORT["student"]["layers"]), "w")
    for word in ("23", "8", "20.6", "dense_0", "relu_1"):
        assert f">{word}<" in text
    layers = {"a" * 30: {"last_bit": -3, "counts": [60, 20, 0, 20], "at_limit": 7, "type": "ap_ufixed<3,0>"}}
    text = plots.svg(plots.activation_histograms({"layers": layers}), "a")
    assert ">60.0 % zero, 7.0 % at the limit<" in text
    assert ">2⁻³<" in text


def test_a_class_without_samples_and_many_classes_are_drawn() -> None:
    plots.svg(plots.confusion([[0, 0], [1, 5]], ["a", "b"], "t"), "c")
    n = 20
    matrix = [[int(i == j) for j in range(n)] for i in range(n)]
    assert ">1<" not in plots.svg(plots.confusion(matrix, [f"class {i}" for i in range(n)], "t"), "c")


def test_the_pareto_front_holds_what_nothing_beats() -> None:
    points = [(10, 0.9), (20, 0.8), (20, 0.95), (5, 0.5), (30, 0.95), (40, 0.99), (10, 0.85)]
    assert plots.pareto_front(points) == [(5, 0.5), (10, 0.9), (20, 0.95), (40, 0.99)]
    assert plots.pareto_front([]) == []


def test_accuracies_near_one_stand_apart_and_one_itself_has_a_place() -> None:
    ax = Figure().add_subplot()
    y = percent_axis(ax, [0.9, 0.99, 0.999, 1.0], samples=1000)
    assert y(0.9) == pytest.approx(0.1)
    assert y(1.0) == pytest.approx(0.0005)
    bottom, top = ax.get_ylim()
    assert bottom > y(0.9) > y(0.99) > y(0.999) > y(1.0) > top
    labels = [t.get_text() for t in ax.get_yticklabels()]
    assert {"90", "99", "99.9", "100"} <= set(labels)


@pytest.mark.parametrize("accuracies", [[], [1.0], [1.0, 1.0], [0.0], [0.98, 0.9801], [0.25, 1.0], [0.5]])
def test_any_accuracies_give_an_axis_with_labels(accuracies: list[float]) -> None:
    figure = Figure()
    ax = figure.add_subplot()
    y = percent_axis(ax, accuracies)
    assert all(math.isfinite(y(a)) and y(a) > 0 for a in accuracies)
    assert [t.get_text() for t in ax.get_yticklabels()]
    plots.svg(figure, "x")


@pytest.mark.parametrize(("low", "high"), [(9_700, 13_500), (380, 540), (0.01, 90), (1, 1e6)])
def test_ticks_of_a_logarithmic_axis_can_be_read(low: float, high: float) -> None:
    axis = Figure().add_subplot(xscale="log").xaxis
    log_ticks(axis, low, high)
    places = np.log(axis.get_majorticklocs()) / math.log(high / low)
    assert 3 <= len(places) <= 10
    assert np.diff(places).min() >= 0.099


EMPTY = {"trials": []}
FAILED = {"trials": [{"number": 1, "values": {}, "objective": None, "state": "failed", "parameters": None}]}
ONE = {"trials": [{"number": 1, "values": {}, "objective": 1.0, "state": "done", "parameters": 50}]}


@pytest.mark.parametrize("search", [EMPTY, FAILED, ONE])
def test_searches_without_a_result_are_drawn(search: dict[str, Any]) -> None:
    plots.svg(plots.search_history(search, "Search"), "s")
    plots.svg(plots.accuracy_against_parameters({**REPORT, "student_search": search, "baselines": {}}), "a")


def test_histories_with_gaps_are_drawn() -> None:
    history = {
        "loss": [0.5, None, 0.2],
        "accuracy": [0.9, None, 1.0],
        "val_loss": [None, None, None],
        "val_accuracy": [],
    }
    plots.svg(plots.learning_curves(history, "Teacher"), "h")
    plots.svg(plots.learning_curves({}, "Teacher"), "h")


def test_names_are_drawn_as_they_are() -> None:
    names = ["$x^2$", "<b>&", "a" * 50, "\x00\n", "雪"]
    text = plots.svg(plots.confusion([[1] * 5] * 5, names, "$"), "c")
    for shown in ("$x^2$", "&lt;b&gt;&amp;", "a" * 13 + "…", "\ufffd\ufffd", "雪"):
        assert f">{shown}<" in text


def test_a_baseline_whose_size_is_unknown_is_a_line() -> None:
    baselines = {"boosted_trees": {"accuracy_test": 0.98}, "linear": {"not_run": "no time"}}
    text = plots.svg(plots.accuracy_against_parameters({**REPORT, "baselines": baselines}), "a")
    assert "boosted trees (test), size not counted" in text
    assert "linear" not in text


def test_a_replaced_reuse_factor_is_named() -> None:
    assert "8: hls4ml takes 6 (fc1)" in plots.svg(FIGURES["reuse"](), "reuse")
    many = [{**point, "taken": {"a": 3, "b": 3, "c": 3, "d": 5}} for point in REUSE]
    assert "8: hls4ml takes 3 (3 layers), 5 (d)" in plots.svg(plots.reuse_factor(many, "student"), "reuse")
