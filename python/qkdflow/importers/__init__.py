"""Networks that others trained: Keras .h5, .keras and .json, QKeras, ONNX and QONNX, without Keras.

`read` gives a file's Network, checked and printable; `qkdflow.load_model` makes a trainable model of it.
"""

from __future__ import annotations

from pathlib import Path

from qkdflow.importers.network import Network, Node
from qkdflow.importers.shapes import Shape
from qkdflow.refusal import refusal

__all__ = ["SUFFIXES", "Network", "Node", "parts", "read"]

SUFFIXES = (".h5", ".hdf5", ".keras", ".json", ".onnx")
_PICKLED = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".npy")


def read(path: str | Path, input_shape: Shape | None = None) -> Network:
    """The network in a file; nothing in it is ever run.

    `input_shape` (without the batch axis) is for files that leave an axis open. DataError names file, layer and option
    of what is damaged, not supported or unsafe; ToolError where onnx is needed and missing.
    """
    path = Path(path)
    if path.is_dir():
        kinds = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        cure = "a folder. Name a file; a model that qkdflow saved is shown by qkdflow.load_model(FOLDER).summary()"
        raise refusal(str(path), f"a model's file is required, {kinds}", cure)
    if not path.is_file():
        raise refusal(str(path), "an existing file is required: a model's .h5, .keras, .json or .onnx")
    kind = _kind(path)
    if kind == ".keras":
        from qkdflow.importers.keras_zip import read_keras

        return read_keras(path, input_shape)
    if kind == ".json":
        from qkdflow.importers.keras_h5 import read_json

        return read_json(path, input_shape)
    if kind == ".onnx":
        from qkdflow.importers.onnx_file import read_onnx

        return read_onnx(path, input_shape)
    from qkdflow.importers.keras_h5 import read_h5

    return read_h5(path, input_shape)


def parts(path: str | Path) -> list[Path]:
    """The files that `read` would look into: the one named, and where structure and weights lie apart the other."""
    from qkdflow.importers.keras_h5 import json_names, weight_names

    path = Path(path)
    names = {".json": weight_names(path), ".h5": json_names(path)}.get(path.suffix.lower(), [])
    return [path, *(path.with_name(name) for name in names if path.with_name(name).is_file())]


def _kind(path: Path) -> str:
    """By content where that is clear: a renamed pickle stays a pickle."""
    with path.open("rb") as file:
        head = file.read(8)
    suffix = path.suffix.lower()
    if head[:1] == b"\x80" or suffix in _PICKLED:
        raise refusal(
            str(path), "pickled objects are never read: loading one would run it. Save as .h5, .keras or .onnx"
        )
    if head == b"\x89HDF\r\n\x1a\n":
        return ".h5"
    if head[:4] == b"PK\x03\x04":
        return ".keras"
    if suffix not in SUFFIXES:
        raise refusal(str(path), f"the file must be one of {', '.join(SUFFIXES)}", suffix or path.name)
    return suffix
