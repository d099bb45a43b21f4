"""An ONNX file and the data that it keeps beside itself. Needs the extra `qkdflow[onnx]`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow.errors import ToolError
from qkdflow.importers.input_type import input_type
from qkdflow.importers.network import Network
from qkdflow.importers.onnx_graph import translate
from qkdflow.importers.shapes import Shape
from qkdflow.refusal import reading, refusal

_OPSET = 13
_LARGEST = 2 << 30  # bytes of a protobuf message


def read_onnx(path: Path, input_shape: Shape | None = None) -> Network:
    """DataError names what is not supported: operator, attribute, file."""
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise ToolError("[onnx] reading ONNX needs the package onnx; pip install 'qkdflow[onnx]'") from error
    where = str(path)
    if path.stat().st_size > _LARGEST:
        raise refusal(where, "the file must be below 2 GiB, as ONNX requires; keep the weights beside it")
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except (DecodeError, ValueError, OSError) as error:
        raise refusal(where, "a whole ONNX file is required", str(error)) from error
    if not model.opset_import or not model.graph.node:
        size = path.stat().st_size
        raise refusal(where, "an ONNX model is required", f"{size} bytes without one" if size else "an empty file")
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset < _OPSET:
        raise refusal(where, f"opset must be {_OPSET} or later; convert with onnx.version_converter", opset)
    if model.functions:
        raise refusal(where, "functions are not supported; export without them", model.functions[0].name)
    tensors = {t.name: _array(onnx, t, path) for t in model.graph.initializer}
    if model.graph.sparse_initializer:
        raise refusal(where, "sparse initializers are not supported")
    version = f"ONNX opset {opset}"
    is_own = model.producer_name == "qkdflow"
    named = (p.value for p in model.metadata_props if is_own and p.key == "qkdflow.input_type")
    own_type = input_type(next(named, None), where)
    with reading(where):
        to_array = partial(_array, onnx, path=path)
        return translate(model.graph, tensors, where, version, to_array, input_shape, own_type, is_own)


def _array(onnx: Any, tensor: Any, path: Path) -> NDArray[Any]:
    """A tensor's numbers, read from its own file where it is external."""
    where = f"{path}: tensor {tensor.name}"
    if tensor.data_type in (onnx.TensorProto.STRING, onnx.TensorProto.UNDEFINED):
        raise refusal(where, "numbers are required")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        tensor = _loaded(onnx, tensor, path, where)
    try:
        return np.asarray(onnx.numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
        raise refusal(where, "as many numbers as its dims say are required", str(error)) from error


def _loaded(onnx: Any, tensor: Any, path: Path, where: str) -> Any:
    entries = {e.key: e.value for e in tensor.external_data}
    folder = path.resolve().parent
    target = (folder / entries.get("location", "")).resolve()
    if not target.is_relative_to(folder) or not target.is_file():
        raise refusal(where, "external data must be a file in the model's own folder", entries.get("location"))
    size = target.stat().st_size
    try:
        offset = int(entries.get("offset", 0))
        length = int(entries.get("length", size - offset))
    except ValueError as error:
        raise refusal(where, "offset and length must be whole numbers", str(error)) from error
    if offset < 0 or length < 0 or offset + length > size:
        raise refusal(where, f"external data must lie within the {size} bytes of {target.name}", f"{offset}, {length}")
    with target.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    inline = onnx.TensorProto()
    inline.CopyFrom(tensor)
    inline.ClearField("external_data")
    inline.data_location = onnx.TensorProto.DEFAULT
    inline.raw_data = data
    return inline
