"""NAME.h5 of frozen networks, and NAME.npz with inputs, the emulator's logits and precisions for hls4ml."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from fixed_graphs import GRAPHS, Build
from fixed_models import mlp
from qkdflow import FixedPoint, Key
from qkdflow.export.keras import INPUT_NAME, write_keras
from qkdflow.fixed import FixedModel, FixedWeighted
from test_keras_export import ROUNDING, block, raw, rounding


def separable() -> FixedModel:
    b = Build(Key(8), (6, 6, 3))
    b.pad((0, 1), (0, 1))
    b.depthwise((3, 3), (2, 2))
    b.cut()
    b.conv(5, (1, 1))
    b.relu()
    b.reshape()
    b.dense(3)
    return b.model()


def networks() -> dict[str, FixedModel]:
    found = {"mlp": mlp(Key(1), (30, 15, 4)), "conv2d": GRAPHS["conv2d"](Key(3)), "scaled": GRAPHS["scaled"](Key(3))}
    found |= {"block": block(), "separable": separable()}
    for mode in ROUNDING:
        for function in ("linear", "relu"):
            for before in ("dense", "add"):
                found[f"{mode}-{function}-{before}"] = rounding(mode, function, before)
    return found


def precisions(fixed: FixedModel) -> dict[str, str]:
    """What hls4ml 1.3 must be told. Behind a sum whose result is left to itself it drops a QActivation(quantized_bits)
    (MergeLinearActivation); the layer's own activation="linear", NAME_linear, is a cast then; symmetric is lost."""
    found = {INPUT_NAME: fixed.input_type.hls4ml_type}
    for layer in fixed.layers:
        kind = layer.result_type
        if isinstance(layer, FixedWeighted):  # and room for what the bias holds of the rounding
            wide = FixedPoint(kind.bits + 16, kind.integer + 2).hls4ml_type
            found |= {layer.name: wide, f"{layer.name}_linear": wide}
        elif kind.overflow == "SAT_SYM":
            found[layer.name] = FixedPoint(kind.bits, kind.integer, True, "RND_CONV", "SAT_SYM").hls4ml_type
    return found


def main() -> None:
    out = Path(sys.argv[1])
    for name, fixed in networks().items():
        write_keras(fixed, out / f"{name}.h5")
        x = raw(fixed, 2000)
        np.savez(out / f"{name}.npz", x=x, logits=fixed.predict(x), precisions=np.array(json.dumps(precisions(fixed))))


if __name__ == "__main__":
    main()
