"""The input's type, as our own exporters name it in the files that they write."""

from __future__ import annotations

import json
import re

from qkdflow._core import FixedPoint
from qkdflow.refusal import reading, refusal

_WORDS = re.compile(r"(u?)fixed<(\d{1,3}),(-?\d{1,3}),([A-Z_]+),([A-Z_]+)>")


def input_type(text: str | None, where: str) -> FixedPoint | None:
    """fixed<10,4,RND,SAT>, hls4ml's spelling. None of None; DataError of anything else."""
    if text is None:
        return None
    found = _WORDS.fullmatch(text)
    if found is None:
        raise refusal(where, "the input's type must be such as ufixed<10,10,RND,SAT>", text)
    unsigned, bits, integer, rounding, overflow = found.groups()
    with reading(where):
        return FixedPoint(int(bits), int(integer), not unsigned, rounding, overflow)


def described(about: str | None, where: str) -> FixedPoint | None:
    """The same of the JSON that our Keras files carry."""
    if about is None:
        return None
    with reading(where):
        return input_type(json.loads(about).get("input_type"), where)
