"""The options of an hls4ml project, as `run` and `export` take them."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any


def add(parser: argparse.ArgumentParser) -> None:
    unset = argparse.SUPPRESS  # what no flag says is HlsConfig's own, or a file's
    hls = parser.add_argument_group("hls4ml project")
    hls.add_argument(
        "--backend", default=unset, help="Vitis (default), Vivado, VivadoAccelerator, Quartus, oneAPI or Catapult"
    )
    hls.add_argument("--part", default=unset, help="such as xc7z020clg400-1")
    hls.add_argument("--board", default=unset, help="such as pynq-z2, in place of the part")
    hls.add_argument("--clock", type=float, default=unset, dest="clock_ns", metavar="NS", help="clock period in ns")
    hls.add_argument(
        "--reuse-factor",
        default=unset,
        type=_reuse_factor,
        metavar="N",
        help="weights that share a multiplier; LAYER=N,... too",
    )
    hls.add_argument(
        "--strategy",
        default=unset,
        type=_each,
        metavar="NAME",
        help="Latency, Resource, Unrolled or distributed_arithmetic; LAYER=NAME,... too",
    )
    hls.add_argument("--io", default=unset, dest="io_type", help="io_parallel or io_stream")


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The fields of HlsConfig that flags gave."""
    from qkdflow.export.hls import HlsConfig

    return {f.name: getattr(args, f.name) for f in fields(HlsConfig) if hasattr(args, f.name)}


def _each(text: str) -> Any:
    """One word for all layers, or LAYER=WORD,..."""
    if "=" not in text:
        return text
    return {name.strip(): word.strip() for name, _, word in (pair.partition("=") for pair in text.split(","))}


def _reuse_factor(text: str) -> Any:
    """What is no whole number stays as it is, for HlsConfig to refuse."""
    given = _each(text)
    return {name: _number(n) for name, n in given.items()} if isinstance(given, dict) else _number(given)


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text
