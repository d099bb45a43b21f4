"""Files that are whole or absent: atomic writes, JSON without NaN, NPZ with reproducible bytes.

A write goes to a temporary file beside the target, reaches the disk, and only then takes the target's name,
so that a run stopped at any moment leaves either the old file or the new one. Nothing here is pickled.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import shutil
import sys
import threading
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow.errors import DataError, ToolError
from qkdflow.limits import DEFLATES_TO, MOST_VALUES, PACKED, SLACK, values_of

# What NumPy raises for a damaged file: an NPY's header is a Python literal, which is read and not run.
BROKEN_NPY = (ValueError, EOFError, MemoryError, SyntaxError, TokenError, RecursionError)
CURE = "Make room or choose another folder, then run the same command again"  # where the system refuses a write
_TEMPORARY = re.compile(r"\.(.+)\.\d+-\d+\.tmp")  # as write_atomic names them
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold; a real one would change the bytes


def write_atomic(path: str | os.PathLike[str], data: bytes | str) -> None:
    r"""Writes `data` to `path` whole or not at all; missing folders are made.

    Text is written as UTF-8, a lone surrogate as \udcXX, which JSON reads back as it was.
    ToolError where the system refuses (a full disk, no permission); the old file, if any, is then untouched.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(data if isinstance(data, bytes) else data.encode("utf-8", "backslashreplace"))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise ToolError(f"[write {path}] the file must be writable; got: {reason(error)}. {CURE}") from error


def temporary_of(name: str) -> str | None:
    """The file that was being written where `name` is what a killed write leaves; else None."""
    found = _TEMPORARY.fullmatch(name)
    return found[1] if found else None


def remove_temporaries(folder: Path) -> None:
    """Deletes what writes that were killed left in a folder and below. Nobody may be writing there.

    ToolError where the system refuses.
    """
    for path in folder.rglob(".*.tmp"):
        if temporary_of(path.name):
            try:
                path.unlink()
            except OSError as error:
                raise ToolError(f"[{path}] must be deletable; got: {reason(error)}. {CURE}") from error


def reason(error: OSError) -> str:
    """Why the system refused, without the files; of shutil's list, which has a line a file, the first."""
    first = _first(error)
    if first is None:
        return error.strerror or str(error)
    number = re.match(r"\[Errno (\d+)\]", str(first[-1]))
    return os.strerror(int(number[1])) if number else str(first[-1])


def place(error: OSError) -> str:
    """The file that the system refused, of a copy the one that is written; empty where it is not told."""
    first = _first(error)
    return str((error.filename2 or error.filename or "") if first is None else first[1])


def _first(error: OSError) -> tuple[str, str, str] | None:
    """(from, to, why) of the first file of a tree that was copied in part."""
    is_tree = isinstance(error, shutil.Error) and isinstance(error.args[0], list)
    return error.args[0][0] if is_tree else None


def _sync_folder(folder: Path) -> None:
    """Makes a rename survive a power cut; only POSIX can open a folder to do so."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def plain(value: Any) -> Any:
    """`value` in JSON's own words: arrays and tuples become lists, NaN and infinities None, paths strings.

    An object with `to_dict()` (a FixedPoint) becomes that dict. TypeError for anything else.
    """
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (np.generic, np.ndarray)):
        return plain(value.tolist())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    raise TypeError(f"[json] a value must be a number, text, list or mapping; got {type(value).__name__}")


def json_text(value: Any) -> str:
    """JSON that a person can read: keys in the order given, a list of plain values on one line."""
    return _layout(plain(value), "") + "\n"


def _layout(value: Any, indent: str) -> str:
    items: list[str]
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        items = [f"{json.dumps(k, ensure_ascii=False)}: {_layout(v, deeper)}" for k, v in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value):
        items = [_layout(v, deeper) for v in value]
        opening, closing = "[", "]"
    else:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return f"{opening}\n{deeper}" + f",\n{deeper}".join(items) + f"\n{indent}{closing}"


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` (see `plain`) as `json_text`, atomically."""
    write_atomic(path, json_text(value))


def read_json(path: str | os.PathLike[str]) -> Any:
    """The value in a JSON file. DataError, naming the file, where it is absent, broken or holds NaN."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(Path(path).read_bytes(), parse_constant=refuse)
    except OSError as error:
        raise DataError(_unreadable(path, "a readable file", error.strerror or error)) from error
    except (ValueError, RecursionError) as error:
        raise DataError(_unreadable(path, "JSON", error)) from error


def _unreadable(path: str | os.PathLike[str], required: str, got: object) -> str:
    return f"[read {os.fspath(path)}] {required} is required; got: {got}"


def npz_bytes(arrays: Mapping[str, ArrayLike]) -> bytes:
    """The NPZ of named arrays: stored, sorted by name, dateless, so that equal arrays give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            entry = zipfile.ZipInfo(f"{name}.npy", _ZIP_EPOCH)
            entry.create_system = 3  # Unix everywhere
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as file:
                array = np.asarray(arrays[name], order="C")
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def digest(arrays: Iterable[ArrayLike]) -> str:
    """SHA-256 of arrays' types, shapes and numbers, one after the other."""
    sha = hashlib.sha256()
    for given in arrays:
        array = np.asarray(given)
        sha.update(f"{array.dtype} {array.shape}\0".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, ArrayLike]) -> None:
    """Writes named arrays, any shapes, atomically. ValueError for object arrays: they would need pickle."""
    write_atomic(path, npz_bytes(arrays))


def read_npz(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """All arrays of an NPZ file by name. DataError, naming the file, where absent, broken, pickled or a bomb."""
    arrays = {}
    values = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.compress_type not in PACKED:
                    raise ValueError(f"{entry.filename} is neither stored nor deflated")
                if entry.file_size > SLACK + DEFLATES_TO * entry.compress_size:
                    raise ValueError(f"{entry.filename} claims {entry.file_size:,} bytes, more than it can hold")
                with archive.open(entry) as file:
                    values += _check_claim(file, entry.file_size, entry.filename)
                if values > MOST_VALUES:
                    raise ValueError(f"{entry.filename} makes them {values:,} values; at most {MOST_VALUES:,} are read")
                with archive.open(entry) as file:
                    arrays[entry.filename.removesuffix(".npy")] = _array(file, entry.filename)
    except OSError as error:
        raise DataError(_unreadable(path, "a readable NPZ", error.strerror or error)) from error
    except (*BROKEN_NPY, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(_unreadable(path, "an NPZ without pickles", error)) from error
    return arrays


def read_npy(path: str | os.PathLike[str]) -> NDArray[Any]:
    """The array of an NPY file. DataError, naming the file, where absent, broken or pickled."""
    try:
        with open(path, "rb") as file:
            _check_claim(file, os.fstat(file.fileno()).st_size, Path(path).name)
            file.seek(0)
            return _array(file, Path(path).name)
    except OSError as error:
        raise DataError(_unreadable(path, "a readable NPY", error.strerror or error)) from error
    except BROKEN_NPY as error:
        raise DataError(_unreadable(path, "an NPY without pickles", error)) from error


def _check_claim(file: IO[bytes], size: int, name: str) -> int:
    """How many values; ValueError where an NPY of `size` bytes claims more: NumPy allocates before it reads."""
    is_first = np.lib.format.read_magic(file) == (1, 0)
    prefix = file.read(2 if is_first else 4)
    length = int.from_bytes(prefix, "little")
    if length > SLACK:  # NumPy asks for as many bytes before it looks at them
        raise ValueError(f"the header of {name} claims {length:,} bytes; at most {SLACK:,} are read")
    read = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(io.BytesIO(prefix + file.read(length)))
    if any(n > sys.maxsize for n in shape):  # beside a 0 the product says nothing
        raise ValueError(f"{name} claims the shape {shape}")
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > size:
        raise ValueError(f"{name} claims {claimed:,} bytes, shape {shape}; it has {size:,}")
    return values_of(shape, dtype.itemsize)


def _array(file: IO[bytes], name: str) -> NDArray[Any]:
    """The array of an NPY whose claim was checked. ValueError where its text is none: Python fails on such letters."""
    array = np.asarray(np.lib.format.read_array(file, allow_pickle=False))
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        letters = np.ascontiguousarray(array).reshape(-1).view(array.dtype.byteorder + "u4")
        if int(letters.max()) > sys.maxunicode:
            raise ValueError(f"{name} holds text of letters that Unicode does not have")
    return array
