"""A plan as Verilog: the values that the templates in hls/rtl are filled with."""

from __future__ import annotations

from typing import Any

import numpy as np
from qkdflow_overlay import Port

from qkdflow._core import FixedPoint
from qkdflow.fixed import Codes, FixedActivation, FixedDense, FixedModel, FixedScale, Link
from qkdflow.handover.templates import copy, render
from qkdflow.rtl.plan import Folding, Stage

LIBRARY = (
    "qkd_activation",
    "qkd_adder_tree",
    "qkd_argmax",
    "qkd_dense_control",
    "qkd_dense_inputs",
    "qkd_fixed_cast",
    "qkd_neuron",
    "qkd_register_control",
    "qkd_scale",
    "qkd_stream_input",
    "qkd_stream_output",
)
LINE = 100  # characters of weights a line


def verilog(fixed: FixedModel, stages: tuple[Stage, ...], module: str, ports: tuple[Port, Port]) -> dict[str, str]:
    """The text of each file by its name. ports: how codes lie in the words of the streams."""
    texts = {f"{name}.v": copy(f"rtl/{name}.v") for name in LIBRARY}
    for stage in stages:
        texts[f"{module}_{stage.name}.v"] = render("rtl/layer.v.j2", _stage_values(stage, module))
    first, last, (source, result) = stages[0], stages[-1], ports
    values = {
        "name": fixed.name,
        "module": module,
        "n_in": first.n_in,
        "n_out": last.n_out,
        "input_type": first.input_type,
        "output_type": last.output_type,
        "in_bits": first.in_bits,
        "out_bits": last.out_bits,
        "latency_clk": sum(stage.latency_clk for stage in stages),
        "ii": max(stage.ii for stage in stages),
        "stages": [{"name": s.name, "module": f"{module}_{s.name}", "out_bits": s.out_bits} for s in stages],
        "words_in": source.words,
        "words_out": result.words,
        "code_bits_in": source.code_bits,
        "code_bits_out": result.code_bits,
        "position_bits_in": index_bits(source.words),
        "position_bits_out": index_bits(result.words),
    }
    texts[f"{module}.v"] = render("rtl/network.v.j2", values)
    texts[f"{module}_stream.v"] = render("rtl/network_stream.v.j2", values)
    return texts


def index_bits(count: int) -> int:
    """Bits of a number below `count`."""
    return max((count - 1).bit_length(), 1)


def decimal(code: int, bits: int) -> str:
    """A signed constant."""
    return f"{'-' if code < 0 else ''}{bits}'sd{abs(code)}"


def _stage_values(stage: Stage, module: str) -> dict[str, Any]:
    pointwise = []
    source, links, dense = "in_data", stage.links, None
    if stage.folding and isinstance(layer := links[0].layer, FixedDense):
        dense, source, links = _dense_values(layer, links[0], stage.folding), f"{layer.name}_y", links[1:]
    for link in links:
        pointwise.append({**pointwise_values(link), "source": source})
        source = f"{link.layer.name}_y"
    if stage.is_argmax:
        x, y, n = stage.input_type, stage.output_type, stage.n_in
        pointwise.append(
            {"kind": "argmax", "title": "the largest logit", "name": "argmax", "source": source, "x": x, "y": y}
            | {"x_n": n, "n": 1}
        )
        source = "argmax_y"
    return {
        "title": _title(stage),
        "module": f"{module}_{stage.name}",
        "in_bits": stage.in_bits,
        "out_bits": stage.out_bits,
        "dense": dense,
        "pointwise": pointwise,
        "result": source,
    }


def _title(stage: Stage) -> str:
    names = " and ".join(link.layer.name for link in stage.links) or "argmax"
    clocks = f"a result {stage.latency_clk} clocks after its sample, one every {stage.ii}"
    if stage.folding is None:
        return f"{names}: {clocks}."
    n = stage.folding.multipliers
    return f"{names}: {n} multipliers of {stage.folding.reuse_factor} weights (less those of zeros alone); {clocks}."


def _dense_values(layer: FixedDense, link: Link, folding: Folding) -> dict[str, Any]:
    kind, weight = link.input_type, layer.weight_type
    w_bits = weight.bits if weight.is_signed else weight.bits + 1
    bits, products = layer.result_type.bits, kind.fraction + weight.fraction
    biases = _biases(layer)
    neurons = []
    for group in range(folding.neurons):
        outputs = range(group * folding.outputs, (group + 1) * folding.outputs)
        codes = np.zeros((folding.outputs, folding.lanes * folding.steps), dtype=np.int64)
        for row, o in zip(codes, outputs, strict=True):
            if o < link.n_out:
                row[: link.n_in] = layer.weights[:, o]
        made = [biases[o] if o < link.n_out else 0 for o in outputs]
        neurons.append(
            {
                "weights": _lines(codes.reshape(-1), w_bits),
                "biases": ", ".join(decimal(code, bits) for code in reversed(made)),
            }
        )
    return {
        "name": layer.name,
        "n_in": link.n_in,
        "n_out": link.n_out,
        "in_type": kind,
        "weight_type": weight,
        "result_type": layer.result_type,
        "lanes": folding.lanes,
        "steps": folding.steps,
        "outputs": folding.outputs,
        "step_bits": index_bits(folding.outputs * folding.steps),
        "number_bits": index_bits(folding.outputs),
        "x_bits": kind.bits if kind.is_signed else kind.bits + 1,
        "w_bits": w_bits,
        "shift": layer.result_type.fraction - products,
        "neurons": neurons,
    }


def _biases(layer: FixedDense | FixedScale) -> list[int]:
    """On the grid of the sums, in their bits: what does not fit wraps, as the sum itself does."""
    shift, bits = layer.result_type.fraction - layer.bias_type.fraction, layer.result_type.bits
    return [_wrapped(code << shift, bits) for code in layer.bias.tolist()]


def _wrapped(code: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (code + half) % (2 * half) - half


def _lines(codes: Codes, bits: int) -> list[str]:
    """Constants from the last to the first, in lines."""
    words = [decimal(code, bits) for code in reversed(codes.tolist())]
    lines = [""]
    for word, comma in zip(words, [", "] * (len(words) - 1) + [""], strict=True):
        if len(lines[-1]) + len(word) > LINE:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += word + comma
    return lines


def pointwise_values(link: Link) -> dict[str, Any]:
    """What layer.v.j2 needs for a layer without multipliers, the name of its source apart."""
    layer, x, y = link.layer, link.input_type, link.layer.result_type
    values: dict[str, Any] = {"name": layer.name, "n": link.n_out, "x": x, "y": y}
    if isinstance(layer, FixedActivation):
        slope, shift = layer.coefficients
        shift_bits = max(shift[0].bit_length() + 1, 1)
        return values | {
            "kind": "activation",
            "title": f"{layer.name}: {layer.activation} into {y.ap_type}",
            "function": layer.activation,
            "slope": slope,
            "slope_bits": max(slope[0].bit_length(), 1) if layer.slope is not None else 0,
            "shift": shift,
            "shift_bits": shift_bits if layer.shift is not None else 0,
            "shift_code": decimal(shift[0], shift_bits),
        }
    if isinstance(layer, FixedScale):
        return values | _scale_values(layer, x, link.n_out)
    return values | {"kind": "reshape", "title": f"{layer.name}: the same elements in the same order"}


def _scale_values(layer: FixedScale, x: FixedPoint, n: int) -> dict[str, Any]:
    weight, y = layer.weight_type, layer.result_type
    w_bits = weight.bits if weight.is_signed else weight.bits + 1
    offsets, scales = _biases(layer), layer.weights.tolist()
    return {
        "kind": "scale",
        "title": f"{layer.name}: a scale and an offset a channel",
        "x_bits": x.bits if x.is_signed else x.bits + 1,
        "w_bits": w_bits,
        "grid": y.fraction - x.fraction - weight.fraction,
        "elements": [
            {
                "scale": decimal(scales[i % len(scales)], w_bits),
                "offset": decimal(offsets[i % len(offsets)], y.bits),
            }
            for i in range(n)
        ],
    }
