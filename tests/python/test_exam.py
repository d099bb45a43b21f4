"""What every layer and model is given sooner or later: sources and arrays of the wrong kind, and odd right ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qkdflow import FixedPoint, Sequential, layers
from qkdflow.errors import DataError
from qkdflow.freeze import freeze
from qkdflow.layers import Dense, Input, Layer, QDense
from qkdflow.models import Model, Weights
from qkdflow.quantizers import quantized_bits

CONV, DEPTHWISE = (3, 2), (2,)
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("Dense", "QDense", "GRU", "QGRU"), (3,)),
    **dict.fromkeys((f"{q}{k}" for q in ("", "Q") for k in ("Conv1D", "Conv2D", "SeparableConv2D")), CONV),
    **dict.fromkeys(("DepthwiseConv2D", "QDepthwiseConv2D", "QDepthwiseConv2DBatchnorm"), DEPTHWISE),
    "QConv2DBatchnorm": CONV,
    "Activation": ("relu",),
    "QActivation": ("quantized_relu(4)",),
    "Rescaling": (2.0,),
    "Embedding": (4, 3),
    "Dropout": (0.3,),
    "Reshape": ((5, 5),),
}
OPTIONS: dict[str, dict[str, Any]] = {"QGRU": {"state_quantizer": quantized_bits(5, 0, alpha=1)}}
KINDS = {
    name: kind
    for name, kind in vars(layers).items()
    if isinstance(kind, type) and issubclass(kind, Layer) and name not in ("Layer", "Input", "Softmax")
}
SHAPES = ((7,), (7, 3), (7, 3, 2), (7, 3, 2, 2))


def refusal(name: str, shape: tuple[int, ...]) -> str:
    """What a layer says of a source of this shape; nothing where it computes."""
    layer = KINDS[name](*ARGUMENTS.get(name, ()), **OPTIONS.get(name, {}), name="my_layer")
    source = Input(shape)
    try:
        model = Model(source, layer([source, source] if name in ("Add", "Concatenate") else source))
        y = model.predict(np.ones((2, *shape), np.float32))
    except ValueError as error:
        return str(error)
    assert y.shape == (2, *model.output_shape)
    assert np.isfinite(y).all()
    if "state_quantizer" in OPTIONS.get(name, {}):
        np.testing.assert_array_equal(y * 2**4 % 1, 0)
    return ""


@pytest.mark.parametrize("name", KINDS)
def test_a_layer_computes_or_refuses_its_source_by_name(name: str) -> None:
    """Never a crash, whatever the number of axes."""
    said = [refusal(name, shape) for shape in SHAPES]
    assert all("my_layer" in text for text in said if text)
    assert "" in said or name == "Reshape"  # to five by five


def model() -> Model:
    q = {"kernel_quantizer": quantized_bits(6, 1, alpha=1), "bias_quantizer": quantized_bits(8, 2, alpha=1)}
    return Sequential([Input((4,), type=FixedPoint(8, 8, False, "RND", "SAT")), QDense(3, **q)], key=1)


def data() -> np.ndarray:
    return np.arange(40, dtype=np.float32).reshape(10, 4)


@pytest.mark.parametrize("kind", ["<f8", ">f4", "<i8", "u1", "f2", "?"])
def test_arrays_of_any_numbers_in_any_layout_are_the_same_data(kind: str) -> None:
    x = data().astype(kind)
    expected = model().predict(np.ascontiguousarray(x, np.float32))
    wide = np.repeat(x, 2, axis=0)
    frozen = x.copy()
    frozen.flags.writeable = False
    for same in (x, wide[::2], np.asfortranarray(x), x[::-1][::-1], frozen, x.tolist()):
        np.testing.assert_array_equal(model().predict(same), expected)
        trained = model()
        trained.fit(same, np.arange(10) % 3)
    np.testing.assert_array_equal(freeze(model()).predict(wide[::2]), freeze(model()).predict(x))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (data().astype(complex), r"\[x\] real numbers are required; got complex128"),
        (data().astype(str), r"\[x\] real numbers are required; got <U"),
        (data().astype(object), r"\[x\] real numbers are required; got object"),
        (np.zeros((3, 4), "M8[s]"), r"\[x\] real numbers are required; got datetime64"),
        ([[1, 2, 3, 4], [1]], r"\[x\] an array of numbers is required"),
        (None, r"\[x\] real numbers are required"),
        (3, r"\[x\] must be \(samples, 4\); got"),
        (data()[:, :3], r"\[x\] must be \(samples, 4\); got \(10, 3\)"),
        (data()[:0], r"\[x\] holds no sample"),
        (data().astype(float) * 1e300, r"\[x\] must be finite numbers"),
    ],
)
def test_wrong_arrays_are_refused_by_name(x: Any, message: str) -> None:
    for use in (model().predict, model().exact_logits, lambda x: model().fit(x, np.zeros(len(data()), int))):
        with pytest.raises(DataError, match=message):
            use(x)


@pytest.mark.parametrize(
    "y", [np.ones(10, complex), np.array(list("abcabcabca")), [], np.full(10, np.nan), np.full(10, 2**40), np.zeros(9)]
)
def test_wrong_labels_are_refused_by_name(y: Any) -> None:
    for use in (model().fit, model().evaluate):
        with pytest.raises(DataError, match=r"\[y\] "):
            use(data(), y)


def test_a_batch_may_be_larger_than_the_data() -> None:
    assert model().fit(data(), np.arange(10) % 3, batch_size=10**9).epochs == 1


def test_weights_of_another_shape_are_refused_and_change_nothing() -> None:
    net = Sequential([Input((4,)), Dense(3, name="fc")])
    before = net.get_weights()
    kernel, bias = before.values
    for values in ((kernel.T.copy(), bias), (kernel,), (kernel, bias, bias)):
        with pytest.raises(ValueError, match=r"fc/kernel.*\(4, 3\)"):
            net.set_weights(Weights(values, (None,) * len(values)))
    with pytest.raises(ValueError, match=r"fc/kernel.*\(4, 3\)"):
        net.graph.set_value(0, kernel.T.copy())
    with pytest.raises(ValueError, match=r"fc/kernel.*\(4, 3\)"):
        net.graph.set_mask(0, np.ones((3, 4), np.float32))
    np.testing.assert_array_equal(net.get_weights().values[0], kernel)


def test_integers_of_another_shape_are_refused_and_none_are_none() -> None:
    fixed = freeze(model())
    assert fixed.predict(data()[:0]).shape == (0, 3)
    with pytest.raises(ValueError, match=r"\[x\] must be \(samples, 4\); got \(10, 3\)"):
        fixed.predict(data()[:, :3])
    with pytest.raises(ValueError, match=r"input codes must be 0 to 255"):
        fixed.run(np.full((2, 4), 10**6))
