"""The student of the lecture's slide on QKeras: only its imports differ."""

from __future__ import annotations

import numpy as np
import qkdflow as keras
from qkdflow import Key
from qkdflow.layers import Activation, Input, QActivation, QDense
from qkdflow.quantizers import quantized_bits, quantized_relu
from qkdflow.utils import print_qstats


def test_the_lectures_student_trains_and_is_described(capsys) -> None:  # type: ignore[no-untyped-def]
    studentQ_MLP = keras.Sequential(
        [
            Input(shape=(30,)),
            QDense(20, name='fc1',
                   kernel_quantizer=quantized_bits(9,1,alpha=1), bias_quantizer=quantized_bits(23,15,alpha=1)),
            QActivation(activation=quantized_relu(16,15), name='relu1'),
            QDense(10, name='fc2',
                   kernel_quantizer=quantized_bits(9,1,alpha=1), bias_quantizer=quantized_bits(23,15,alpha=1)),
            QActivation(activation=quantized_relu(16,15), name='relu2'),
            QDense(10, name='fc6',
                   kernel_quantizer=quantized_bits(9,1,alpha=1), bias_quantizer=quantized_bits(23,15,alpha=1)),
            QActivation(activation=quantized_relu(16,15), name='relu3'),
            QDense(4, name='output',
                   kernel_quantizer=quantized_bits(32,15,alpha=1), bias_quantizer=quantized_bits(32,15,alpha=1)),
            Activation(activation='softmax', name='softmax')
        ],
        name="student",
    )  # fmt: skip
    print_qstats(studentQ_MLP)

    out = capsys.readouterr().out
    assert "fc1" in out
    assert "quantized_bits(9,1)" in out
    assert studentQ_MLP.count_params() == 30 * 20 + 20 + 20 * 10 + 10 + 10 * 10 + 10 + 10 * 4 + 4

    key = Key(0)
    x = key.uniform(400 * 30).reshape(400, 30).astype(np.float32) * 8
    y = (x[:, :4].argmax(axis=1)).astype(np.int64)
    studentQ_MLP.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = studentQ_MLP.fit(x, y, batch_size=32, epochs=30)
    assert history.history["loss"][-1] < 0.8 * history.history["loss"][0]
    probabilities = studentQ_MLP.predict(x)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
