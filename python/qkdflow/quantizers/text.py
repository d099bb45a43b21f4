"""Quantisers as texts and as JSON, ours and Keras's. A text is parsed, never run."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from qkdflow.errors import ConfigError
from qkdflow.quantizers.base import Quantizer
from qkdflow.quantizers.bits import csd_bits, quantized_bits, quantized_linear
from qkdflow.quantizers.learned import learned_bits
from qkdflow.quantizers.po2 import quantized_po2, quantized_relu_po2
from qkdflow.quantizers.relu import quantized_relu
from qkdflow.quantizers.signs import binary, ternary
from qkdflow.quantizers.smooth import quantized_sigmoid, quantized_tanh

_CLASSES: tuple[type[Quantizer], ...] = (
    *(quantized_bits, csd_bits, quantized_linear, quantized_relu, quantized_tanh, quantized_sigmoid),
    *(binary, ternary, quantized_po2, quantized_relu_po2, learned_bits),
)
_KNOWN: dict[str, type[Quantizer]] = {c.__name__: c for c in _CLASSES}
_STOCHASTIC = {
    "stochastic_binary": ("binary", ("alpha", "temperature", "use_real_sigmoid")),
    "stochastic_ternary": ("ternary", ("alpha", "threshold", "temperature", "use_real_sigmoid", "number_of_unrolls")),
}
# Arguments of QKeras's that must have their default, because another value changes what is inferred.
_FIXED: dict[str, tuple[Any, ...]] = {
    "qnoise_factor": (1, None),
    "scale_axis": (None,),
    "elements_per_scale": (None,),
    "min_po2_exponent": (None,),
    "max_po2_exponent": (None,),
    "post_training_scale": (None,),
}
_LONGEST = 1000  # characters of a text


def get(quantizer: Quantizer | str) -> Quantizer:
    """The quantiser, or the one that a text such as "quantized_bits(8, 4)" names. ConfigError for another.

    The text is parsed, not run.
    """
    if isinstance(quantizer, Quantizer):
        return quantizer
    if not isinstance(quantizer, str):
        got = f"the class {quantizer.__name__}; call it" if isinstance(quantizer, type) else repr(quantizer)
        raise ConfigError(
            f"[quantizer] must be a quantiser, such as quantized_bits(8, 0, alpha=1), or its text; got {got}"
        )
    try:
        name, args, kwargs = _call(quantizer)
        order = _arguments(name)
        if len(args) > len(order):
            raise ValueError(f"{len(args)} arguments for {len(order)}")
        given = dict(zip(order, args, strict=False))
        if set(given) & set(kwargs):
            raise ValueError("an argument is given twice")
        return from_keras(name, {**given, **kwargs})
    except (SyntaxError, ValueError, KeyError, TypeError, RecursionError, MemoryError) as error:
        raise ConfigError(
            f"[quantizer] must be one of {', '.join(names())}, with its arguments; got {quantizer[:200]!r} ({error})"
        ) from error


def names() -> tuple[str, ...]:
    return (*_KNOWN, *_STOCHASTIC)


def from_keras(name: str, config: Mapping[str, Any]) -> Quantizer:
    """The quantiser of a class name and configuration of QKeras's. ConfigError names what is not supported."""
    order = _arguments(name)
    unknown = set(config) - set(order)
    if unknown:
        raise ConfigError(
            f"[quantizer] {name} has no {', '.join(sorted(map(str, unknown)))}; it has {', '.join(order)}"
        )
    for key, accepted in _FIXED.items():
        if key in config and config[key] not in accepted:
            raise ConfigError(f"[quantizer] {name}: {key} must be {accepted[0]}; got {config[key]!r}")
    kind = _KNOWN[_STOCHASTIC[name][0] if name in _STOCHASTIC else name]
    kept = {f.name for f in fields(kind)} - {"rounding"}
    values = {k: _whole(v) for k, v in config.items() if k in kept}
    if name in ("quantized_bits", "quantized_linear") and values.get("bits", 8) == 1 and values.get("keep_negative", 1):
        return binary(alpha=values.get("alpha"))  # QKeras takes the sign there
    return kind(**values)


def to_dict(quantizer: Quantizer | None) -> dict[str, Any] | None:
    """Class name and fields, for JSON."""
    return None if quantizer is None else {"class_name": type(quantizer).__name__, **vars(quantizer)}


def from_dict(config: dict[str, Any] | None) -> Quantizer | None:
    """The quantiser that `to_dict` described, None of None. ConfigError for what is not known."""
    if config is None:
        return None
    given = dict(config)
    name = given.pop("class_name", None)
    if name not in _KNOWN:
        raise ConfigError(f"[quantizer] must be one of {', '.join(_KNOWN)}; got {name!r}")
    return _KNOWN[name](**given)


def _arguments(name: Any) -> tuple[str, ...]:
    if name in _STOCHASTIC:
        return _STOCHASTIC[name][1]
    if name not in _KNOWN:
        raise ConfigError(f"[quantizer] must be one of {', '.join(names())}; got {name!r}")
    return _KNOWN[name].arguments


def _call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    if len(text) > _LONGEST:
        raise ValueError(f"more than {_LONGEST} characters")
    call = ast.parse(text.strip(), mode="eval").body
    if isinstance(call, ast.Name):
        return call.id, [], {}
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ValueError("not a call")
    if any(k.arg is None for k in call.keywords):
        raise ValueError("** is not an argument")
    args = [ast.literal_eval(a) for a in call.args]
    return call.func.id, args, {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}


def _whole(value: Any) -> Any:
    """8.0, as some files have it, as 8."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
