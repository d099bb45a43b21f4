"""Networks in other precisions, with normalisations folded into their kernels."""

from __future__ import annotations

import numpy as np
import pytest
from qkdflow import FixedPoint, Key
from qkdflow.freeze import freeze
from qkdflow.layers import Flatten, Input, QActivation, QConv2DBatchnorm, QDense, QDepthwiseConv2DBatchnorm
from qkdflow.models import Model, Sequential
from qkdflow.precision import calibrated, copy_weights, floated, quantized
from qkdflow.quantizers import quantized_bits, quantized_relu

Q8, BIAS = quantized_bits(8, 3, alpha=1), quantized_bits(12, 3, alpha=1)


def student() -> Sequential:
    chain = [
        QConv2DBatchnorm(4, 3, kernel_quantizer=Q8, bias_quantizer=BIAS, activation=quantized_relu(8, 2)),
        QDepthwiseConv2DBatchnorm(2, use_bias=False, depthwise_quantizer=Q8, bias_quantizer=BIAS),
        QActivation(quantized_relu(8, 2)),
        Flatten(),
        QDense(3, kernel_quantizer=Q8, bias_quantizer=BIAS),
    ]
    return Sequential([Input((5, 5, 2), type=FixedPoint(8, 1, False, "RND", "SAT")), *chain])


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.floor(np.asarray(Key(1).uniform(96 * 50)) * 256).reshape(96, 5, 5, 2).astype(np.float32) / 256
    y = np.arange(96) % 3
    x[y == 1, :2] *= 0.25
    x[y == 2, 3:] *= 0.25
    return x, y


def trained() -> Model:
    x, y = data()
    model = floated(student(), key=2)
    model.compile("adam")
    model.fit(x, y, epochs=60, batch_size=32)
    return model


def test_a_folded_layer_in_float32_has_the_same_tensors_and_no_quantiser() -> None:
    model = floated(student())
    assert model.graph.param_names == student().graph.param_names
    conv = model.layers[1]
    assert isinstance(conv, QConv2DBatchnorm)
    assert (conv.kernel_quantizer, conv.bias_quantizer, conv.activation) == (None, None, "relu")


@pytest.mark.parametrize("how", ["calibrated", "quantized"])
def test_ranges_are_found_for_the_folded_numbers(how: str) -> None:
    (x, _), model = data(), trained()
    i = model.graph.param_names.index("q_conv2d_batchnorm/gamma")
    model.graph.set_value(i, model.graph.value(i) * 8)  # folded kernels are far larger than the kernels themselves
    made = calibrated(student(), model, x) if how == "calibrated" else quantized(model, 8, x)
    plain = student()
    copy_weights(model, plain)
    far = np.abs(model.logits(x) - plain.logits(x)).max()
    near = np.abs(model.logits(x) - made.logits(x)).max()
    assert near < 0.25 * far
    np.testing.assert_array_equal(freeze(made).predict(x), made.exact_logits(x))
    assert (made.logits(x).argmax(axis=1) == model.logits(x).argmax(axis=1)).mean() > 0.9
