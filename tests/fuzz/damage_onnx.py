"""Damage to the fields of ONNX's messages."""

from __future__ import annotations

from typing import Any

from damage_bytes import Random, damaged_bytes


def damaged_onnx(rng: Random, data: bytes) -> bytes:
    """An ONNX message with one field, anywhere, changed, gone or twice."""
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception:  # damaged before
        return damaged_bytes(rng, data)
    messages: list[Any] = [model]
    for message in messages:  # grows: breadth first
        for field, value in message.ListFields():
            if field.type == field.TYPE_MESSAGE:
                messages += list(value) if _is_repeated(field) else [value]
    message = rng.choice(messages)
    fields = message.ListFields()
    if not fields:
        return damaged_bytes(rng, data)
    field, value = rng.choice(fields)
    kind = rng.randrange(4)
    if kind == 0:
        message.ClearField(field.name)
    elif field.type == field.TYPE_MESSAGE:
        if _is_repeated(field):
            if kind == 1:
                del value[rng.randrange(len(value))]
            else:
                value.add().CopyFrom(rng.choice(list(value)))
    else:
        new = _scalar(rng, field)
        if not _is_repeated(field):
            setattr(message, field.name, new)
        elif kind == 1:
            value.append(new)
        else:
            value[rng.randrange(len(value))] = new
    return bytes(model.SerializeToString())


def _is_repeated(field: Any) -> bool:
    return bool(field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED)


def _scalar(rng: Random, field: Any) -> Any:
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return rng.choice((0.0, -1.0, 1.5, float("nan"), float("inf"), 1e38, 1e-45))
    if field.cpp_type == field.CPPTYPE_ENUM:
        return rng.choice([v.number for v in field.enum_type.values])
    if field.cpp_type == field.CPPTYPE_STRING:
        text = rng.choice(
            ("", "x", "x" * 3000, "Relu", "Conv", "Gemm", "Reshape", "Quant", "c0", "c1", "\n", "\x1b[2J")
        )
        return text.encode() if field.type == field.TYPE_BYTES else text
    if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32):
        return rng.choice((0, 1, 2, 7, 8, 9, 16, 99, 2**31 - 1))
    return rng.choice((0, 1, -1, 2, 3, 4, 7, 64, 2**31 - 1, 2**31, 10**12, 2**63 - 1, -(2**63)))
