"""The frozen network as a value: what it refuses, what it counts, that saving gives it back."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixed_models import COUNTS, mlp
from qkdflow import FixedPoint, Key
from qkdflow.errors import ConfigError, DataError
from qkdflow.fixed import FixedActivation, FixedAdd, FixedDense, FixedModel


def tiny() -> FixedModel:
    """2 inputs of 4 bits, weights of 1/4, one bias: sums 15*(3+1)/4 - 1/2 at most."""
    weights, bias = np.array([[3, 0], [1, -2]]), np.array([-1, 0])
    dense = FixedDense("fc", weights, bias, FixedPoint(3, 1), FixedPoint(3, 2), FixedPoint(7, 5))
    relu = FixedActivation("relu", "relu", FixedPoint(4, 2, False, "RND", "SAT"))
    return FixedModel("tiny", (2,), FixedPoint(4, 4, False), (dense, relu), ("a", "b"))


def test_counts() -> None:
    model = tiny()
    assert (model.parameters, model.nonzero, model.bits, model.sparsity) == (6, 4, 3, 0.25)
    assert model.size_bits == 4 * 3 + 2 * 3
    assert model.outputs == 2
    assert model.output_type == FixedPoint(4, 2, False, "RND", "SAT")
    assert [(link.input_shapes, link.shape) for link in model.links] == [(((2,),), (2,)), (((2,),), (2,))]
    assert mlp(Key(0), (30, 15, 4)).parameters == 529
    assert mlp(Key(0), (30, 20, 10, 10, 4)).parameters == 984


def test_a_model_says_its_size_and_how_often_it_is_right() -> None:
    model = mlp(Key(2), (30, 15, 4))
    assert repr(model).startswith("FixedModel(net: (30,) to 4 logits, 529 parameters, 8 bits, ")
    x = np.random.default_rng(0).integers(0, 256, (8, 30))
    said = model.predict(x).argmax(axis=1)
    assert model.accuracy(x, said) == 1.0
    assert model.accuracy(x, np.where(np.arange(8) < 2, (said + 1) % 4, said)) == 0.75
    for labels in (said[:1], said[:, np.newaxis], said[0], np.eye(4)[said]):
        with pytest.raises(
            DataError, match=rf"one label a sample is required: \(8,\); got {re.escape(str(labels.shape))}$"
        ):
            model.accuracy(x, labels)


def test_arrays_are_copied_and_locked() -> None:
    weights = np.ones((2, 1), dtype=np.int32)
    dense = FixedDense("d", weights, np.zeros(1, int), FixedPoint(3, 3), FixedPoint(3, 3), FixedPoint(9, 9))
    weights[:] = 0
    assert dense.weights.dtype == np.int64
    assert dense.weights.sum() == 2
    with pytest.raises(ValueError, match="read-only"):
        dense.weights[0, 0] = 5


@pytest.mark.parametrize("seed", range(3))
def test_save_load(tmp_path: Path, seed: int) -> None:
    model = mlp(Key(seed), (30, 20, 10, 10, 4))
    model.save(tmp_path / "a")
    again = FixedModel.load(tmp_path / "a")
    again.save(tmp_path / "b")
    assert again.digest == model.digest
    assert again.links[0].layer.weight_type == model.links[0].layer.weight_type
    for name in ("model.json", "model.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("call", ["predict", "trace"])
def test_raw_inputs_that_do_not_fit_are_named(call: str) -> None:
    for x, message in (
        (np.zeros((5, 3)), r"\[x\] must be \(samples, 2\); got \(5, 3\)"),
        (np.zeros(2), r"\[x\] must be \(samples, 2\); got \(2,\)"),
        (np.zeros((5, 2)).astype(str), r"\[x\] real numbers are required; got <U32. Use x.astype"),
    ):
        with pytest.raises(DataError, match=message):
            getattr(tiny(), call)(x)


def test_digest_sees_one_weight() -> None:
    model = tiny()
    weights = model.dense[0].weights.copy()
    weights[0, 0] -= 1
    other = replace(model, layers=(replace(model.dense[0], weights=weights), model.layers[1]))
    assert other.digest != model.digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.ones((2, 2))}, r"\[FixedDense fc\] weights .* integer codes; got dtype float64"),
        ({"weights": np.ones(2, int)}, "2 axes"),
        ({"weights": np.full((2, 2), 4)}, r"codes of ap_fixed<3,1,AP_TRN,AP_WRAP> \(-4 to 3\); got 4 to 4"),
        ({"bias": np.zeros(3, int)}, r"one code an output \(2\); got 3"),
        ({"weights": np.ones((3, 2), int)}, r"\[fc\] takes values of shape \(3,\); gets \(2,\)"),
        ({"result_type": FixedPoint(8, 5)}, "2 fraction bits"),
        ({"result_type": FixedPoint(6, 4)}, r"must hold every sum \(-30 to 58\)"),
    ],
)
def test_dense_refuses(change: dict[str, object], message: str) -> None:
    model = tiny()
    with pytest.raises(ConfigError, match=message):
        replace(model, layers=(replace(model.dense[0], **change), model.layers[1]))


def test_model_refuses() -> None:
    model = tiny()
    cases: list[tuple[dict[str, object], str]] = [
        ({"class_names": ("a",)}, r"one class name a logit is required \(2\); got 1"),
        ({"input_shape": (2, 1)}, r"takes values of shape \(2,\); gets \(2, 1\)"),
        ({"input_shape": ()}, "at least one axis"),
        ({"input_shape": (2**31 - 1,)}, "an input of at most 536,870,912 values is required; got 2,147,483,647"),
        ({"layers": ()}, "at least one layer"),
        ({"layers": (*model.layers, model.layers[1])}, "names must differ"),
    ]
    for change, message in cases:
        with pytest.raises(ConfigError, match=message):
            replace(model, **change)
    with pytest.raises(ConfigError, match="hard_tanh; got 'tanh'"):
        FixedActivation("a", "tanh", COUNTS)


def test_exact_bound_is_accepted_and_one_bit_less_refused() -> None:
    """Sums of 1 x 1 and n x 1 layers at the very edge of a type."""
    kind = FixedPoint(4, 4)  # -8 to 7

    def build(weight: int, bits: int) -> FixedModel:
        codes, types = np.array([[weight]]), (FixedPoint(3, 3), FixedPoint(1, 1), FixedPoint(bits, bits))
        return FixedModel("edge", (1,), kind, (FixedDense("d", codes, np.array([0]), *types),), ("x",))

    for weight, bits in ((1, 4), (-1, 5), (2, 5), (3, 6)):  # -8..7, -7..8, -16..14, -24..21
        assert build(weight, bits).output_type.bits == bits
        with pytest.raises(ConfigError, match="must hold every sum"):
            build(weight, bits - 1)


def test_load_refuses(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"model.json\] a readable file is required"):
        FixedModel.load(tmp_path)
    tiny().save(tmp_path)
    text = (tmp_path / "model.json").read_text()
    for damaged, message in (
        (text[:-20], "JSON is required; "),
        (text.replace("qkdflow.fixed/1", "other/7"), "format 'qkdflow.fixed/1' is required; got 'other/7'"),
        (text.replace('"fc"', '"gone"'), "gone.weights"),
        (text.replace('"dense"', '"perceptron"'), "dense, conv, .*; got 'perceptron'"),
        (text.replace('"TRN"', '"UP"', 1), "rounding must be one of"),
        (text.replace('"a", ', ""), "one class name a logit"),
        ("[]", r"is required; got \[\]"),
    ):
        (tmp_path / "model.json").write_text(damaged)
        with pytest.raises(DataError, match=message):
            FixedModel.load(tmp_path)
    (tmp_path / "model.json").write_text(text)
    (tmp_path / "model.npz").write_bytes((tmp_path / "model.npz").read_bytes()[:60])
    with pytest.raises(DataError, match="NPZ without pickles is required"):
        FixedModel.load(tmp_path)


def test_sources_are_named_and_a_chain_is_the_default(tmp_path: Path) -> None:
    """Files from before layers had sources still load, and a chain's files are what they were."""
    model = tiny()
    assert [layer.inputs for layer in model.layers] == [("input",), ("fc",)]
    model.save(tmp_path)
    assert "inputs" not in (tmp_path / "model.json").read_text()
    dense, relu = model.layers
    branch = replace(relu, name="again", inputs=("fc",))
    both = FixedAdd("both", FixedPoint(6, 4), ("relu", "again"))
    graph = replace(model, layers=(dense, relu, branch, both))
    graph.save(tmp_path)
    assert FixedModel.load(tmp_path).digest == graph.digest != model.digest
    for inputs, message in ((("relu", "later"), "got 'later'"), (("relu",), "2 inputs are required; got relu")):
        with pytest.raises(ConfigError, match=message):
            replace(model, layers=(dense, relu, replace(both, inputs=inputs)))
