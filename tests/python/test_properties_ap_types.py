"""FixedPoint against hls4ml's ap_fixed, compiled: every rounding with every overflow, signed and not, 1 to 18 bits."""

from __future__ import annotations

import ctypes
import functools
import itertools
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from qkdflow import FixedPoint, Key
from test_reference import OVERFLOW, ROUNDING

hls4ml = pytest.importorskip("hls4ml")
pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not on PATH")
FRACTION = 22  # of the values that are converted, ap_fixed<44,22>: finer and wider than any of the types
# A signed bit alone is left out with SAT_SYM: symmetric, it holds 0 and nothing else; ap_fixed gives it -1.
# Each pair of modes has a signed and an unsigned type of several widths, each width several pairs of modes.
MODES = list(itertools.product(ROUNDING, OVERFLOW, (True, False)))
KINDS = [
    FixedPoint(bits, integer, is_signed, rounding, overflow)
    for i, (rounding, overflow, is_signed) in enumerate(MODES)
    for n in range(2)
    for bits, integer in [(1 + (i + 6 * n) % 18, (5 * i + 7 * n) % 13 - 3)]
    if not (bits == 1 and is_signed and overflow == "SAT_SYM")
]


@functools.cache
def library() -> ctypes.CDLL:
    """`convert(kind, n, codes, values)`: ap_fixed<44,22> codes to the values that each of KINDS makes of them."""
    cases = "\n".join(f"case {i}: one<{k.ap_type}>(n, codes, values); break;" for i, k in enumerate(KINDS))
    source = f"""
#include <ap_fixed.h>
template <class T> void one(int n, const long long *codes, double *values) {{
  for (int i = 0; i < n; i++) {{
    ap_fixed<44, 22> wide;
    wide.range() = ap_int<44>(codes[i]);
    values[i] = T(wide).to_double();
  }}
}}
extern "C" void convert(int kind, int n, const long long *codes, double *values) {{ switch (kind) {{ {cases} }} }}
"""
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "convert.cpp").write_text(source)
        types = Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"
        command = [
            "g++",
            "-std=c++14",
            "-O0",
            "-w",
            "-fPIC",
            "-shared",
            f"-I{types}",
            "convert.cpp",
            "-o",
            "convert.so",
        ]
        subprocess.run(command, cwd=folder, check=True, timeout=300)
        return ctypes.CDLL(str(folder / "convert.so"))
    finally:
        shutil.rmtree(folder)


def converted(kind: int, codes: NDArray[np.int64]) -> NDArray[np.float64]:
    values = np.empty(len(codes))
    library().convert(kind, len(codes), codes.ctypes.data_as(ctypes.c_void_p), values.ctypes.data_as(ctypes.c_void_p))
    return values


def test_the_kinds_are_all_modes_and_all_widths() -> None:
    assert {(k.rounding, k.overflow, k.is_signed) for k in KINDS} == set(MODES)
    assert {k.bits for k in KINDS} == set(range(1, 19))


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=lambda i: KINDS[i].ap_type)
def test_ties_ends_and_anything_between(kind: int) -> None:
    k = KINDS[kind]
    half = 1 << (FRACTION - k.fraction - 1)  # of a step, in codes of the wide type
    around = [
        c * 2 * half + d for c in (k.low_code, -1, 0, 1, k.high_code) for d in range(-5 * half, 5 * half + 1, half)
    ]
    beside = [c + d for c in around for d in (-1, 0, 1)]
    drawn = np.floor((Key(kind).uniform(500) - 0.5) * 2.0**43).astype(np.int64)
    near = np.floor((Key(kind + 1000).uniform(500) - 0.5) * 2.0 ** (FRACTION + k.integer + 2)).astype(np.int64)
    check(kind, np.concatenate([np.array(beside, np.int64), drawn, near]))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(range(len(KINDS))), st.lists(st.integers(-(2**43), 2**43 - 1), min_size=1, max_size=40))
def test_whatever_hypothesis_finds(kind: int, codes: list[int]) -> None:
    check(kind, np.array(codes, np.int64))


def check(kind: int, codes: NDArray[np.int64]) -> None:
    codes = np.clip(codes, -(2**43), 2**43 - 1)
    k = KINDS[kind]
    np.testing.assert_array_equal(k.decode(k.requantize(codes, FRACTION)), converted(kind, codes))
    np.testing.assert_array_equal(k.quantize(codes * 2.0**-FRACTION), converted(kind, codes))
