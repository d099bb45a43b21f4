"""Spaces: KerasTuner's words, learned branches, values to codes and back, errors that name their cause."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qkdflow.errors import ConfigError
from qkdflow.tune import HyperParameters, Space, learn
from qkdflow.tune.parameters import Parameter


def only(ask: Any) -> Parameter:
    (parameter,) = learn(ask).parameters
    return parameter


def test_hp_answers_with_defaults_and_remembers() -> None:
    hp = HyperParameters()
    assert hp.Int("units", 4, 32, step=4) == 4
    assert hp.Float("rate", 1e-4, 1e-1, sampling="log", default=1e-2) == 1e-2
    assert hp.Choice("kind", ["dense", "conv"]) == "dense"
    assert hp.Boolean("bias", default=True) is True
    assert hp.Fixed("seed", 3) == 3
    assert hp.get("units") == 4
    assert hp.values == {"units": 4, "rate": 1e-2, "kind": "dense", "bias": True, "seed": 3}
    with pytest.raises(ConfigError, match=r"\[width\] is not an active"):
        hp.get("width")


def test_hp_answers_with_the_values_given() -> None:
    hp = HyperParameters({"units": 8, "kind": "conv"})
    assert hp.Int("units", 4, 32, step=4) == 8
    assert hp.Choice("kind", ["dense", "conv"]) == "conv"
    with hp.conditional_scope("kind", "dense"):
        assert hp.Int("inside", 1, 2) is None
    with hp.conditional_scope("kind", ["conv"]):
        assert hp.Int("kernel", 1, 5, default=3) == 3
    with pytest.raises(ConfigError, match=r"\[units\].*got 8"):
        HyperParameters({"units": 8}).Int("units", 10, 32)


@pytest.mark.parametrize(
    ("ask", "values"),
    [
        (lambda hp: hp.Int("p", 3, 11, step=4), [3, 7, 11]),
        (lambda hp: hp.Int("p", 3, 10, step=4), [3, 7]),
        (lambda hp: hp.Int("p", 4, 70, step=2, sampling="log"), [4, 8, 16, 32, 64]),
        (lambda hp: hp.Int("p", 1, 4, sampling="log"), [1, 2, 3, 4]),
        (lambda hp: hp.Int("p", -2, 0), [-2, -1, 0]),
        (lambda hp: hp.Float("p", 0.1, 0.9, step=0.2), [0.1, 0.3, 0.5, 0.7, 0.9]),
        (lambda hp: hp.Float("p", 1e-4, 1e-1, step=10, sampling="log"), [1e-4, 1e-3, 1e-2, 1e-1]),
        (lambda hp: hp.Float("p", 2.5, 2.5), [2.5]),
        (lambda hp: hp.Choice("p", [8, 2, 4]), [2, 4, 8]),
        (lambda hp: hp.Choice("p", [8, 2, 4], ordered=False), [8, 2, 4]),
        (lambda hp: hp.Choice("p", ["b", "a"]), ["b", "a"]),
        (lambda hp: hp.Boolean("p"), [False, True]),
        (lambda hp: hp.Fixed("p", "x"), ["x"]),
    ],
)
def test_levels(ask: Any, values: list[Any]) -> None:
    parameter = only(ask)
    assert parameter.levels == len(values)
    assert [parameter.value_at(k) for k in range(len(values))] == values
    assert [parameter.code_of(v) for v in values] == list(range(len(values)))
    assert all(type(parameter.value_at(k)) is type(v) for k, v in enumerate(values))


@settings(deadline=None, max_examples=60)
@given(u=st.floats(0, 1), sampling=st.sampled_from(["linear", "log", "reverse_log"]))
def test_floats_go_to_positions_and_back(u: float, sampling: str) -> None:
    parameter = only(lambda hp: hp.Float("p", 1e-5, 3.0, sampling=sampling))
    value = parameter.value_at(u)
    assert 1e-5 <= value <= 3.0
    assert parameter.value_at(parameter.code_of(value)) == pytest.approx(value, rel=1e-9)
    assert (parameter.value_at(0.0), parameter.value_at(1.0)) == (1e-5, 3.0)
    assert (parameter.code_of(1e-5), parameter.code_of(3.0)) == (0.0, 1.0)


def test_sampling_bends_the_scale_as_it_says() -> None:
    middle = {s: only(lambda hp, s=s: hp.Float("p", 1, 100, sampling=s)).value_at(0.5) for s in ("log", "reverse_log")}
    assert middle == {"log": pytest.approx(10), "reverse_log": pytest.approx(91)}


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda hp: hp.Int("p", 5, 1), r"\[p\] min_value must not be above max_value; got 5 and 1"),
        (lambda hp: hp.Int("p", 1, 5, step=0), r"\[p\] step must be positive; got 0"),
        (lambda hp: hp.Int("p", 1, 5, step=-2), r"\[p\] step must be positive"),
        (lambda hp: hp.Int("p", 1.5, 5), r"\[p\] min_value must be a whole number; got 1.5"),
        (lambda hp: hp.Int("p", 0, 5, sampling="log"), r"\[p\] log sampling needs min_value > 0; got 0"),
        (
            lambda hp: hp.Int("p", 1, 5, sampling="cubic"),
            r"\[p\] sampling must be one of linear, log; got 'cubic'",
        ),
        (lambda hp: hp.Int("p", 1, 5, default=6), r"\[p\] default must be .* of Int\(.*\); got 6$"),
        (lambda hp: hp.Int("p", 1, 9, step=2, default=4), r"\[p\] default must be .* of Int\(.*\); got 4$"),
        (lambda hp: hp.Int("p", 0, 2**60), r"\[p\] has .* values, too many"),
        (lambda hp: hp.Float("p", 1, 0), r"\[p\] min_value must not be above"),
        (lambda hp: hp.Float("p", 0, math.inf), r"\[p\] max_value must be a finite number"),
        (lambda hp: hp.Float("p", -1e308, 1e308), r"\[p\] the range is too wide"),
        (lambda hp: hp.Float("p", 0, 1, sampling="log"), r"\[p\] log sampling needs min_value > 0"),
        (lambda hp: hp.Float("p", 1, 9, step=1, sampling="log"), r"\[p\] step multiplies"),
        (lambda hp: hp.Float("p", 1, 9, step=2, sampling="reverse_log"), r"\[p\] a step needs"),
        (lambda hp: hp.Float("p", 0, 1, default=2), r"\[p\] default must be .* of Float\(.*\); got 2.0$"),
        (lambda hp: hp.Float("p", 0, 1, step=0.25, default=0.3), r"\[p\] default must be .* of Float\(.*\); got 0.3$"),
        (lambda hp: hp.Choice("p", "relu"), r"\[p\] values must be a list; got the text 'relu'"),
        (lambda hp: hp.Choice("p", []), r"\[p\] values must not be empty"),
        (lambda hp: hp.Choice("p", [1, 2, 1]), r"\[p\] values must differ; got 1 twice"),
        (lambda hp: hp.Choice("p", [[1], [2]]), r"\[p\] values must be numbers, strings or booleans"),
        (lambda hp: hp.Choice("p", ["a", "b"], ordered=True), r"\[p\] only numbers are ordered"),
        (lambda hp: hp.Choice("p", ["a", "b"], default="c"), r"\[p\] default must be .* of Choice\(.*\); got 'c'$"),
        (lambda hp: hp.Boolean("p", default="yes"), r"\[p\] default must be .* of Boolean\(.*\); got 'yes'$"),
        (lambda hp: hp.Fixed("p", None), r"\[p\] value must be"),
        (lambda hp: hp.Int("", 1, 2), r"\[hp\] a hyper-parameter's name"),
        (lambda hp: (hp.Int("p", 1, 5), hp.Int("p", 1, 6)), r"\[p\] is defined twice"),
        (lambda hp: None, r"\[space\] the hypermodel must ask for a hyper-parameter"),
    ],
)
def test_bad_spaces_name_the_hyper_parameter(ask: Any, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        learn(ask)


def test_bad_scopes() -> None:
    def scope(parent: str, values: Any) -> Any:
        def ask(hp: HyperParameters) -> None:
            hp.Choice("kind", ["a", "b"])
            hp.Float("rate", 0, 1)
            with hp.conditional_scope(parent, values):
                hp.Int("p", 1, 2)

        return ask

    with pytest.raises(ConfigError, match=r"\[other\] must be asked for before"):
        learn(scope("other", ["a"]))
    with pytest.raises(ConfigError, match=r"\[kind\] must be .*got 'c'"):
        learn(scope("kind", ["c"]))
    with pytest.raises(ConfigError, match=r"\[rate\] a conditional_scope needs a discrete parent"):
        learn(scope("rate", [0.5]))
    with pytest.raises(ConfigError, match=r"\[kind\] conditional_scope needs a value"):
        learn(scope("kind", []))


def conditions(space: Space) -> dict[str, dict[str, tuple[Any, ...]]]:
    return {p.name: {c.parent: c.values for c in p.conditions} for p in space.parameters}


def test_scopes_are_learned_nested_and_joined() -> None:
    def hypermodel(hp: HyperParameters) -> None:
        with_conv = hp.Choice("kind", ["dense", "conv", "both"]) != "dense"
        with hp.conditional_scope("kind", ["conv", "both"]):
            depth = hp.Int("depth", 1, 3)
            if with_conv and depth is not None:
                with hp.conditional_scope("depth", [2, 3]):
                    hp.Int("kernel", 1, 5)
        with hp.conditional_scope("kind", ["conv"]):
            hp.Boolean("pool")
        with hp.conditional_scope("kind", ["both"]):
            hp.Boolean("pool")

    assert conditions(learn(hypermodel)) == {
        "kind": {},
        "depth": {"kind": ("conv", "both")},
        "pool": {"kind": ("conv", "both")},
        "kernel": {"kind": ("conv", "both"), "depth": (2, 3)},
    }


def test_branches_without_a_scope_are_learned() -> None:
    def hypermodel(hp: HyperParameters) -> None:
        for i in range(hp.Int("layers", 1, 3)):
            kind = hp.Choice(f"kind{i}", ["dense", "conv"])
            hp.Int(f"units{i}", 1, 40)
            if kind == "conv":
                hp.Int(f"kernel{i}", 1, 5)
        hp.Float("rate", 1e-4, 1e-1, sampling="log")

    found = conditions(learn(hypermodel))
    assert found["units0"] == found["rate"] == {}
    assert found["kernel0"] == {"kind0": ("conv",)}
    assert found["units1"] == {"layers": (2, 3)}
    assert found["kernel2"] == {"layers": (3,), "kind2": ("conv",)}


def test_a_name_that_several_branches_open_is_always_active() -> None:
    def hypermodel(hp: HyperParameters) -> None:
        if hp.Boolean("a") | hp.Boolean("b"):
            hp.Int("either", 1, 9)

    space = learn(hypermodel)
    assert conditions(space)["either"] == {}
    hypermodel(HyperParameters({"a": False, "b": True, "either": 4}, strict=True))


def test_the_hypermodel_is_called_few_times() -> None:
    calls = 0

    def hypermodel(hp: HyperParameters) -> None:
        nonlocal calls
        calls += 1
        for i in range(4):
            hp.Int(f"fc{i}", 32, 300, step=10)
        hp.Choice("rate", [1e-2, 1e-3, 1e-4])

    learn(hypermodel)
    assert calls <= 30


def test_an_object_with_build_is_a_hypermodel() -> None:
    class Model:
        def build(self, hp: HyperParameters) -> int:
            return int(hp.Int("units", 1, 3))

    assert [p.name for p in learn(Model()).parameters] == ["units"]


def test_values_to_codes_and_back() -> None:
    def hypermodel(hp: HyperParameters) -> None:
        hp.Choice("kind", ["dense", "conv"])
        with hp.conditional_scope("kind", ["conv"]):
            hp.Int("kernel", 1, 5, step=2)
        hp.Float("rate", 0, 1)

    space = learn(hypermodel)
    np.testing.assert_array_equal(space.encode({"kind": "dense", "rate": 0.25}), [0, -1, 0.25])
    np.testing.assert_array_equal(space.encode({"kind": "conv", "kernel": 3, "rate": 1.0}), [1, 1, 1])
    assert space.decode(np.array([1.0, 2.0, 0.5])) == {"kind": "conv", "kernel": 5, "rate": 0.5}
    for values, text in [
        ({"kind": "dense", "kernel": 3, "rate": 0.1}, r"\[kernel\] is not active"),
        ({"kind": "conv", "rate": 0.1}, r"\[kernel\] is active"),
        ({"kind": "dense", "rate": 0.1, "x": 1}, r"\[x\] is not in the space"),
    ]:
        with pytest.raises(ConfigError, match=text):
            space.encode(values)
