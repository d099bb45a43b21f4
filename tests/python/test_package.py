"""What an installed qkdflow brings: one oneDNN of its own that nothing shadows unseen, and all notices."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from qkdflow import _core

CORE = Path(_core.__file__)
BUNDLED = CORE.parent / "libdnnl.so.3"
RPATH, RUNPATH, STRTAB, STRSZ = 15, 29, 5, 10

needs_bundle = pytest.mark.skipif(not BUNDLED.exists(), reason="built with a system oneDNN")


def dynamic_section(library: Path) -> tuple[dict[int, int], bytes]:
    """The dynamic section (tag -> value) of a 64-bit little-endian ELF file, and its string table."""
    data = library.read_bytes()
    assert data[:6] == b"\x7fELF\x02\x01"
    [offset] = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", data, offset + i * size) for i in range(count)]

    def place(address: int) -> int:  # virtual address -> file offset, through the PT_LOAD segments
        return next(h[2] + address - h[3] for h in headers if h[0] == 1 and h[3] <= address < h[3] + h[5])

    [start, length] = next((h[2], h[5]) for h in headers if h[0] == 2)  # PT_DYNAMIC
    entries = dict(struct.iter_unpack("<QQ", data[start : start + length]))
    strings = place(entries[STRTAB])
    return entries, data[strings : strings + entries[STRSZ]]


@needs_bundle
def test_there_is_one_onednn_and_it_is_the_one_that_was_built_with() -> None:
    assert [p.name for p in CORE.parent.rglob("*dnnl*")] == ["libdnnl.so.3"]
    assert _core.onednn_version() == _core.ONEDNN_BUILT_WITH


@needs_bundle
def test_core_finds_onednn_beside_itself_and_nowhere_else() -> None:
    entries, strings = dynamic_section(CORE)
    assert RUNPATH not in entries, "RUNPATH lets LD_LIBRARY_PATH shadow the bundled oneDNN"
    assert strings[entries[RPATH] :].split(b"\0")[0] == b"$ORIGIN"


def test_core_exports_its_init_function_and_no_name_of_the_engine() -> None:
    _, strings = dynamic_section(CORE)
    names = strings.split(b"\0")
    assert [n for n in names if n.startswith(b"PyInit")] == [b"PyInit__core"]
    assert [n for n in names if b"3qkd" in n and n.startswith(b"_Z")] == []


def test_only_core_is_an_extension_module() -> None:
    assert [p.name for p in CORE.parent.rglob("*.so")] == [CORE.name]


def test_stubs_licences_and_notices_are_shipped() -> None:
    package = importlib.resources.files("qkdflow")
    assert package.joinpath("py.typed").is_file()
    assert package.joinpath("_core.pyi").is_file()
    shipped = {Path(f).name for f in importlib.metadata.files("qkdflow") or []}
    assert {"LICENSE", "NOTICE"} <= shipped
    assert not BUNDLED.exists() or "THIRD-PARTY-PROGRAMS" in shipped


def import_with(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import qkdflow; print(qkdflow._core.onednn_version())"]
    return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A libdnnl.so.3 that says it is 3.99.0, as another package in the same process might bring. It has every name
    that _core asks for: the loader wants those whose address is taken.
    """
    if shutil.which("g++") is None:
        pytest.skip("no g++ to build a foreign oneDNN with")
    source, library = tmp_path / "foreign.cpp", tmp_path / "libdnnl.so.3"
    _, strings = dynamic_section(CORE)
    names = {n.decode() for n in strings.split(b"\0") if n.startswith(b"dnnl_")} - {"dnnl_version"}
    source.write_text(
        "struct Version { int major, minor, patch; const char* hash; unsigned cpu, gpu; };\n"
        'extern "C" const Version* dnnl_version() { static Version v{3, 99, 0, "", 0, 0}; return &v; }\n'
        + "".join(f'extern "C" void {name}() {{}}\n' for name in sorted(names))
    )
    command = ["g++", "-shared", "-fPIC", "-Wl,-soname,libdnnl.so.3", "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    return library


@needs_bundle
def test_a_library_path_does_not_shadow_the_bundled_onednn(tmp_path: Path, foreign: Path) -> None:
    done = import_with(tmp_path, LD_LIBRARY_PATH=str(foreign.parent))
    assert done.stdout.strip() == str(_core.ONEDNN_BUILT_WITH)
    assert done.stderr == ""


def test_a_foreign_onednn_in_the_process_is_named(tmp_path: Path, foreign: Path) -> None:
    done = import_with(tmp_path, LD_PRELOAD=str(foreign))
    assert done.stdout.strip() == "(3, 99, 0)"
    assert "RuntimeWarning: [qkdflow] oneDNN 3.2.0 is required; got 3.99.0" in done.stderr
