"""Small helpers in QKeras's words."""

from __future__ import annotations

from qkdflow import quantizers
from qkdflow.layers import QActivation, QDense
from qkdflow.models import Sequential
from qkdflow.quantizers import Quantizer


def print_qstats(model: Sequential) -> str:
    """Each quantised layer's quantisers, parameters and zeros (as integers); printed, and returned."""
    lines = [f"{'layer':<14}{'kernel':<24}{'bias':<24}{'activation':<24}{'params':>8}{'zeros':>8}"]
    for layer in model.layers:
        if isinstance(layer, QDense):
            kernel, bias = layer.kernel_quantizer, layer.bias_quantizer
            values, _ = model.parameter(f"{layer.name}/kernel")  # masked ones are zero
            codes = values if kernel is None else quantizers.get(kernel).type().encode(values)
            zeros = int((codes == 0).sum())
            params = values.size + (layer.units if layer.use_bias else 0)
            lines.append(f"{layer.name:<14}{_text(kernel):<24}{_text(bias):<24}{'':<24}{params:>8}{zeros:>8}")
        elif isinstance(layer, QActivation):
            lines.append(f"{layer.name:<62}{_text(layer.quantizer):<24}")
    text = "\n".join(line.rstrip() for line in lines)
    print(text)
    return text


def _text(quantizer: Quantizer | str | None) -> str:
    if quantizer is None:
        return "float32"
    q = quantizers.get(quantizer)
    numbers = [str(getattr(q, key)) for key in ("bits", "integer") if hasattr(q, key)]
    return f"{type(q).__name__}({','.join(numbers)})"
