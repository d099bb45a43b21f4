"""Damage that knows nothing of a format but that there are bytes, digits, lines and commas."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable

Random = random.Random
Damage = Callable[[Random, bytes], bytes]

_COUNTS = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 10**12, 2**63 - 1)
NUMBERS = (
    *("0", "-1", "1", "2", "-0", "64", "999", "1e999", "-1e999", "nan", "inf", "1e-320", "2147483648", "1000000000000"),
    *("9223372036854775808", "18446744073709551616", "9" * 400, "9" * 5000, "0x10", "1_0", "1.5", "--1", "\u0663"),
)
_TOKENS = (
    *(
        b"",
        b"\0",
        b"\n",
        b"\r",
        b"\t",
        b"\x1b[2J",
        b"\xff",
        b"\xc3",
        b"\xe2\x80\xae",
        b"\xef\xbb\xbf",
        b'"',
        b"'",
        b"\\",
    ),
    *(b"{", b"}", b"[", b"]", b"<", b">", b"&", b"|", b",", b":", b"=", b"#", b"null", b"true", b"NaN", b"Infinity"),
    *(b"../..", b"/etc/passwd", b"__class__", b"%s%n", b"[" * 2000, b"a" * 4096, b"\xf0\x9f\x98\x80", b"\\ud800"),
)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def damaged_bytes(rng: Random, data: bytes) -> bytes:
    if not data:
        return rng.choice(_TOKENS)
    at, to = rng.randrange(len(data)), rng.randrange(len(data) + 1)
    low, high = min(at, to), max(at, to)
    kind = rng.randrange(8)
    if kind == 0:  # bits, near one another as headers are
        found = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8))):
            found[min(len(data) - 1, at + rng.randrange(16))] ^= 1 << rng.randrange(8)
        return bytes(found)
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:low] + data[min(high, low + rng.choice((1, 4, 64, 4096))) :]
    if kind == 3:
        return data[:at] + rng.choice(_TOKENS) + data[at:]
    if kind == 4:  # a count or an offset
        form = rng.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
        number = struct.pack(form, rng.choice(_COUNTS) % (1 << 8 * struct.calcsize(form)))
        at = rng.randrange(min(len(data), 64)) if rng.random() < 0.5 else at
        return data[:at] + number + data[at + len(number) :]
    if kind == 5:
        return damaged_number(rng, data)
    if kind == 6:
        return data[:high] + data[low : min(high, low + 4096)] + data[high:]
    return data[:at] + bytes(rng.randrange(256) for _ in range(rng.choice((1, 4, 16)))) + data[at + 1 :]


def spliced(rng: Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def damaged_number(rng: Random, data: bytes) -> bytes:
    """Another number where one is written in digits."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return data + rng.choice(NUMBERS).encode()
    one = rng.choice(found)
    return data[: one.start()] + rng.choice(NUMBERS).encode() + data[one.end() :]


def damaged_lines(rng: Random, data: bytes) -> bytes:
    """Lines and their cells: gone, twice, in another order, with another number or token."""
    lines = data.split(b"\n")
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(to, lines[at])
    elif kind == 2:
        lines[at], lines[to] = lines[to], lines[at]
    elif kind == 3:
        lines[at] = damaged_number(rng, lines[at])
    elif kind == 4:
        cells = lines[at].split(b",")
        cells[rng.randrange(len(cells))] = rng.choice(_TOKENS)
        lines[at] = b",".join(cells)
    else:
        lines[at] = damaged_bytes(rng, lines[at])
    return b"\n".join(lines)
