"""What cannot be built is refused in one line that says the cure."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from qkdflow import Sequential
from qkdflow.errors import ConfigError
from qkdflow.layers import Conv2D, Dense, Input, QDense, ReLU
from qkdflow.models import Model
from qkdflow.quantizers import quantized_bits

SOURCE = Input((4,))
RESULT = Dense(2)(SOURCE)


def chain(*layers: object) -> Sequential:
    return Sequential([Input((4,)), *layers, Dense(2)])  # type: ignore[list-item]


def twice() -> Sequential:
    shared = Dense(4)
    return chain(shared, shared)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: chain(Dense(3, name="a"), Dense(3, name="a")), "[a] layers' names must differ"),
        (twice, "[Sequential] a layer may be listed once: layers do not share weights"),
        (
            lambda: chain(chain()),
            "only layers may be listed; got Sequential. A model is no layer: list its layers, *model",
        ),
        (lambda: chain("dense"), "[Sequential] only layers may be listed; got 'dense'"),
        (lambda: chain(Dense), "got the class Dense. Call it"),
        (lambda: chain(RESULT), "got Tensor. Tensors are of the functional API"),
        (lambda: Sequential(), "[Sequential] a list of layers is required, the first an Input(shape=...)"),
        (lambda: Sequential(Input((4,))), "[Sequential] a list of layers is required"),
        (lambda: Model(SOURCE, [RESULT]), "[Model] outputs must be one tensor; got a list of 1."),
        (lambda: Model([SOURCE], RESULT), "[Model] inputs must be one tensor; got a list of 1."),
        (lambda: Model(SOURCE, SOURCE), "[model] a model needs a layer after its Input"),
        (lambda: Model(SOURCE, Dense(2)), "[Dense] a layer must be called on tensors"),
        (lambda: Model(SOURCE, None), "[Model] outputs must be one tensor; got None"),
        (lambda: QDense(2, kernel_quantizer=8), "quantized_bits(8, 0, alpha=1), or its text; got 8"),
        (lambda: QDense(2, bias_quantizer=quantized_bits), "got the class quantized_bits; call it"),
        (lambda: chain(Dense(2, kernel_regularizer=0.01)), "such as l2(0.01); got 0.01"),
        (
            lambda: chain(Dense(2, activation=ReLU())),
            "[dense] activation must be a name or a quantiser; got the layer ReLU",
        ),
        (lambda: Sequential([Input((8, 8, 1)), Conv2D(2, 3, activation=ReLU())]), "[conv2d] activation must be a name"),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_cure(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        make()
