"""The options of an hls4ml project, as `run` and `export` take them."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qkdflow.export.hls import HlsConfig


def add(parser: argparse.ArgumentParser) -> None:
    hls = parser.add_argument_group("hls4ml project")
    hls.add_argument("--backend", default="Vitis", help="Vitis, Vivado, VivadoAccelerator, Quartus, oneAPI or Catapult")
    hls.add_argument("--part", help="such as xc7z020clg400-1")
    hls.add_argument("--board", help="such as pynq-z2, in place of the part")
    hls.add_argument("--clock", type=float, default=5.0, dest="clock_ns", metavar="NS", help="clock period in ns")
    hls.add_argument(
        "--reuse-factor",
        default=1,
        type=_reuse_factor,
        metavar="N",
        help="weights that share a multiplier; LAYER=N,... too",
    )
    hls.add_argument(
        "--strategy",
        default="Latency",
        type=_each,
        metavar="NAME",
        help="Latency, Resource, Unrolled or distributed_arithmetic; LAYER=NAME,... too",
    )
    hls.add_argument("--io", default="io_parallel", dest="io_type", help="io_parallel or io_stream")


def config(args: argparse.Namespace) -> HlsConfig:
    from qkdflow.export.hls import HlsConfig

    return HlsConfig(**{f.name: getattr(args, f.name) for f in fields(HlsConfig) if hasattr(args, f.name)})


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
