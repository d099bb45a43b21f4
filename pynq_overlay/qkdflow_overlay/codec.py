"""Real values to integer codes to the 32-bit words of a bus, and back; the only place that packs.

Notation: a value v is the code c = v * 2^F. A code takes `code_bits` bits in two's complement, little end
first: four codes of 8 bits share a word, one of 64 bits takes two. A sample starts on a new word.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qkdflow_overlay.errors import ManifestError
from qkdflow_overlay.manifest import FixedType, Port

Array = Any  # numpy.ndarray; numpy 1.17 has no types


class Codec:
    """Encodes and decodes samples of one port."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self._dtype = np.dtype(f"<{'i' if port.type.is_signed else 'u'}{port.code_bits // 8}")

    def encode(self, values: Array) -> Array:
        """Codes, int64 (n, *shape), of real values (n, *shape), rounded and saturated as the type says.

        A type that wraps saturates here: no detector means the count that is left after an overflow.
        """
        return encode(self._samples(values, np.float64), self.port.type)

    def decode(self, codes: Array) -> Array:
        """Real values, float64, of codes, any shape; exact."""
        return np.ldexp(np.asarray(codes, dtype=np.float64), -self.port.type.fraction)

    def pack(self, codes: Array) -> Array:
        """Words, uint32 (n, words), of codes, integers (n, *shape). Others are a ManifestError."""
        if np.asarray(codes).dtype.kind not in "iu":
            raise ManifestError(f"[codec] integer codes are required; got {np.asarray(codes).dtype}")
        flat = self._samples(codes, np.int64).reshape(len(codes), self.port.size)
        kind = self.port.type
        if flat.size and (flat.min() < kind.low_code or flat.max() > kind.high_code):
            raise ManifestError(
                f"[codec] codes must lie in {kind.low_code} to {kind.high_code}; got {flat.min()} to {flat.max()}"
            )
        padded = np.zeros((len(flat), self.port.words * 32 // self.port.code_bits), dtype=self._dtype)
        padded[:, : self.port.size] = flat
        return padded.view("<u4").astype(np.uint32)

    def unpack(self, words: Array) -> Array:
        """Codes, int64 (n, *shape), of words (n, words)."""
        words = np.ascontiguousarray(words, dtype="<u4").reshape(-1, self.port.words)
        flat = words.view(self._dtype)[:, : self.port.size].astype(np.int64)
        return flat.reshape((len(words), *self.port.shape))

    def _samples(self, values: Array, dtype: Any) -> Array:
        array = np.asarray(values)
        if array.shape[1:] != self.port.shape or array.ndim == 0:
            raise ManifestError(
                f"[codec] samples of shape {self.port.shape}, many of them, are required; "
                f"got an array of shape {array.shape}"
            )
        return array.astype(dtype)


def encode(values: Array, kind: FixedType) -> Array:
    """Codes, int64, of real values, float64, any shape. NaN is a ManifestError."""
    if np.isnan(values).any():
        raise ManifestError("[codec] values must be numbers; got NaN")
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # infinities saturate below
        code = _rounded(np.ldexp(values, kind.fraction), kind.rounding)
    low, high = kind.low_code, kind.high_code
    if kind.overflow == "SAT_ZERO":
        code = np.where((code < low) | (code > high), 0.0, code)
    return np.clip(code, low, high).astype(np.int64)


def _rounded(x: Array, mode: str) -> Array:
    if mode == "TRN":
        return np.floor(x)
    inner = np.trunc(x)  # its remainder is exact, that of floor need not be
    outer, rest = inner + np.copysign(1.0, x), np.abs(x - inner)
    away = {
        "TRN_ZERO": False,
        "RND": x > 0,
        "RND_ZERO": False,
        "RND_INF": True,
        "RND_MIN_INF": x < 0,
        "RND_CONV": np.fmod(inner, 2) != 0,
    }[mode]
    beyond = (rest > 0.5) | ((rest == 0.5) & away) if mode != "TRN_ZERO" else np.zeros(x.shape, dtype=bool)
    return np.where(beyond, outer, inner)
