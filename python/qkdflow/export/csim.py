"""hls4ml's C simulation: the project's own C++, compiled by g++ with open ap_fixed headers, and run."""

from __future__ import annotations

import ctypes
import re
import shutil
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qkdflow.errors import ConfigError, DataError, ToolError
from qkdflow.export.hls import HlsProject
from qkdflow.files import read_json, write_json
from qkdflow.tools import call

Real = NDArray[np.float64]


class Comparison(NamedTuple):
    """How many outputs were compared, and how many of them differ."""

    outputs: int  # compared
    mismatches: int  # of them


@dataclass(frozen=True)
class Csim:
    """A compiled project. `predict` takes raw inputs and gives logits, as the hardware would."""

    project: HlsProject
    seconds_to_compile: float
    _library: Any

    def predict(self, x: NDArray[Any]) -> Real:
        """Logits, float64 (n, outputs), of raw inputs (n, *input_shape). Raises DataError."""
        rows = self._rows(x)
        logits = np.zeros((len(rows), self.project.fixed.outputs))
        source, target = rows.ctypes.data, logits.ctypes.data
        for i in range(len(rows)):  # the library takes one sample a call
            self._top(source + i * rows.strides[0], target + i * logits.strides[0])
        return logits

    def trace(self, x: NDArray[Any]) -> dict[str, Real]:
        """Every layer's result by name, float64 (n, *shape), of raw inputs (n, *input_shape).

        Layers that hls4ml computes nothing for, such as a reshape between arrays, are not there.
        """
        rows, shapes = self._rows(x), {link.layer.name: link.shape for link in self.project.fixed.links}
        kept = (_Kept * len(shapes))()
        logits, found = np.zeros(self.project.fixed.outputs), list[dict[str, Real]]()
        self._library.allocate_trace_storage(ctypes.c_size_t(logits.itemsize))
        try:
            for row in rows:
                self._top(row.ctypes.data, logits.ctypes.data)
                self._library.collect_trace_output(kept)
                found.append(
                    {
                        name: np.ctypeslib.as_array(
                            ctypes.cast(entry.data, ctypes.POINTER(ctypes.c_double)), shapes[name]
                        ).copy()
                        for entry in kept
                        if entry.name and (name := entry.name.decode()) in shapes
                    }
                )
        finally:
            self._library.free_trace_storage()
        return {name: np.stack([each[name] for each in found]) for name in (found[0] if found else ())}

    def types(self) -> dict[str, str]:
        """The C++ types of traced layers' results by name, as the project's files have them."""
        firmware, name = self.project.directory / "firmware", self.project.config.project_name
        source, defines = ((firmware / file).read_text("utf-8") for file in (f"{name}.cpp", "defines.h"))
        traced = dict(re.findall(r'save_layer_output<(\w+)>\(\w+, "(\w+)"', source))
        kinds = {word: kind for kind, word in re.findall(r"typedef .*?(a[pc]_u?fixed<[^>]*>).*? (\w+);", defines)}
        return {layer: kinds[word] for word, layer in traced.items() if word in kinds}

    def _rows(self, x: NDArray[Any]) -> Real:
        fixed = self.project.fixed
        rows = np.ascontiguousarray(x, dtype=np.float64)  # a float32 would round logits beyond 24 bits
        if rows.shape[1:] != fixed.input_shape or rows.ndim == 1:
            wanted = ", ".join(map(str, fixed.input_shape))
            raise DataError(f"[csim] inputs of shape (n, {wanted}) are required; got {rows.shape}")
        return rows

    @cached_property
    def _top(self) -> Any:
        top = self._library[f"{self.project.config.project_name}_double"]
        top.restype, top.argtypes = None, (ctypes.c_void_p, ctypes.c_void_p)
        return top


class _Kept(ctypes.Structure):
    """hls4ml's trace_data: a layer's name and its result."""

    _fields_ = (("name", ctypes.c_char_p), ("data", ctypes.c_void_p))


def compiler_problem(backend: str | None = None) -> str | None:
    """What is missing to compile a project, of that backend where one is named, in words; None where nothing is."""
    if backend == "oneAPI":
        return "a oneAPI project is built by Intel's icpx alone, through its CMakeLists.txt; use Quartus"
    if shutil.which("g++") is None:
        return "a C++ compiler is required; g++ is not on PATH (apt install g++, or conda install gxx)"
    if shutil.which("bash") is None:
        return "bash is required to run the project's build_lib.sh; it is not on PATH"
    return None


def compile_csim(project: HlsProject) -> Csim:
    """Compile a project and load it. Raises ToolError with the compiler's last lines."""
    problem = compiler_problem(project.config.backend)
    if problem:
        raise ToolError(f"[csim] {problem}")
    directory = project.directory.resolve()
    if any(c in str(directory) for c in '"\\$`\n'):  # it goes through a shell into a C string
        raise ConfigError(f"[csim] a path without quotes, backslashes and $ is required; got {directory}")
    library = _library(project)
    library.unlink(missing_ok=True)
    start = time.perf_counter()
    done = call("csim", ["bash", "build_lib.sh"], directory)
    seconds = time.perf_counter() - start
    if done.code != 0 or not library.is_file():
        raise ToolError(f"[csim] the project in {directory} must compile; {_complaint(done.said)}")
    write_json(_note(project), {"directory": str(directory), "seconds_to_compile": seconds})
    return _open(project, seconds)


def load_csim(project: HlsProject) -> Csim:
    """The library that `compile_csim` left in the project; compiled again where the project has moved."""
    directory = str(project.directory.resolve())
    if _library(project).is_file() and _note(project).is_file():
        note = read_json(_note(project))
        if isinstance(note, dict) and note.get("directory") == directory:
            return _open(project, float(note["seconds_to_compile"]))
    return compile_csim(project)


def compare(fixed_logits: NDArray[Any], csim_logits: NDArray[Any]) -> Comparison:
    """How many logits (n, outputs) were compared and how many differ; a NaN differs from everything.

    DataError where the shapes differ.
    """
    if fixed_logits.shape != csim_logits.shape:
        raise DataError(f"[csim] logits of one shape are required; got {fixed_logits.shape} and {csim_logits.shape}")
    return Comparison(fixed_logits.size, int(np.count_nonzero(fixed_logits != csim_logits)))


def _library(project: HlsProject) -> Path:
    return project.directory.resolve() / "firmware" / f"{project.config.project_name}-{project.stamp}.so"


def _note(project: HlsProject) -> Path:
    return _library(project).with_suffix(".json")


def _open(project: HlsProject, seconds: float) -> Csim:
    weights = project.directory.resolve() / "firmware" / "weights"
    # At its first call the library reads these by absolute path, and ends the process where one is missing.
    source = weights.parent / f"{project.config.project_name}.cpp"
    named = sorted(set(re.findall(r'"(\w+\.txt)"', source.read_text(encoding="utf-8"))))
    missing = [name for name in named if not (weights / name).is_file()]
    if missing:
        raise ToolError(f"[csim] {weights} must hold {', '.join(missing)}; write the project again")
    try:
        csim = Csim(project, seconds, ctypes.CDLL(str(_library(project))))
        _ = csim._top
    except (OSError, AttributeError) as error:
        raise ToolError(f"[csim] the compiled library must load; {error}") from error
    csim.predict(np.zeros((1, *project.fixed.input_shape)))  # now, while the weights are known to be there
    return csim


def _complaint(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return "g++ ended with: " + " | ".join((errors or lines or ["no output"])[-4:])
