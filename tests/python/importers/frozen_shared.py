"""Other people's quantised students as frozen networks: what their inputs are, and what freezing them needs."""

from __future__ import annotations

from dataclasses import replace

from qkdflow import FixedPoint, Model, load_model
from qkdflow.fixed import FixedModel
from qkdflow.freeze import freeze
from qkdflow.layers import GlobalAveragePooling2D, Layer, QActivation
from qkdflow.models.topology import Topology
from shared_models import MODELS

COUNTS = FixedPoint(10, 10, False, "RND", "SAT")
GREY = FixedPoint(12, 0, False, "RND", "SAT")  # x / 255 is no binary number: rounded to 2^-12
INPUTS = {
    "clyc_student_905_autopo2.h5": COUNTS,
    "mnist_cnn_student_1762_autopo2.h5": GREY,
    "mnist_mlp_student6_8847.h5": GREY,
}
MEANS = "mnist_cnn_qat6_4746.h5"  # feeds means over 25 pixels into a dense layer as they are


def typed(model: Model, kind: FixedPoint, means: str | None = None) -> Model:
    """The same network with a type on its input; `means`: a quantiser behind its global averages."""
    made: list[Layer] = [replace(model.input, type=kind)]
    inbound, at = dict(model.inbound), {}
    for layer in model.layers[1:]:
        inbound[layer.name] = tuple(at.get(source, source) for source in model.inbound[layer.name])
        made.append(layer)
        if means and isinstance(layer, GlobalAveragePooling2D):
            made.append(QActivation(means, name=f"{layer.name}_rounded"))
            inbound[made[-1].name], at[layer.name] = (layer.name,), made[-1].name
    again = Model.of(Topology(tuple(made), inbound), model.name)
    again.set_weights(model.get_weights())
    return again


def student(name: str) -> tuple[Model, FixedModel]:
    """The network with its input's type, and frozen."""
    model = typed(load_model(MODELS / name), INPUTS[name])
    return model, freeze(model)
