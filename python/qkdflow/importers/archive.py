"""Zip archives without trust: named members alone, none of them larger than the archive can honestly hold."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from qkdflow.errors import DataError
from qkdflow.limits import MOST_VALUES, PACKED
from qkdflow.refusal import refusal

_LARGEST = 4 * MOST_VALUES  # bytes of one member: float32
_RATIO, _SLACK = 200, 16 << 20  # a member above _SLACK may be at most so many times its packed size: weights pack less


def read_members(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """The members of that name. DataError for what is missing, damaged, encrypted, unsafe or a bomb."""
    where = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            listed = [info.filename for info in archive.infolist()]
            for name in listed:
                _check_name(where, name)
            if len(set(listed)) != len(listed):
                raise refusal(where, "every member must be there once")
            missing = sorted(set(names) - set(listed))
            if missing:
                raise refusal(where, f"{', '.join(names)} are required; there is no {', '.join(missing)}")
            return {name: _member(where, archive, archive.getinfo(name)) for name in names}
    except DataError:
        raise
    except (OSError, RuntimeError, NotImplementedError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise refusal(where, "a whole zip archive is required", str(error)) from error


def _check_name(where: str, name: str) -> None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if name.startswith(("/", "\\")) or ".." in parts or (parts and ":" in parts[0]):
        raise refusal(where, "members must lie inside the archive", name)
    if name.endswith((".pkl", ".pickle")):
        raise refusal(where, "pickled objects are never read: loading one would run it", name)


def _member(where: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type not in PACKED:
        raise refusal(where, f"{info.filename} must be stored or deflated", f"zip method {info.compress_type}")
    most = max(_SLACK, min(_LARGEST, info.compress_size * _RATIO))
    if info.file_size > most:
        raise refusal(where, f"{info.filename} must unpack to at most {most} bytes", f"{info.file_size}")
    with archive.open(info) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise refusal(where, f"{info.filename} must unpack to at most {most} bytes; it has more than it says")
    return data
